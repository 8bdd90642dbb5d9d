"""The benchmarks run, on a small scale; their figures are not judged here."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("builds")]


def run(script: str, *options: str, shows: str = "rows/s") -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / script), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shows in done.stdout, done.stdout + done.stderr
    return done.stdout


def test_backfill_is_one_run_with_figures_for_each_stage() -> None:
    printed = run("backfill.py", "--sessions", "3", "--symbols", "50")
    assert "of 3 sessions" in printed
    assert "run succeeded" in printed
    for stage in ("connector", "protocol (Airbyte)", "load (warehouse)", "Dagster"):
        assert stage in printed


def test_flat_files_print_the_ratio_to_bare_engines() -> None:
    printed = run("flat_files.py", "--symbols", "20")
    assert "x bare DuckDB" in printed
    assert "x bare pyarrow" in printed


def test_marts_print_what_one_session_more_costs() -> None:
    small = ("--symbols", "5", "--years", "1", "--select", "+fct_daily_bars")
    printed = run("marts.py", *small, shows="one session more")
    assert "the same session again" in printed
    assert ", 0 rows" in printed


def test_live_rollups_print_designs_side_by_side() -> None:
    small = ("--symbols", "50", "--seconds", "120", "--blocks", "3", "--rows", "50")
    printed = run("live_rollups.py", *small, shows="insert of one block")
    for name in ("product", "recompute", "states", "refreshed"):
        assert name in printed
    assert "movers, whole market" in printed


def test_the_producer_is_compared_with_the_vendors_client_and_the_limit() -> None:
    options = ("producer", "--events", "20000", "--rounds", "1")
    printed = run("stream.py", *options, shows="events/CPU-s")
    for name in ("polygon_stream.producer", "vendor's client, models", "bare produce loop"):
        assert len(figures(printed, name)) == 2, printed


def test_the_sink_is_compared_with_bare_insertion() -> None:
    printed = run("stream.py", "sink", "--events", "20000", shows="events/CPU-s")
    for name in (
        "sink",
        "sink without consuming",
        "bare raw_insert",
        "bare consume loop",
    ):
        assert "20,000" in figures(printed, name)[0]


def test_a_steady_load_is_stored_whole_and_its_latency_told() -> None:
    options = ("chain", "--symbols", "500", "--seconds", "5")
    printed = run("stream.py", *options, shows="event to queryable, p50")
    assert "2,500" in figures(printed, "rows stored")[0]
    assert "0 / 0" in figures(printed, "missing / twice")[0]
    for name in ("producer", "Kafka", "sink", "ClickHouse", "load generator"):
        assert "of a core" in figures(printed, f"CPU: {name}")[0]


def test_the_limit_is_looked_for_step_by_step() -> None:
    options = ("chain", "--find-limit", "--symbols", "30000", "--step-seconds", "3")
    printed = run("stream.py", *options, shows="highest that held")
    assert "30,000" in printed


def test_a_session_of_the_simulated_market_becomes_as_many_rows_as_events() -> None:
    printed = run("stream.py", "session", "--market", "3", shows="times real time")
    [sent] = figures(printed, "events sent")
    [kafka] = figures(printed, "messages in Kafka")
    [stored] = figures(printed, "rows stored")
    assert sent.split()[0] == kafka.split()[0] == stored.split()[0]


def figures(printed: str, name: str) -> list[str]:
    """What the tables say behind a name, one text for each row."""
    rows = [line.split("│") for line in printed.splitlines() if "│" in line]
    return [" ".join(row[2:]) for row in rows if row[1].strip() == name]
