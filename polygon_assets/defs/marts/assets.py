"""The dbt models: those of the batch half, and those that come after the reconciliation."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from polygon_assets.defs.marts.facts import ModelFacts
from polygon_assets.defs.marts.translator import AFTER_RECONCILIATION, MarketTranslator
from polygon_assets.partitions import run_window
from polygon_assets.resources.dbt import dbt_project
from polygon_assets.resources.snowflake import Warehouse

BRIDGE = f"tag:{AFTER_RECONCILIATION}"
"""Models that read what Dagster computes from other models: dbt alone would have a cycle."""

_translator = MarketTranslator()


@dbt_assets(
    manifest=dbt_project.manifest_path,
    project=dbt_project,
    exclude=BRIDGE,
    dagster_dbt_translator=_translator,
    backfill_policy=dg.BackfillPolicy.single_run(),
    # Two writers of one table are a conflict in a transaction, so one dbt at a time.
    pool="dbt",
)
def market_models(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, snowflake: Warehouse
) -> Iterator[Any]:
    """Build the chosen models and run their tests, for the sessions of the run."""
    yield from _build(context, dbt, snowflake)


@dbt_assets(
    manifest=dbt_project.manifest_path,
    project=dbt_project,
    select=BRIDGE,
    dagster_dbt_translator=_translator,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="dbt",
)
def bridge_models(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, snowflake: Warehouse
) -> Iterator[Any]:
    """The same for the models that come after the reconciliation."""
    yield from _build(context, dbt, snowflake)


model_assets = [market_models, bridge_models]


def _build(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, snowflake: Warehouse
) -> Iterator[Any]:
    window = run_window(context.run.tags)
    variables = {
        "first_session": str(window.first),
        "last_session": str(window.last),
        "dagster_run_id": context.run.run_id,
    }
    # dbt's unit tests prove the SQL, not the data: they run in CI. Exposures have nothing to run.
    left_out = ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure"]
    command = ["build", *left_out, "--vars", json.dumps(variables)]
    invocation = dbt.cli(command, context=context)
    with ModelFacts.of(invocation, _translator, window, snowflake) as facts:
        yield from facts.attached(invocation.stream())
