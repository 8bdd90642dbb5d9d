"""The code location: assembles what the domains define, and nothing else."""

import dagster as dg

from polygon_assets.defs.actions.assets import polygon_actions
from polygon_assets.defs.actions.checks import actions_checks
from polygon_assets.defs.bars.assets import polygon_bars
from polygon_assets.defs.bars.checks import bars_checks
from polygon_assets.defs.marts.assets import market_models
from polygon_assets.defs.platform.schedules import platform_definitions
from polygon_assets.defs.reconcile.assets import reconcile_daily_bars
from polygon_assets.defs.reconcile.checks import reconcile_checks
from polygon_assets.defs.reference.assets import polygon_reference
from polygon_assets.defs.reference.checks import reference_checks
from polygon_assets.defs.rollups.assets import rollup_assets
from polygon_assets.defs.rollups.checks import rollup_checks
from polygon_assets.defs.ticks.assets import stream_specs
from polygon_assets.defs.ticks.checks import ticks_checks
from polygon_assets.defs.ticks.sensors import kafka_lag, market_hours, stream_complete
from polygon_assets.env import deployment_names
from polygon_assets.resources.assemble import resources

assets = [
    polygon_bars,
    polygon_reference,
    polygon_actions,
    market_models,
    *stream_specs,
    *rollup_assets,
    reconcile_daily_bars,
]
checks = [
    *bars_checks,
    *reference_checks,
    *actions_checks,
    *ticks_checks,
    *rollup_checks,
    *reconcile_checks,
]

defs = dg.Definitions.merge(
    platform_definitions(assets),
    dg.Definitions(
        assets=assets,
        asset_checks=checks,
        sensors=[market_hours, kafka_lag, stream_complete],
        resources=resources(deployment_names()),
        # A step waits for outside systems most of its time: a process for each costs more.
        executor=dg.in_process_executor,
    ),
)
