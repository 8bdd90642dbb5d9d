"""Everything that Dagster runs as a text, to see in a review what a change means.

Renew it, and the README's table of what the assets have, after a change on purpose:

    uv run python tests/contract/definitions_text.py
"""

import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph, AssetNode
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from polygon_assets.partitions import NYSE_SESSIONS

FILE = Path(__file__).with_name("definitions.txt")
RENEW = "uv run python tests/contract/definitions_text.py"

HEADER = f"""\
# Every asset with its partitions, automation, freshness and checks; then sensors, schedules, jobs.
# Made by `{RENEW}`; a test compares it with the code.
"""


def definitions_text(definitions: dg.Definitions) -> str:
    """The whole code location."""
    graph = definitions.resolve_asset_graph()
    parts = [HEADER, *assets(graph), *triggers(definitions), *jobs(definitions)]
    return "\n".join(parts)


def assets(graph: AssetGraph) -> Iterator[str]:
    """One paragraph for each asset, its checks one a line."""
    checks = sorted(graph.asset_check_keys)
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        lines = [f"asset {key.to_user_string()}", *(f"  {line}" for line in facts(node))]
        for check in checks:
            if check.asset_key == key:
                blocking = " blocking" if graph.get(check).blocking else ""
                severity = graph.get_check_spec(check).metadata["severity"]
                lines.append(f"  check {check.name}: {severity}{blocking}")
        yield "\n".join([*lines, ""])


def facts(node: AssetNode) -> Iterator[str]:
    """What one asset is, but for its checks."""
    if node.is_external:
        yield "external"
    sessions = node.partitions_def == NYSE_SESSIONS
    policy = node.backfill_policy.policy_type.value if node.backfill_policy else "-"
    yield f"partitions: {'session' if sessions else 'none'}, backfill: {policy}"
    for parent, mapping in sorted(node.partition_mappings.items()):
        if isinstance(mapping, dg.TimeWindowPartitionMapping) and mapping.start_offset:
            window = f"{mapping.start_offset} to {mapping.end_offset}"
            yield f"reads sessions {window} of {parent.to_user_string()}"
    if node.automation_condition is not None:
        yield f"automation: {node.automation_condition.get_label()}"
    yield f"freshness: {freshness(node.freshness_policy)}"


def freshness(policy: Any) -> str:
    """A native policy in words."""
    assert isinstance(policy, TimeWindowFreshnessPolicy)
    fail, warn = policy.fail_window.to_timedelta(), policy.warn_window
    late = f"WARN after {hours(warn.to_timedelta())}, " if warn else ""
    return f"{late}FAIL after {hours(fail)}"


def hours(window: timedelta) -> str:
    """A time as days and hours."""
    return f"{window.days} d {window.seconds // 3600} h"


def triggers(definitions: dg.Definitions) -> Iterator[str]:
    """Sensors and schedules."""
    repository = definitions.get_repository_def()
    for sensor in sorted(repository.sensor_defs, key=lambda one: one.name):
        targets = ", ".join(sorted(target.job_name for target in sensor.targets)) or "-"
        seconds = sensor.minimum_interval_seconds
        status = sensor.default_status.value
        yield f"sensor {sensor.name}: every {seconds} s, {status}, jobs: {targets}"
    yield ""
    for schedule in sorted(repository.schedule_defs, key=lambda one: one.name):
        cron = schedule.cron_schedule
        crons = cron if isinstance(cron, str) else " and ".join(cron)
        where, status = schedule.execution_timezone, schedule.default_status.value
        yield f"schedule {schedule.name}: {crons} {where}, {status}, job: {schedule.job_name}"
    yield ""


def jobs(definitions: dg.Definitions) -> Iterator[str]:
    """Jobs with the number of what they run: the assets are named by their layers."""
    for job in sorted(definitions.get_repository_def().get_all_jobs(), key=lambda one: one.name):
        if job.name.startswith("__"):
            continue
        keys = job.asset_layer.executable_asset_keys
        checks = {key for data in job.asset_layer.data for key in data.assets_def.check_keys}
        layers = ", ".join(sorted({"/".join(key.path[:2]) for key in keys})) or "no asset"
        yield f"job {job.name}: {len(keys)} assets ({layers}), {len(checks)} checks"
        for name, value in sorted(job.tags.items()):
            yield f"  tag {name} = {value}"
    yield ""


def main() -> int:
    """Make dbt's manifest where it is old, and write both."""
    from asset_coverage import README, coverage_by_layer, readme_with

    from polygon_assets.cli.gate import checked_out_definitions

    with tempfile.TemporaryDirectory() as folder:
        definitions = checked_out_definitions(Path(folder))
    FILE.write_text(definitions_text(definitions))
    table = coverage_by_layer(definitions.resolve_asset_graph())
    README.write_text(readme_with(table, README.read_text()))
    sys.stdout.write(f"{FILE}\n{README}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
