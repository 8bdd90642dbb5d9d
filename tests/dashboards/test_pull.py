"""What a pull writes: the change that somebody made, and no line more."""

import difflib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import requests
import yaml
from dashboards.bundles import ADDRESSES

from polygon_assets.defs.dashboards.bundle import read_files
from polygon_assets.defs.dashboards.pull import pulled_files
from polygon_assets.defs.dashboards.render import bundle_files, rendered, variables
from polygon_assets.env import deployment_names
from polygon_assets.resources.superset import SupersetClient

NAMES = deployment_names({})
DAILY = "dashboards/daily_market.yaml"

Change = Callable[[dict[str, Any]], None]


def exported(change: Change) -> bytes:
    """The bundle as Superset exports it, keys sorted, with one change in the daily dashboard."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        for path, text in bundle_files(rendered(NAMES, ADDRESSES)).items():
            one = yaml.safe_load(text)
            if path == DAILY:
                one["metadata"]["default_filters"] = "{}"
                change(one)
            files.writestr(f"export/{path}", yaml.safe_dump(one, sort_keys=True))
    return archive.getvalue()


@contextmanager
def serving(archive: bytes) -> Iterator[SupersetClient]:
    """A server that exports this archive, whichever dashboard is asked for."""

    class Exports(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            whole = "/export/" in self.path
            self.send_response(200)
            self.end_headers()
            self.wfile.write(archive if whole else json.dumps({"result": {"id": 1}}).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Exports) as server, requests.Session() as session:
        Thread(target=server.serve_forever, daemon=True).start()
        yield SupersetClient(f"http://127.0.0.1:{server.server_port}", session)
        server.shutdown()


def pulled(change: Change) -> dict[str, list[str]]:
    """Path -> the lines that a pull would change."""
    files = read_files()
    bundle, values = rendered(NAMES, ADDRESSES), variables(NAMES, ADDRESSES)
    with serving(exported(change)) as client:
        found = pulled_files(client, files, bundle, values)
    return {
        path: [
            line
            for line in difflib.ndiff(files[path].splitlines(), text.splitlines())
            if line.startswith(("+ ", "- "))
        ]
        for path, text in found.items()
    }


def test_what_nobody_changed_is_not_written() -> None:
    assert pulled(lambda _: None) == {}


def test_a_changed_layout_is_the_lines_that_changed() -> None:
    def taller(dashboard: dict[str, Any]) -> None:
        dashboard["position"]["CHART-daily_breadth"]["meta"]["height"] = 50

    assert pulled(taller) == {DAILY: ["-       height: 44", "+       height: 50"]}


def test_what_is_new_comes_last() -> None:
    def row(dashboard: dict[str, Any]) -> None:
        dashboard["position"]["TAB-market"]["children"].append("ROW-new")
        dashboard["position"]["ROW-new"] = {"type": "ROW", "id": "ROW-new", "children": []}

    found = pulled(row)
    assert [line.lstrip("+ ") for line in found[DAILY]] == [
        "- ROW-new",
        *("ROW-new:", "children: []", "id: ROW-new", "type: ROW"),
    ]


def test_what_only_the_server_knows_stays_there() -> None:
    def colors(dashboard: dict[str, Any]) -> None:
        dashboard["metadata"]["refresh_frequency"] = 60

    found = "\n".join(pulled(colors)[DAILY])
    assert "+   refresh_frequency: 60" in found
    assert "default_filters" not in found
