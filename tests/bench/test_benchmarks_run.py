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
    printed = run("marts.py", "--symbols", "5", "--years", "1", shows="one session more")
    assert "the same session again" in printed
    assert ", 0 rows" in printed


def test_live_rollups_print_designs_side_by_side() -> None:
    small = ("--symbols", "50", "--seconds", "120", "--blocks", "3", "--rows", "50")
    printed = run("live_rollups.py", *small, shows="insert of one block")
    for name in ("off", "final", "recompute", "product", "states", "refreshed"):
        assert name in printed
    assert "movers, whole market" in printed
