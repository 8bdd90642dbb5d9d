"""Build the marts of 1, 4 and 12 years from empty, and then one session more.

    uv run python tests/bench/marts.py [--symbols 500] [--years 1,4,12] [--select +fct_daily_bars]

The market ends on 2013-03-01: the real bars of four symbols and a synthetic universe. Seconds are
those of the whole run of dbt, and those of each model, of which four run side by side. CPU is the
warehouse's, which does not depend on what else the machine does.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dbt"))

from dbt_warehouse import Warehouse, warehouse
from market_history import load, sessions_of, synthetic

LAST = "2013-03-01"


def main() -> int:
    """Print a table of seconds by model and years."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--years", default="1,4,12")
    parser.add_argument("--select", default="*", help="models, in dbt's syntax; all")
    options = parser.parse_args()
    console = Console(width=140)
    table = Table("", *(f"{years} years" for years in options.years.split(",")))
    measured = [_measure(int(years), options) for years in options.years.split(",")]
    for row in measured[0]:
        table.add_row(row, *(one[row] for one in measured))
    for column in table.columns[1:]:
        column.justify = "right"
    console.print(table)
    return 0


@dataclass(frozen=True)
class Build:
    """One run of dbt: seconds, those by model, CPU of the warehouse, rows that were written."""

    whole: float
    seconds: dict[str, float]
    cpu: float
    rows: int

    def __str__(self) -> str:
        return f"{self.whole:.1f} s, CPU {self.cpu:.1f} s, {self.rows:,} rows"


def _measure(years: int, options: argparse.Namespace) -> dict[str, str]:
    sessions = sessions_of(f"{int(LAST[:4]) - years}{LAST[4:]}", LAST)
    securities = synthetic(options.symbols, len(sessions))
    with tempfile.TemporaryDirectory(prefix="marts-") as name, warehouse(Path(name)) as wh:
        bars = load(wh, Path(name), sessions, securities)
        wh.run_dbt("seed")
        built = _build(wh, options.select, sessions[0], sessions[-2])
        one_more = _build(wh, options.select, sessions[-1], sessions[-1])
        again = _build(wh, options.select, sessions[-1], sessions[-1])
        found = {
            "sessions": f"{len(sessions):,}",
            "bars": f"{bars:,}",
            "all but the last session": str(built),
            "one session more": str(one_more),
            "the same session again": str(again),
        }
        for model in sorted(one_more.seconds):
            first, second = built.seconds[model], one_more.seconds[model]
            found[f"{model}: all / one more"] = f"{first:.2f} / {second:.2f}"
        return found


def _build(wh: Warehouse, models: str, first: str, last: str) -> Build:
    mark, cpu = wh.now(), psutil.Process(wh.server.pid).cpu_times()
    began = time.monotonic()
    statuses = wh.run_dbt("run", "--select", models, window=(first, last))
    whole = time.monotonic() - began
    wrong = {name: status for name, status in statuses.items() if status != "success"}
    if wrong:
        raise SystemExit(f"dbt failed: {wrong}")
    spent = psutil.Process(wh.server.pid).cpu_times()
    used = spent.user + spent.system - cpu.user - cpu.system
    return Build(whole, wh.seconds, used, sum(wh.touched(mark).values()))


if __name__ == "__main__":
    sys.exit(main())
