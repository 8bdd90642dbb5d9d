"""The code location: assembles what the domains define, and nothing else."""

import dagster as dg

from polygon_assets.defs.dashboards.definitions import dashboard_definitions
from polygon_assets.defs.flat_files.assets import flat_file_assets
from polygon_assets.defs.flat_files.checks import flat_file_checks
from polygon_assets.defs.flat_files.sensors import (
    flat_file_replacements,
    flat_files_job,
    flat_files_next_day,
)
from polygon_assets.defs.marts.assets import model_assets
from polygon_assets.defs.marts.checks import bars_final
from polygon_assets.defs.marts.finalize import finalize_job, finalize_next_day
from polygon_assets.defs.platform.session import platform_definitions
from polygon_assets.defs.raw import raw_assets, raw_checks
from polygon_assets.defs.reconcile.assets import reconcile_daily_bars
from polygon_assets.defs.reconcile.checks import reconcile_checks
from polygon_assets.defs.rollups.assets import rollup_assets
from polygon_assets.defs.rollups.checks import rollup_checks
from polygon_assets.defs.rollups.live_assets import live_rollups
from polygon_assets.defs.rollups.live_checks import live_checks
from polygon_assets.defs.rollups.sensors import late_corrections, late_corrections_job
from polygon_assets.defs.ticks.assets import stream_specs
from polygon_assets.defs.ticks.checks import ticks_checks
from polygon_assets.defs.ticks.jobs import stream_jobs
from polygon_assets.defs.ticks.reports import stream_complete, stream_progress
from polygon_assets.defs.ticks.sensors import kafka_lag, market_hours
from polygon_assets.defs.ticks.tables import table_specs
from polygon_assets.env import deployment_names
from polygon_assets.resources.assemble import resources

assets = [*raw_assets, *model_assets, *stream_specs, *table_specs, *rollup_assets]
assets += [live_rollups, reconcile_daily_bars]
checks = [*raw_checks, bars_final, *flat_file_checks, *ticks_checks]
checks += [*rollup_checks, *live_checks, *reconcile_checks]

defs = dg.Definitions.merge(
    platform_definitions(assets, next_day=flat_file_assets),
    dashboard_definitions(),
    dg.Definitions(
        assets=[*assets, *flat_file_assets],
        asset_checks=checks,
        jobs=[flat_files_job, finalize_job, late_corrections_job, *stream_jobs],
        schedules=[flat_files_next_day, finalize_next_day],
        sensors=[
            *(market_hours, kafka_lag, stream_progress, stream_complete),
            *(late_corrections, flat_file_replacements),
        ],
        resources=resources(deployment_names()),
        # A step waits for outside systems most of its time: a process for each costs more.
        executor=dg.in_process_executor,
    ),
)
