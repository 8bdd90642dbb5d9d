"""The dbt models: staging, intermediate, marts."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from polygon_assets.defs.marts.translator import MarketTranslator
from polygon_assets.partitions import run_window
from polygon_assets.resources.dbt import dbt_project


@dbt_assets(
    manifest=dbt_project.manifest_path,
    project=dbt_project,
    dagster_dbt_translator=MarketTranslator(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    # Two writers of one table are a conflict in a transaction, so one dbt at a time.
    pool="dbt",
)
def market_models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build the chosen models and run their tests, for the sessions of the run."""
    window = run_window(context.run.tags)
    variables = {"first_session": str(window.first), "last_session": str(window.last)}
    # dbt's unit tests prove the SQL, not the data: they run in CI.
    command = ["build", "--exclude", "resource_type:unit_test", "--vars", json.dumps(variables)]
    yield from dbt.cli(command, context=context).stream().fetch_row_counts()
