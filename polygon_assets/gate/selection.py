"""What a gate runs: from a selection of assets to one run's assets and checks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from polygon_assets.defs.platform.freshness import NAME as SESSION_FRESHNESS
from polygon_assets.gate.changes import Changes
from polygon_assets.gate.errors import GateUsageError
from polygon_assets.gate.facts import check_name
from polygon_assets.partitions import SessionWindow


@dataclass(frozen=True)
class Plan:
    """What one gate runs.

    Attributes:
        assets: To materialize.
        between: Those of them that were not selected, but lie between two that were: without
            them nothing would make the lower one wait for the upper one.
        checks: To run.
    """

    assets: Sequence[dg.AssetKey]
    between: Sequence[dg.AssetKey]
    checks: Sequence[dg.AssetCheckKey]

    @property
    def selection(self) -> dg.AssetSelection:
        """The plan as Dagster takes it."""
        assets = dg.AssetSelection.assets(*self.assets).without_checks()
        return assets | dg.AssetSelection.checks(*self.checks)


def selected_keys(graph: AssetGraph, selection: str) -> frozenset[dg.AssetKey]:
    """The assets that a text in Dagster's syntax selects; those that others fill, too.

    Raises:
        GateUsageError: It is not a selection, or it selects nothing.
    """
    try:
        found = dg.AssetSelection.from_string(selection, include_sources=True).resolve(graph)
    except dg.DagsterError as error:
        reason = " ".join(str(error).split())
        raise GateUsageError(
            f"--select {selection} is no asset selection of Dagster's: {reason}"
        ) from None
    if not found:
        raise GateUsageError(
            f"--select {selection} selects no asset, so there is nothing to judge: `dg list defs` "
            "shows the assets."
        )
    return frozenset(found)


def plan(
    graph: AssetGraph, keys: Iterable[dg.AssetKey], checks: Iterable[dg.AssetCheckKey] = ()
) -> Plan:
    """What to run for assets: themselves where they can be, and their checks.

    Whether the session that is due is present is not asked: it is a question about the calendar,
    not about the rows of the run.

    Args:
        graph: Every asset.
        keys: The chosen ones.
        checks: Further checks, on assets that stay as they are.
    """
    chosen = frozenset(keys)
    selected = chosen & graph.materializable_asset_keys
    between = _between(graph, selected)
    judged = chosen | between
    every = {key for key in graph.asset_check_keys if key.asset_key in judged} | set(checks)
    return Plan(
        assets=sorted(selected | between),
        between=sorted(between),
        checks=sorted(
            (key for key in every if key.name != SESSION_FRESHNESS),
            key=lambda key: (key.asset_key, key.name),
        ),
    )


def plan_changed(
    graph: AssetGraph, changes: Changes, within: frozenset[dg.AssetKey] | None
) -> Plan:
    """What to run for what changed: the changed assets, all that is made from them, their checks.

    Args:
        graph: Every asset.
        changes: What differs from the base.
        within: Nothing else is run; None for no limit.
    """
    named = {key.to_user_string(): key for key in graph.get_all_asset_keys()}
    changed = [named[name] for name in {*changes.assets, *changes.affected} if name in named]
    found = dg.AssetSelection.assets(*changed).downstream(include_self=True).resolve(graph)
    checks = [
        key
        for key in graph.asset_check_keys
        if check_name(key) in changes.checks and (within is None or key.asset_key in within)
    ]
    return plan(graph, found if within is None else found & within, checks)


def windows(
    graph: AssetGraph, assets: Iterable[dg.AssetKey], sessions: Sequence[date]
) -> list[SessionWindow]:
    """The sessions of each run: one run for all of them wherever the assets allow it."""
    policies = [graph.get(key).backfill_policy for key in assets if graph.get(key).is_partitioned]
    if all(policy == dg.BackfillPolicy.single_run() for policy in policies):
        return [SessionWindow(sessions[0], sessions[-1])]
    return [SessionWindow(session, session) for session in sessions]


def _between(graph: AssetGraph, keys: frozenset[dg.AssetKey]) -> frozenset[dg.AssetKey]:
    """The assets below one of these and above another."""
    below = {one for key in keys for one in _reach(graph, key, downstream=True)}
    above = {one for key in keys for one in _reach(graph, key, downstream=False)}
    return frozenset(below & above & graph.materializable_asset_keys) - keys


def _reach(graph: AssetGraph, key: dg.AssetKey, *, downstream: bool) -> set[dg.AssetKey]:
    found: set[dg.AssetKey] = set()
    left = [key]
    while left:
        node = graph.get(left.pop())
        new = (node.child_keys if downstream else node.parent_keys) - found
        found |= new
        left += new
    return found
