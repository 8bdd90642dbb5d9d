"""Materialize raw assets with their checks in a process of its own: prints the outcome as JSON.

python run_assets.py FIRST_SESSION LAST_SESSION raw/polygon/daily_bars ...
"""

import json
import sys
from dataclasses import asdict
from datetime import date

import dagster as dg

from polygon_assets.bootstrap import bootstrap
from polygon_assets.cli.runs import Runner
from polygon_assets.definitions import defs
from polygon_assets.env import deployment_names
from polygon_assets.partitions import SessionWindow


def main() -> None:
    """Run, and print what became of it."""
    first, last, *assets = sys.argv[1:]
    bootstrap(deployment_names())
    runner = Runner(defs, dg.DagsterInstance.get())
    runner.clear_interrupted_runs()
    window = SessionWindow(date.fromisoformat(first), date.fromisoformat(last))
    keys = [dg.AssetKey(asset.split("/")) for asset in assets]
    outcome = runner.assets(keys, window, lambda _: None)
    told = {
        "success": outcome.success,
        "failures": outcome.failures,
        "materialized": sorted(outcome.materialized),
        "failed_checks": [asdict(one) for one in outcome.errors],
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
