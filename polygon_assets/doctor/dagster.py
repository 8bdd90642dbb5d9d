"""Dagster itself: packages, definitions, and the instance that runs them."""

from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.errors import DagsterHomeNotSetError
from dagster._core.scheduler.instigation import InstigatorStatus
from packaging.requirements import Requirement

from polygon_assets.doctor.findings import Finding, Findings, ok, problem, warning, words
from polygon_assets.env import Names

if TYPE_CHECKING:
    from dagster._core.definitions.repository_definition import RepositoryDefinition

DISTRIBUTION = "polygon-assets"


def examine(_names: Names, *, probe: bool) -> Findings:
    """Whether packages are as declared, definitions load, and the instance runs them."""
    del probe  # nothing is tried
    yield _packages()
    repository = loaded()
    if isinstance(repository, Exception):
        text = f"{type(repository).__name__}: {words(repository)[:300]}"
        yield problem("definitions", text, "Run `dg check defs`.")
        return
    graph = repository.asset_graph
    counts = f"{len(graph.get_all_asset_keys())} assets, {len(graph.asset_check_keys)} checks"
    yield ok("definitions", counts)
    try:
        with dg.DagsterInstance.get() as instance:
            yield from of_instance(instance, repository)
    except DagsterHomeNotSetError:
        yield warning(
            "instance",
            "Not looked at: DAGSTER_HOME is not set",
            "Set it where Dagster is self-hosted, or start the sandbox with `polygon up`; Dagster+ "
            "shows the health of agents and daemons itself.",
        )


def loaded() -> "RepositoryDefinition | Exception":
    """The definitions, or what one of them raised; they take some seconds the first time."""
    try:
        from polygon_assets.definitions import defs

        return defs.get_repository_def()
    except Exception as error:  # noqa: BLE001 - whatever a definition raises while it loads
        return error


def _packages() -> Finding:
    """Every direct dependency against its declared versions."""
    wrong: list[str] = []
    for text in metadata.requires(DISTRIBUTION) or []:
        requirement = Requirement(text)
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            version = "missing"
        if version == "missing" or not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version}, wanted {requirement.specifier}")
    if wrong:
        return problem("packages", "; ".join(wrong), "Run `uv sync --frozen`.")
    return ok("packages", f"as declared; dagster {metadata.version('dagster')}")


def of_instance(
    instance: dg.DagsterInstance, repository: "RepositoryDefinition"
) -> Iterator[Finding]:
    """What a self-hosted instance needs for these definitions."""
    yield _storage(instance)
    yield from _daemons(instance)
    yield _switched_off(instance, repository)
    yield _pools(instance)


def _storage(instance: dg.DagsterInstance) -> Finding:
    runs = instance.get_runs_count()
    stores = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    found = [one.alembic_version() for one in stores if one is not None]
    old = [version for version in found if version is not None and version[0] != version[1]]
    if old:
        return problem(
            "storage", "Its schema is older than Dagster", "Run `dagster instance migrate`."
        )
    return ok("storage", f"it answers, with {runs} runs")


def _daemons(instance: dg.DagsterInstance) -> Iterator[Finding]:
    statuses = instance.get_daemon_statuses()
    silent = sorted(name for name, status in statuses.items() if not status.healthy)
    if silent:
        yield problem(
            "daemons",
            f"No healthy heartbeat of {', '.join(silent)}",
            "Start `dagster-daemon run`, or look at its log; without it no sensor and no schedule "
            "runs, and nobody is alerted.",
        )
    else:
        yield ok("daemons", f"{len(statuses)} are alive")


def _switched_off(instance: dg.DagsterInstance, repository: "RepositoryDefinition") -> Finding:
    """Sensors and schedules that somebody has stopped in the UI."""
    kinds = {InstigatorType.SENSOR, InstigatorType.SCHEDULE}
    ours = {one.name for one in (*repository.sensor_defs, *repository.schedule_defs)}
    stopped = sorted(
        state.instigator_name
        for state in instance.all_instigator_state()
        if state.instigator_type in kinds
        and state.status == InstigatorStatus.STOPPED
        and state.instigator_name in ours
    )
    if stopped:
        todo = "Start them in the UI under Automation, when the reason to stop them is gone."
        return warning("automation", f"Stopped: {', '.join(stopped)}", todo)
    return ok("automation", f"none of {len(ours)} sensors and schedules is stopped")


def _pools(instance: dg.DagsterInstance) -> Finding:
    """One step at a time in each pool, or two may write the same tables."""
    default = instance.get_concurrency_config().pool_config.default_pool_limit
    own = {one.name: one.limit for one in instance.event_log_storage.get_pool_limits()}
    wide = sorted(f"{name}: {limit}" for name, limit in own.items() if limit != 1)
    todo = "Set concurrency.pools.default_limit: 1 in dagster.yaml, and no other limit in the UI."
    if default != 1:
        return warning("pools", f"The default limit is {default}", todo)
    if wide:
        return warning("pools", f"Other limits than 1: {', '.join(wide)}", todo)
    return ok("pools", "one step at a time in each")
