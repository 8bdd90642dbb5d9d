"""The session as one job, with the checks on what the stream wrote, and its freshness.

And what belongs to no domain: who is told of problems, and the clones of branch deployments.
"""

from collections.abc import Sequence

import dagster as dg

from polygon_assets.automation import automation
from polygon_assets.defs.platform.alerts import alerts_sensor
from polygon_assets.defs.platform.branch_jobs import branch_jobs
from polygon_assets.defs.platform.due import cadences
from polygon_assets.defs.platform.freshness import newest_session_checks, session_freshness_checks
from polygon_assets.defs.platform.janitor import janitor, janitor_nightly
from polygon_assets.defs.platform.schedules import (
    FRESHNESS_JOB,
    SESSION_JOB,
    after_close,
    freshness_schedule,
    late_data_schedule,
)
from polygon_assets.policies import LANE_TAG
from polygon_assets.settings import StreamControlSettings


def platform_definitions(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec],
    next_day: Sequence[dg.AssetsDefinition] = (),
) -> dg.Definitions:
    """The platform's jobs, schedules, sensors and freshness checks.

    Args:
        assets: What a session has on its own evening: what is computed, and, as specs, what the
            stream writes.
        next_day: What the vendor publishes on the next day only; it has a schedule of its own.
    """
    known = cadences(StreamControlSettings().hours)
    computed = _session_keys([one for one in assets if isinstance(one, dg.AssetsDefinition)])
    streamed = _session_keys([one for one in assets if isinstance(one, dg.AssetSpec)])
    later = _session_keys(next_day)
    freshness = newest_session_checks([*computed, *streamed, *later])
    session_job = dg.define_asset_job(
        SESSION_JOB,
        selection=(
            dg.AssetSelection.assets(*computed) | dg.AssetSelection.checks_for_assets(*streamed)
        )
        - freshness,
        description="One session through both halves: raw tables, models, rollups, reconciliation; "
        "and the checks on what the stream wrote.",
    )
    freshness_job = dg.define_asset_job(
        FRESHNESS_JOB,
        selection=freshness,
        tags={LANE_TAG: FRESHNESS_JOB},
        description="Whether the newest session that is due is present everywhere.",
    )
    return dg.Definitions(
        asset_checks=[
            session_freshness_checks(computed, known["evening"]),
            session_freshness_checks(streamed, known["stream"]),
            session_freshness_checks(later, known["next_day"]),
        ],
        jobs=[session_job, freshness_job, *branch_jobs, janitor],
        schedules=[
            after_close,
            late_data_schedule(computed, known["evening"]),
            freshness_schedule(dict(known)),
            janitor_nightly,
        ],
        sensors=[automation, alerts_sensor],
    )


def _session_keys(assets: Sequence[dg.AssetsDefinition | dg.AssetSpec]) -> list[dg.AssetKey]:
    """The keys of the assets that have session partitions."""
    specs = [
        spec
        for asset in assets
        for spec in ([asset] if isinstance(asset, dg.AssetSpec) else asset.specs)
    ]
    return [spec.key for spec in specs if spec.partitions_def is not None]
