"""The whole platform: `polygon demo` on two sessions, killed in between, and once more.

The tests go on from each other in the order of this file.
"""

import csv
import gzip
import json
import math
import os
import signal
import subprocess
import time
from datetime import date
from pathlib import Path

import bokeh_sampledata
import pytest
import snowflake.connector
from support.demo import SMALL, DemoFolder, end, read_until, tables

from polygon_assets.manifest import MANIFEST
from polygon_assets.sandbox.control import read_state

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("demo"),
    pytest.mark.usefixtures("builds"),
]

STREAMED = date(2005, 2, 28)
SOURCE = Path(bokeh_sampledata.__file__).parent / "_data" / "stocks.csv.gz"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> DemoFolder:
    return DemoFolder(tmp_path_factory.mktemp("demo") / "sandbox")


@pytest.fixture(scope="module")
def demo(folder: DemoFolder) -> subprocess.CompletedProcess[str]:
    """One finished demo, whose sandbox is kept for the questions of the tests."""
    done = folder.run("demo", *SMALL, "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module", autouse=True)
def _stop(folder: DemoFolder) -> object:
    yield
    folder.run("down")
    assert folder.wait_until_clean() == []


def dbt_tables() -> set[str]:
    """Every table that dbt builds, as ``schema.table``."""
    nodes = json.loads(MANIFEST.read_text())["nodes"].values()
    stored = {"table", "incremental", "seed", "snapshot"}
    return {
        f"{node['schema']}.{node['alias']}".lower()
        for node in nodes
        if node["config"].get("materialized") in stored and node["config"]["enabled"]
    }


def test_every_stage_and_check_worked(demo: subprocess.CompletedProcess[str]) -> None:
    from polygon_assets.definitions import defs  # needs the manifest, which the demo has made

    for stage in ("sandbox", "bootstrap", "batch", "stream", "rollups", "checks"):
        assert f"✓ {stage}" in demo.stdout
    keys = defs.resolve_asset_graph().asset_check_keys
    checks = len([key for key in keys if key.asset_key.path[0] != "bi"])  # those need --bi
    assert f"All of it worked: {checks} of {checks} checks passed" in demo.stdout
    assert "events/s" in demo.stdout
    assert "polygon up" in demo.stdout
    assert demo.stderr == ""


def test_tables_have_rows(demo: subprocess.CompletedProcess[str]) -> None:
    found = tables(demo.stdout)
    assert found["raw.daily_bars"][0] == 2 * 7  # eight symbols, one of which is listed later
    assert found["marts.fct_daily_bars"] != (0, "0" * 16)
    assert found["ticks_local.bars_1s"][0] > 50_000
    assert found["rollups_local.bars_1d"][0] == 7
    assert found["reconcile.daily_bars"][0] == 7
    assert found["marts.dim_trading_session"][0] == 7_794
    assert dbt_tables() - set(found) == set()


def test_status_prints_the_same_tables(
    demo: subprocess.CompletedProcess[str], folder: DemoFolder
) -> None:
    shown = folder.run("status", "--tables")
    assert shown.stdout.count("healthy") == 6
    assert tables(shown.stdout) == tables(demo.stdout)


def test_adjusted_closes_match_the_source(
    demo: subprocess.CompletedProcess[str], folder: DemoFolder
) -> None:
    """The data source publishes an adjusted close of its own: the same up to one factor."""
    assert demo.returncode == 0
    with snowflake.connector.connect(
        account="sandbox",
        user="sandbox",
        password="sandbox",
        host="127.0.0.1",
        port=folder.layout.port("snowflake"),
        protocol="http",
        database="POLYGON_LOCAL",
    ) as connection:
        rows = (
            connection.cursor()
            .execute(
                "SELECT symbol, session_date, adjusted_close FROM MARTS.FCT_DAILY_ADJUSTED "
                "WHERE symbol IN ('AAPL', 'GOOG', 'IBM', 'MSFT')"
            )
            .fetchall()
        )
    ours = {(symbol, day): float(price) for symbol, day, price in rows}
    theirs = source_adjusted_closes()
    assert len(ours) == 8
    for (symbol, day), price in ours.items():
        relative = price / ours[symbol, STREAMED]
        expected = theirs[symbol, day] / theirs[symbol, STREAMED]
        assert math.isclose(relative, expected, rel_tol=1e-9), (symbol, day)
    assert ours["AAPL", date(2005, 2, 25)] == pytest.approx(88.99 / 2)


def source_adjusted_closes() -> dict[tuple[str, date], float]:
    with gzip.open(SOURCE, "rt", newline="") as file:
        return {
            (row["Ticker"], date.fromisoformat(row["Date"])): float(row["Adj Close"])
            for row in csv.DictReader(file)
        }


def test_another_market_on_the_running_sandbox_is_refused(
    demo: subprocess.CompletedProcess[str], folder: DemoFolder
) -> None:
    assert demo.returncode == 0
    refused = folder.run("demo", "--symbols", "9")
    assert refused.returncode == 1
    assert "polygon down" in refused.stdout
    assert "Traceback" not in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    ("after", "seconds", "number"),
    [
        ("", 0.7, signal.SIGKILL),
        ("✓ sandbox", 0.5, signal.SIGINT),
        ("✓ bootstrap", 6.0, signal.SIGKILL),
        ("✓ bootstrap", 14.0, signal.SIGINT),
        ("✓ batch", 5.0, signal.SIGKILL),
    ],
    ids=["start-kill", "import-interrupt", "sync-kill", "dbt-interrupt", "stream-kill"],
)
def test_killed_demo_leaves_no_process(
    demo: subprocess.CompletedProcess[str],
    folder: DemoFolder,
    after: str,
    seconds: float,
    number: signal.Signals,
) -> None:
    assert demo.returncode == 0
    folder.run("down")
    again = folder.start("demo", *SMALL)
    if after:
        read_until(again, after)
    time.sleep(seconds)
    assert again.poll() is None, "the demo was over before it was killed"
    rest = end(again, number)
    assert folder.wait_until_clean() == []
    if number is signal.SIGINT:
        assert again.returncode == 130
        assert "Interrupted" in rest
        assert "Traceback" not in rest


def test_killed_supervisor_takes_everything_with_it(
    demo: subprocess.CompletedProcess[str], folder: DemoFolder
) -> None:
    assert demo.returncode == 0
    again = folder.start("demo", *SMALL)
    read_until(again, "✓ bootstrap")
    state = read_state(folder.layout)
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    rest = end(again, signal.SIGTERM)
    assert folder.wait_until_clean() == []
    assert "Traceback" not in rest


def test_next_demo_succeeds_and_gives_identical_tables(
    demo: subprocess.CompletedProcess[str], folder: DemoFolder
) -> None:
    again = folder.run("demo", *SMALL)
    assert again.returncode == 0, again.stdout
    assert tables(again.stdout) == tables(demo.stdout)
    assert folder.wait_until_clean() == []
