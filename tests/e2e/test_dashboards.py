"""`polygon demo --bi` and `polygon dashboards`: what is pushed where, and what is said."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from checks.checks_support import variables
from support.demo import DemoFolder
from support.served import Served
from support.superset import GROUP

from polygon_assets.defs.dashboards.addresses import database_addresses
from polygon_assets.defs.dashboards.bundle import BUNDLE, read_files
from polygon_assets.defs.dashboards.push import push
from polygon_assets.defs.dashboards.render import rendered
from polygon_assets.defs.platform.drop import drop_deployment
from polygon_assets.env import branch_names
from polygon_assets.resources.superset import SupersetClient, SupersetError

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group(GROUP),
    pytest.mark.usefixtures("builds", "superset_environment"),
]


def test_the_demo_pushes_both_dashboards(served: Served, bi_folder: DemoFolder) -> None:
    from polygon_assets.definitions import defs

    checks = len(defs.resolve_asset_graph().asset_check_keys)
    assert "✓ dashboards" in served.output
    assert f"All of it worked: {checks} of {checks} checks passed" in served.output
    assert bi_folder.layout.bi_url in served.output


def test_a_push_again_finds_nothing_to_change(served: Served, bi_folder: DemoFolder) -> None:
    found = polygon(bi_folder, "dashboards", "push", "--dry-run")
    assert "0 to create, 0 to update" in found.stdout


def test_what_somebody_changed_is_told_and_pulled_or_pushed_over(
    served: Served, client: SupersetClient, bi_folder: DemoFolder
) -> None:
    slug = served.bundle.dashboards["live_market"]["slug"]
    [gainers] = [one for one in client.charts(slug) if one["slice_name"] == "Gainers"]
    changed = {"slice_name": "Winners"}
    answer = client.http.put(f"{client.url}/api/v1/chart/{gainers['id']}", json=changed)
    assert answer.ok
    told = polygon(bi_folder, "dashboards", "push", "--dry-run", "live_market")
    assert "0 to create, 1 to update" in told.stdout
    assert "slice_name" in told.stdout
    before, folder = read_files(), bi_folder.root.parent / "pulled"
    shutil.copytree(BUNDLE, folder)
    assert polygon(bi_folder, "dashboards", "pull", "--folder", str(folder)).returncode == 0
    after = read_files(folder)
    assert [path for path in before if before[path] != after[path]] == ["charts/live_gainers.yaml"]
    renamed = before["charts/live_gainers.yaml"].replace(
        "slice_name: Gainers", "slice_name: Winners"
    )
    assert after == before | {"charts/live_gainers.yaml": renamed}
    pushed = polygon(bi_folder, "dashboards", "push", "live_market")
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr
    assert "Gainers" in {one["slice_name"] for one in client.charts(slug)}


def test_a_wrong_password_is_said_in_one_sentence(served: Served, bi_folder: DemoFolder) -> None:
    found = polygon(bi_folder, "dashboards", "push", "--dry-run", DASHBOARDS_PASSWORD="wrong")
    assert found.returncode == 1
    assert "refuses the user admin: check DASHBOARDS_USER and DASHBOARDS_PASSWORD" in found.stderr
    assert len(found.stderr.splitlines()) == 1
    assert "wrong" not in found.stderr


def test_no_server_is_said_in_one_sentence(served: Served, bi_folder: DemoFolder) -> None:
    found = polygon(bi_folder, "dashboards", "push", DASHBOARDS_URL="http://127.0.0.1:9")
    assert found.returncode == 1
    assert "No dashboards are served at http://127.0.0.1:9" in found.stderr
    assert "polygon up --bi" in found.stderr


def polygon(folder: DemoFolder, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command on the demo's sandbox."""
    with variables(**(folder.layout.environment() | more)):
        return folder.run(*arguments)


class PresetApi(BaseHTTPRequestHandler):
    """Preset's way from an API token to a workspace: a JWT, which here is Superset's own."""

    superset = ""

    def do_POST(self) -> None:
        login = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.path == "/v1/auth/" and login["secret"] == "sandbox"
        body = {"username": login["name"], "password": login["secret"], "provider": "db"}
        request = urllib.request.Request(
            f"{self.superset}/api/v1/security/login",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        self.send_response(200 if known else 401)
        self.end_headers()
        if known:
            with urllib.request.urlopen(request) as answer:
                token = json.load(answer)["access_token"]
            self.wfile.write(json.dumps({"payload": {"access_token": token}}).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def preset(served: Served) -> Iterator[str]:
    """The address of an API that gives access to the workspace."""
    PresetApi.superset = served.server.address
    with ThreadingHTTPServer(("127.0.0.1", 0), PresetApi) as found:
        Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


def test_preset_gets_the_same_dashboards_with_charts_that_it_has(
    served: Served, client: SupersetClient, bi_folder: DemoFolder, preset: str
) -> None:
    to_preset = ("dashboards", "push", "--target", "preset")
    pushed = polygon(bi_folder, *to_preset, DASHBOARDS_PRESET_API_URL=preset)
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr
    assert "polygon_candlestick" not in pushed.stdout
    slug = served.bundle.dashboards["daily_market"]["slug"]
    types = {one["slice_name"]: one["form_data"]["viz_type"] for one in client.charts(slug)}
    assert types["Candles"] == types["Candles, weekly"] == "mixed_timeseries"
    again = polygon(bi_folder, "dashboards", "push")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "4 to update" in again.stdout


def test_a_token_that_preset_refuses_is_named(
    served: Served, bi_folder: DemoFolder, preset: str
) -> None:
    found = polygon(
        *(bi_folder, "dashboards", "push", "--target", "preset"),
        DASHBOARDS_PRESET_API_URL=preset,
        DASHBOARDS_PASSWORD="wrong",
    )
    assert found.returncode == 1
    assert "Preset refuses the API token admin" in found.stderr


def test_a_drop_takes_the_dashboards_of_a_branch_and_no_others(
    served: Served, client: SupersetClient, bi_folder: DemoFolder
) -> None:
    local = set(client.connections())
    with variables(**bi_folder.layout.environment()):
        for number in (12, 120):
            addresses = database_addresses(branch_names(number))
            push(client, rendered(branch_names(number), addresses), addresses)
    assert set(client.connections()) - local == {
        *("ClickHouse (pr_12)", "Snowflake (pr_12)"),
        *("ClickHouse (pr_120)", "Snowflake (pr_120)"),
    }
    assert client.dashboard("live-market-pr-12")["dashboard_title"] == "Live market (pr_12)"
    # The stand-in of Snowflake makes a database that somebody connects to: it goes last.
    assert drop_deployment(served.systems, 12) == [
        *("ClickHouse (pr_12)", "Snowflake (pr_12)"),
        "POLYGON_PR_12",
    ]
    with pytest.raises(SupersetError, match="404"):
        client.dashboard("live-market-pr-12")
    assert len(client.charts("live-market-pr-120")) == 17
    drop_deployment(served.systems, 120)
    assert set(client.connections()) == local
    left = client.dataset_ids()
    assert set(left) == {one["uuid"] for one in served.bundle.datasets.values()}
    assert len(client.charts(served.bundle.dashboards["live_market"]["slug"])) == 17


def test_the_doctor_looks_at_the_server(served: Served, bi_folder: DemoFolder) -> None:
    found = polygon(bi_folder, "doctor", "dashboards")
    assert found.returncode == 0, found.stdout
    assert "2 as in the files" in found.stdout
    refused = polygon(bi_folder, "doctor", "dashboards", DASHBOARDS_PASSWORD="wrong")
    assert refused.returncode == 1
    assert "check DASHBOARDS_USER" in " ".join(refused.stdout.split()).replace("Check", "check")


def test_the_bundle_is_written_for_other_tools(bi_folder: DemoFolder) -> None:
    folder = bi_folder.root.parent / "written"
    assert polygon(bi_folder, "dashboards", "write", str(folder)).returncode == 0
    assert (folder / "dashboards" / "live_market.yaml").exists()
    assert "password" not in (folder / "databases" / "snowflake.yaml").read_text()
