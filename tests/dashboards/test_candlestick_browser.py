"""The candlestick chart in Chromium, on stand-ins for the modules that Superset publishes.

React and the chart library come from npm, at the versions of ``plugin/package-lock.json``; React is
the one of Superset 6.1.0.
"""

import json
import os
import queue
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from polygon_assets.env import PROJECT_ROOT

pytestmark = pytest.mark.xdist_group("candlestick_browser")

PLUGIN = PROJECT_ROOT / "polygon_assets" / "defs" / "dashboards" / "plugin"
TESTS = Path(__file__).parent / "plugin"
KINDS = {".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript"}
SUPERSET_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self'; connect-src 'self'; object-src 'none'"
)
"""The part of Superset's default Content-Security-Policy that a chart meets."""
REPORT_SECONDS = 60.0
UP, DOWN = "#26a69a", "#ef5350"


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed npm packages."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(TESTS / name, folder)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / "node_modules"


@pytest.fixture(scope="session")
def shown(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page of ``plugin/page.js`` saw, by scene."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    folders = {"npm": packages, "plugin": PLUGIN, "tests": TESTS}
    profile = tmp_path_factory.mktemp("chromium")
    with _site(folders) as (address, reports), (profile / "log").open("w") as log:
        options = ["--headless", "--disable-gpu", f"--user-data-dir={profile}"]
        if os.geteuid() == 0:  # Chromium refuses its sandbox to root
            options.append("--no-sandbox")
        browser = subprocess.Popen(
            [chromium, *options, "--window-size=1200,800", f"{address}/tests/page.html"],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            report = json.loads(reports.get(timeout=REPORT_SECONDS))
        except queue.Empty:
            pytest.fail(f"the page did not report: {(profile / 'log').read_text()}")
        finally:
            browser.terminate()
            browser.wait(15)
    assert report["errors"] == []
    return report["results"]


@contextmanager
def _site(folders: dict[str, Path]) -> Iterator[tuple[str, "queue.Queue[bytes]"]]:
    reports: queue.Queue[bytes] = queue.Queue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, folders, reports))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", reports
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Serves ``/<folder>/<path>`` and takes the page's report."""

    def __init__(self, folders: dict[str, Path], reports: "queue.Queue[bytes]", *rest: Any) -> None:
        self.folders, self.reports = folders, reports
        super().__init__(*rest)

    def do_GET(self) -> None:
        folder, _, name = self.path.lstrip("/").partition("/")
        file = self.folders.get(folder, Path("/nowhere")) / name
        if not file.is_file():
            self.send_error(404)
            return
        self._answer(file.read_bytes(), KINDS.get(file.suffix, "application/octet-stream"))

    def do_POST(self) -> None:
        self.reports.put(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(b"", "text/plain")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", SUPERSET_POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_the_vendored_library_is_the_one_of_npm(packages: Path) -> None:
    package = packages / "lightweight-charts"
    built = package / "dist" / "lightweight-charts.standalone.production.mjs"
    assert (PLUGIN / "lightweight-charts.mjs").read_bytes() == built.read_bytes()
    licence = (PLUGIN / "lightweight-charts.LICENSE").read_bytes()
    assert licence == (package / "LICENSE").read_bytes()


def test_the_chart_registers_itself(shown: dict[str, Any]) -> None:
    registration = shown["registration"]
    assert registration["key"] == "polygon_candlestick"
    metadata = registration["metadata"]
    assert (metadata["name"], metadata["category"]) == ("Candlestick", "Evolution")
    assert metadata["thumbnail"].startswith("data:image/svg+xml,")
    prices = ["open", "high", "low", "close"]
    wanted = {*prices, "x_axis", "time_grain_sqla", "volume", "overlays", "time_zone"}
    assert wanted | {"adhoc_filters", "row_limit", "y_axis_format"} <= {*registration["controls"]}
    assert registration["metrics"] == prices


def test_the_legend_is_of_the_newest_bar_or_of_the_one_under_the_crosshair(
    shown: dict[str, Any],
) -> None:
    scene = shown["intraday"]
    newest = ["NVDA", "Thu, Jul 2, 2026, 15:55 EDT", "O 177.00", "H 179.00", "L 176.00"]
    newest += ["C 178.00", "+0.56%", "Vol 1.5K", "SMA 20 120.00"]
    assert scene["atRest"] == newest
    _, hovered = scene["hovered"]
    assert hovered[1] == "Thu, Jul 2, 2026, 10:10 EDT"
    assert hovered[2] == "O 108.00"
    assert scene["atLast"] == newest


def test_candles_are_drawn_with_the_attribution(shown: dict[str, Any]) -> None:
    scene = shown["intraday"]
    assert scene["pixels"][UP] > 500
    assert DOWN not in scene["pixels"]
    assert scene["logo"].startswith("https://www.tradingview.com/")
    assert scene["name"] == (
        "Candlestick chart of NVDA: 78 bars, "
        "Thu, Jul 2, 2026, 09:30 EDT to Thu, Jul 2, 2026, 15:55 EDT"
    )


def test_daily_bars_show_their_date_and_sub_dollar_prices_four_digits(
    shown: dict[str, Any],
) -> None:
    assert shown["daily"][:2] == ["Mon, Mar 9, 2026", "O 0.4000"]


def test_a_chosen_format_is_used(shown: dict[str, Any]) -> None:
    assert shown["format"][1] == "O ,.3f 177"


@pytest.mark.parametrize(
    ("scene", "title", "hint"),
    [
        ("empty", "No bars for this selection", "Choose another symbol or a longer period."),
        (
            "several",
            "Several symbols: choose one",
            "Thu, Jul 2, 2026, 09:30 EDT has more than one bar. "
            "A filter on one symbol usually helps.",
        ),
        ("incomplete", "Prices are missing", "Choose a metric for: open."),
        ("absent", "Columns are missing", 'The result has no "sma_99": update the chart.'),
    ],
)
def test_what_cannot_be_drawn_is_explained(
    shown: dict[str, Any], scene: str, title: str, hint: str
) -> None:
    assert shown[scene] == [title, hint]


def test_bars_that_arrive_after_an_empty_result_are_drawn(shown: dict[str, Any]) -> None:
    assert shown["recovers"][0] == "Thu, Jul 2, 2026, 15:55 EDT"


def test_symbols_and_labels_are_never_html(shown: dict[str, Any]) -> None:
    scene = shown["hostile"]
    assert scene["legend"][0] == "<img src=x onerror=window.owned=1>"
    assert scene["legend"][-1] == "<b>line</b> 1.00"
    assert (scene["elements"], scene["owned"]) == (0, None)


def test_the_theme_is_followed(shown: dict[str, Any]) -> None:
    scene = shown["dark"]
    assert scene["text"] == "rgb(250, 250, 250)"
    assert max(scene["pixels"], key=scene["pixels"].__getitem__) == "#141414"


def test_the_zoom_survives_a_new_size_and_a_refresh(shown: dict[str, Any]) -> None:
    scene = shown["zoom"]
    assert scene["afterWheel"] == scene["all"]  # without Ctrl the wheel scrolls the page
    assert scene["zoomed"] != scene["all"]
    assert scene["resized"] == scene["zoomed"]
    assert scene["refreshed"] == scene["zoomed"]
    assert scene["other"] == scene["all"]


def test_a_right_click_offers_the_rows_behind_a_bar(shown: dict[str, Any]) -> None:
    [filters] = shown["menu"]
    assert filters["drillToDetail"] == [
        {
            "col": "bar_start",
            "op": "==",
            "val": 1782999000000,
            "grain": "PT5M",
            "formattedVal": "Thu, Jul 2, 2026, 09:30 EDT",
        }
    ]
