"""A small market of made-up assets, without a system behind any of them."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from polygon_assets.partitions import NYSE_SESSIONS

TOPIC, RAW, STAGING, MART, SEED = (
    dg.AssetKey(path)
    for path in (
        ["kafka", "stocks", "agg_1s"],
        ["raw", "polygon", "daily_bars"],
        ["staging", "market", "stg_daily_bars"],
        ["marts", "market", "fct_daily_bars"],
        ["marts", "market", "dim_trading_session"],
    )
)
PARENTS = {TOPIC: (), RAW: (), STAGING: (RAW,), MART: (STAGING, SEED, TOPIC), SEED: ()}


def specs(versions: dict[dg.AssetKey, str] | None = None) -> list[dg.AssetSpec]:
    """The five assets: the topic is external, the seed has no sessions."""
    return [
        dg.AssetSpec(
            key,
            deps=list(parents),
            partitions_def=None if key == SEED else NYSE_SESSIONS,
            code_version=(versions or {}).get(key, "1"),
        )
        for key, parents in PARENTS.items()
    ]


def market(
    *,
    single_run: bool = True,
    others: Sequence[dg.AssetSpec] | None = None,
) -> dg.Definitions:
    """Definitions with the assets and one check on each, called ``sane``."""
    found = specs() if others is None else list(others)
    return dg.Definitions(
        assets=[spec if spec.key == TOPIC else made(spec, single_run) for spec in found],
        asset_checks=[sane(spec.key) for spec in found],
        executor=dg.in_process_executor,
    )


def made(spec: dg.AssetSpec, single_run: bool) -> dg.AssetsDefinition:
    """An asset whose rows are so many as it has sessions in the run."""

    @dg.multi_asset(
        name=spec.key.path[-1],
        specs=[spec],
        backfill_policy=dg.BackfillPolicy.single_run() if single_run else None,
    )
    def make(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        several = spec.partitions_def is not None and context.has_partition_key_range
        count = len(context.partition_keys) if several else 1
        return dg.MaterializeResult(metadata={"dagster/partition_row_count": count})

    return make


def sane(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """A check that passes."""

    @dg.asset_check(asset=key, name="sane")
    def check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return check
