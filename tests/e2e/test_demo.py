"""The whole platform: `polygon demo`, killed in between in its own folder, and once more.

The finished demo is that of the dashboards' tests. The tests go on from each other in the order of
this file, and after those of the dashboards: the kills stop the servers that these ask.
"""

import csv
import gzip
import json
import math
import os
import signal
import time
from datetime import date
from pathlib import Path

import bokeh_sampledata
import pytest
import snowflake.connector
from support.demo import SMALL, DemoFolder, end, read_until, tables
from support.served import Served
from support.superset import GROUP

from polygon_assets.manifest import MANIFEST
from polygon_assets.sandbox.control import read_state

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group(GROUP),
    pytest.mark.usefixtures("builds", "superset_environment"),
]

STREAMED = date(2005, 2, 28)
SOURCE = Path(bokeh_sampledata.__file__).parent / "_data" / "stocks.csv.gz"


def dbt_tables() -> set[str]:
    """Every table that dbt builds, as ``schema.table``."""
    nodes = json.loads(MANIFEST.read_text())["nodes"].values()
    stored = {"table", "incremental", "seed", "snapshot"}
    return {
        f"{node['schema']}.{node['alias']}".lower()
        for node in nodes
        if node["config"].get("materialized") in stored and node["config"]["enabled"]
    }


def test_every_stage_and_check_worked(served: Served) -> None:
    from polygon_assets.definitions import defs  # needs the manifest, which the demo has made

    for stage in ("sandbox", "bootstrap", "batch", "stream", "rollups", "dashboards", "checks"):
        assert f"✓ {stage}" in served.output
    keys = defs.resolve_asset_graph().asset_check_keys
    assert f"All of it worked: {len(keys)} of {len(keys)} checks passed" in served.output
    assert "events/s" in served.output
    assert "polygon up" in served.output


def test_tables_have_rows(served: Served) -> None:
    found = tables(served.output)
    assert found["raw.daily_bars"][0] == 8 * 7  # eight symbols, one of which is listed later
    assert found["marts.fct_daily_bars"] != (0, "0" * 16)
    assert found["ticks_local.bars_1s"][0] > 50_000
    assert found["rollups_local.bars_1d"][0] == 7
    assert found["reconcile.daily_bars"][0] == 7
    assert found["marts.dim_trading_session"][0] == 7_794
    assert dbt_tables() - set(found) == set()


def test_status_prints_the_same_tables(served: Served, bi_folder: DemoFolder) -> None:
    shown = bi_folder.run("status", "--tables")
    assert shown.stdout.count("healthy") == 7
    assert tables(shown.stdout) == tables(served.output)


def test_adjusted_closes_match_the_source(served: Served, bi_folder: DemoFolder) -> None:
    """The data source publishes an adjusted close of its own: the same up to one factor."""
    with snowflake.connector.connect(
        account="sandbox",
        user="sandbox",
        password="sandbox",
        host="127.0.0.1",
        port=bi_folder.layout.port("snowflake"),
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
    assert len(ours) == 8 * 4
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
    served: Served, bi_folder: DemoFolder
) -> None:
    refused = bi_folder.run("demo", "--symbols", "9")
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
    served: Served,
    bi_folder: DemoFolder,
    after: str,
    seconds: float,
    number: signal.Signals,
) -> None:
    bi_folder.run("down")
    again = bi_folder.start("demo", *SMALL)
    if after:
        read_until(again, after)
    time.sleep(seconds)
    assert again.poll() is None, "the demo was over before it was killed"
    rest = end(again, number)
    assert bi_folder.wait_until_clean() == []
    if number is signal.SIGINT:
        assert again.returncode == 130
        assert "Interrupted" in rest
        assert "Traceback" not in rest


def test_killed_supervisor_takes_everything_with_it(served: Served, bi_folder: DemoFolder) -> None:
    again = bi_folder.start("demo", *SMALL)
    read_until(again, "✓ bootstrap")
    state = read_state(bi_folder.layout)
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    rest = end(again, signal.SIGTERM)
    assert bi_folder.wait_until_clean() == []
    assert "Traceback" not in rest


def test_next_demo_succeeds_and_gives_identical_tables(
    served: Served, bi_folder: DemoFolder
) -> None:
    again = bi_folder.run("demo", *SMALL)
    assert again.returncode == 0, again.stdout + again.stderr
    assert tables(again.stdout) == tables(served.output)
    assert bi_folder.wait_until_clean() == []
