"""When dashboards are pushed by themselves."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import dagster as dg
import pytest
from checks.checks_support import QuietVendor, vendor

from polygon_assets.defs.dashboards import sensors
from polygon_assets.defs.dashboards.bundle import own_digest
from polygon_assets.resources.superset import Superset

pytestmark = pytest.mark.usefixtures("builds")


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    """Something that says it is well, as Superset does."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as found:
        Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


def at(moment: str) -> type[QuietVendor]:
    class Clock(QuietVendor):
        def now(self) -> datetime:
            return datetime.fromisoformat(moment).replace(tzinfo=UTC)

    return Clock


@cache
def built() -> dg.DagsterInstance:
    """A Dagster whose marts were built once."""
    instance = dg.DagsterInstance.ephemeral()
    for mart in sensors.never_built(instance):
        key = ["marts", "market", mart]
        instance.report_runless_asset_event(dg.AssetMaterialization(key))
    return instance


def tick(
    url: str, moment: str, instance: dg.DagsterInstance | None = None
) -> dg.RunRequest | dg.SkipReason:
    server = Superset(target="superset", url=url, user="admin", password="x", preset_api_url="")
    resources = {"polygon": vendor(at(moment)), "superset": server}
    context = dg.build_sensor_context(instance=instance or built(), resources=resources)
    found = sensors.dashboards(context)
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found


def key(url: str, moment: str) -> str:
    found = tick(url, moment)
    assert isinstance(found, dg.RunRequest)
    return str(found.run_key)


def test_it_waits_while_no_server_answers() -> None:
    found = tick("http://127.0.0.1:9", "2005-02-28T23:00")
    assert isinstance(found, dg.SkipReason)
    assert "No dashboards are served at http://127.0.0.1:9" in str(found.skip_message)


def test_it_waits_until_there_is_something_to_show(server: str) -> None:
    found = tick(server, "2005-02-28T23:00", dg.DagsterInstance.ephemeral())
    assert isinstance(found, dg.SkipReason)
    assert "fct_daily_adjusted, " in str(found.skip_message)
    assert "dim_security" in str(found.skip_message)


def test_one_run_per_session(server: str) -> None:
    # Friday's is asked for once, until Monday's close (21:00 UTC) is five hours ago.
    friday = {key(server, f"2005-02-{moment}") for moment in ("26T02:00", "27T12:00", "28T23:00")}
    assert len(friday) == 1
    assert friday != {key(server, "2005-03-01T02:00")}


def test_a_changed_bundle_is_pushed(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(server, "2005-02-28T23:00")
    before_digest = own_digest()
    monkeypatch.setattr(sensors, "own_digest", lambda: f"{before_digest} of another file")
    assert key(server, "2005-02-28T23:00") != before


def test_another_server_gets_them_too(server: str) -> None:
    other = server.replace("127.0.0.1", "localhost")
    assert key(server, "2005-02-28T23:00") != key(other, "2005-02-28T23:00")
