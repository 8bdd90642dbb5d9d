"""Backfill 250 sessions of a 10,000-symbol market in one run, and tell what each stage cost.

    uv run python tests/bench/backfill.py [--sessions 250] [--symbols 10000]

The run is the production asset ``raw/polygon/daily_bars`` with its checks: one sync for the whole
range, from the simulated vendor's REST API through the connector and Airbyte into the warehouse.
CPU is each stage's own process time, so it does not depend on what else the machine does.
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.meter import Meter, Usage
from support.servers import free_ports

from polygon_assets.cli.prepare import missing_builds, write_dagster_config
from polygon_assets.partitions import SessionWindow
from polygon_assets.sandbox.control import Sandbox
from polygon_assets.sandbox.layout import SandboxLayout
from polygon_assets.sessions import sessions_ending

LAST_SESSION = date(2013, 3, 1)
ASSET = ("raw", "polygon", "daily_bars")


def main() -> int:
    """Run the backfill in a sandbox of its own.

    Returns:
        0 if the run and every check of it succeeded.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=250)
    parser.add_argument("--symbols", default="10000")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="backfill-") as folder:
        layout = SandboxLayout(Path(folder), free_ports())
        os.environ.update(layout.environment())
        write_dagster_config(layout.data("dagster"))
        for build in missing_builds(layout.root / "logs"):
            process = build.start()
            process.wait()
            build.require(process)
        sandbox = Sandbox(layout)
        try:
            sandbox.start(options.symbols)
            sandbox.wait(lambda _healthy, _started: None)
            return _backfill(layout, sessions_ending(LAST_SESSION, options.sessions))
        finally:
            sandbox.stop()


def _backfill(layout: SandboxLayout, sessions: list[date]) -> int:
    import dagster as dg

    from polygon_assets.bootstrap import bootstrap
    from polygon_assets.cli.runs import Runner
    from polygon_assets.definitions import defs
    from polygon_assets.env import deployment_names
    from polygon_assets.resources.platform import platform

    names = deployment_names()
    bootstrap(names)
    runner = Runner(defs, dg.DagsterInstance.get())
    started = time.monotonic()
    with Meter(layout.root) as meter:
        window = SessionWindow(sessions[0], sessions[-1])
        outcome = runner.assets([dg.AssetKey(list(ASSET))], window, lambda _: None)
    seconds = time.monotonic() - started
    [(rows, days)] = platform(names).snowflake.query(
        f"SELECT COUNT(*), COUNT(DISTINCT T) FROM {names.snowflake_database}.RAW.DAILY_BARS"
    )
    console = Console(width=100)
    console.print(
        f"{int(rows):,} rows of {int(days)} sessions in {seconds:,.0f} s: {rows / seconds:,.0f} "
        f"rows/s; {sum(one.passed for one in outcome.checks.values())} of {len(outcome.checks)} "
        f"checks passed; run {'succeeded' if outcome.success else 'FAILED'}"
    )
    for failure in outcome.failures:
        console.print(failure)
    console.print(_table(meter.usage(), int(rows)))
    return 0 if outcome.success and int(days) == len(sessions) else 1


def _table(usage: dict[str, Usage], rows: int) -> Table:
    table = Table("stage", "CPU s", "CPU us/record", "peak memory MB")
    for column in table.columns[1:]:
        column.justify = "right"
    for stage, one in sorted(usage.items(), key=lambda item: -item[1].cpu_seconds):
        each = one.cpu_seconds / max(rows, 1) * 1e6
        table.add_row(stage, f"{one.cpu_seconds:.1f}", f"{each:.1f}", f"{one.peak_bytes / 1e6:.0f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
