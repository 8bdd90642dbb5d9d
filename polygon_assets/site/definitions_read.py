"""From Dagster's definitions to the catalogue."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph, AssetNode
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy
from dagster._core.definitions.metadata.metadata_set import TableMetadataSet
from dagster._core.definitions.metadata.source_code import CodeReferencesMetadataSet

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.gate.dbt_state import UNIQUE_ID
from polygon_assets.partitions import NYSE_SESSIONS
from polygon_assets.policies import UNPARTITIONED_REASON
from polygon_assets.site.catalogue import (
    Asset,
    Catalogue,
    Check,
    Column,
    Job,
    Trigger,
    Upstream,
)
from polygon_assets.site.dbt_tests import test_description

_RAW_SQL = "#### Raw SQL:"
"""Heading under which dagster-dbt puts a model's code into its description."""


def read_catalogue(definitions: dg.Definitions, manifest: Mapping[str, Any]) -> Catalogue:
    """Everything that the definitions say.

    Args:
        definitions: Of the code location.
        manifest: dbt's, which knows what its tests ask.
    """
    graph = definitions.resolve_asset_graph()
    jobs = tuple(_jobs(definitions))
    checks = list(_checks(graph, manifest))
    keys = sorted(graph.get_all_asset_keys())
    assets = tuple(_asset(graph.get(key), checks, jobs) for key in keys)
    return Catalogue(assets, jobs, (*_schedules(definitions), *_sensors(definitions)))


def _asset(node: AssetNode, checks: list[Check], jobs: tuple[Job, ...]) -> Asset:
    key = node.key.to_user_string()
    description, _, raw_sql = (node.description or "").partition(_RAW_SQL)
    file, line = _declaration(node)
    return Asset(
        key=key,
        group=node.group_name or "default",
        description=description.strip(),
        sql=_statement(raw_sql or str(getattr(node.metadata.get("sql"), "value", ""))),
        facts=dict(_facts(node, jobs)),
        kinds=tuple(sorted(node.kinds or ())),
        columns=tuple(_columns(node)),
        checks=tuple(check for check in checks if check.asset == key),
        upstream=tuple(_upstream(node)),
        downstream=tuple(sorted(one.to_user_string() for one in node.child_keys)),
        source=file,
        line=line,
        dbt_id=str(node.metadata.get(UNIQUE_ID, "")),
    )


def _facts(node: AssetNode, jobs: tuple[Job, ...]) -> Iterator[tuple[str, str]]:
    key = node.key.to_user_string()
    yield "Owners", ", ".join(node.owners or [])
    yield "Partitions", _partitions(node)
    yield "Freshness", _freshness(node.freshness_policy)
    condition = node.automation_condition
    yield "Automation", (condition.get_label() or str(condition)) if condition else ""
    yield "Made by", _maker(node, [job.name for job in jobs if key in job.assets])
    if node.backfill_policy:
        yield "Backfill", node.backfill_policy.policy_type.value.replace("_", " ").lower()
    yield "Pools", ", ".join(sorted(node.pools or ()))
    yield "Table", str(node.metadata.get("dagster/table_name", ""))
    yield "Materialized as", str(node.metadata.get("dagster-dbt/materialization_type", ""))
    for name, value in sorted(node.metadata.items()):
        if (
            "/" not in name
            and name != UNPARTITIONED_REASON
            and isinstance(value, str | int | float)
        ):
            yield name.replace("_", " ").capitalize(), str(value)


def _maker(node: AssetNode, jobs: list[str]) -> str:
    if node.is_external:
        return "outside of Dagster, which sees it and checks it"
    return ", ".join(f"job {name}" for name in jobs)


def _partitions(node: AssetNode) -> str:
    if node.partitions_def == NYSE_SESSIONS:
        return f"one for each NYSE session since {NYSE_SESSIONS.start:%Y-%m-%d}"
    reason = node.metadata.get(UNPARTITIONED_REASON)
    return f"none: {reason}" if reason else "none"


def _freshness(policy: Any) -> str:
    if not isinstance(policy, TimeWindowFreshnessPolicy):
        return ""
    late = f"WARN after {_hours(policy.warn_window.to_timedelta())}, " if policy.warn_window else ""
    return f"{late}FAIL after {_hours(policy.fail_window.to_timedelta())}"


def _hours(window: timedelta) -> str:
    return f"{window.days} d {window.seconds // 3600} h"


def _columns(node: AssetNode) -> Iterator[Column]:
    schema = TableMetadataSet.extract(node.metadata).column_schema
    for column in schema.columns if schema else []:
        # dagster-dbt's sign for a type that nobody declares
        declared = "" if column.type == "?" else column.type or ""
        yield Column(column.name, declared, column.description or "")


def _upstream(node: AssetNode) -> Iterator[Upstream]:
    for key in sorted(node.parent_keys):
        mapping = node.partition_mappings.get(key)
        sessions = ""
        if isinstance(mapping, dg.TimeWindowPartitionMapping) and mapping.start_offset:
            sessions = f"{-mapping.start_offset} to {-mapping.end_offset} sessions before"
        yield Upstream(key.to_user_string(), sessions)


def _declaration(node: AssetNode) -> tuple[str, int]:
    """File from the repository's root and line; no file where it is none of the repository."""
    found = CodeReferencesMetadataSet.extract(node.metadata).code_references
    for one in found.code_references if found else []:
        if isinstance(one, dg.LocalFileCodeReference):
            file = Path(one.file_path)
            if file.is_relative_to(PROJECT_ROOT):
                return file.relative_to(PROJECT_ROOT).as_posix(), one.line_number or 1
    return "", 1


def _statement(markdown: str) -> str:
    """The code in the fence that Dagster's UI shows it in."""
    return markdown.strip().removeprefix("```sql").removesuffix("```").strip("\n")


def _checks(graph: AssetGraph, manifest: Mapping[str, Any]) -> Iterator[Check]:
    for key in sorted(graph.asset_check_keys):
        spec = graph.get_check_spec(key)
        told = spec.metadata or {}
        yield Check(
            asset=key.asset_key.to_user_string(),
            name=key.name,
            severity=str(told.get("severity", "ERROR" if spec.blocking else "WARN")),
            blocking=spec.blocking,
            description=spec.description
            or test_description(manifest, str(told.get(UNIQUE_ID, ""))),
        )


def _jobs(definitions: dg.Definitions) -> Iterator[Job]:
    for job in sorted(definitions.get_repository_def().get_all_jobs(), key=lambda one: one.name):
        if job.name.startswith("__"):
            continue
        layer = job.asset_layer
        keys = sorted(key.to_user_string() for key in layer.executable_asset_keys)
        checks = {key for data in layer.data for key in data.assets_def.check_keys}
        yield Job(job.name, job.description or "", tuple(keys), len(checks))


def _schedules(definitions: dg.Definitions) -> Iterator[Trigger]:
    for one in sorted(definitions.get_repository_def().schedule_defs, key=lambda one: one.name):
        cron = one.cron_schedule
        crons = [cron] if isinstance(cron, str) else cron
        running = one.default_status is dg.DefaultScheduleStatus.RUNNING
        yield Trigger(
            "schedule",
            one.name,
            one.description or "",
            (*crons, one.execution_timezone or "UTC"),
            running,
            (one.job_name,),
        )


def _sensors(definitions: dg.Definitions) -> Iterator[Trigger]:
    for one in sorted(definitions.get_repository_def().sensor_defs, key=lambda one: one.name):
        when = (f"every {one.minimum_interval_seconds or 30} s",)
        running = one.default_status is dg.DefaultSensorStatus.RUNNING
        jobs = tuple(sorted(target.job_name for target in one.targets))
        yield Trigger("sensor", one.name, one.description or "", when, running, jobs)
