"""When dashboards are pushed: when they have changed, and once after every session."""

from datetime import timedelta

import dagster as dg

from polygon_assets.code_versions import code_version
from polygon_assets.defs.dashboards.assets import dashboard_assets
from polygon_assets.defs.dashboards.bundle import own_bundle, own_digest
from polygon_assets.defs.dashboards.lineage import assets_of
from polygon_assets.policies import LANE_TAG, SENSOR_STATUS
from polygon_assets.resources.polygon import Polygon
from polygon_assets.resources.superset import Superset
from polygon_assets.sessions import due_session

DASHBOARDS_JOB = "push_dashboards"

GRACE = timedelta(hours=5)
"""After the close: the marts of the session are there, and a failed run of them was repeated."""

dashboards_job = dg.define_asset_job(
    DASHBOARDS_JOB,
    selection=dg.AssetSelection.assets(*dashboard_assets),
    tags={LANE_TAG: DASHBOARDS_JOB},
    description="Every dashboard: pushed, and every chart run.",
)


@dg.sensor(
    job=dashboards_job,
    minimum_interval_seconds=60,
    default_status=SENSOR_STATUS,
    description="Pushes the dashboards when they have changed, and runs their charts after every "
    "session. Waits while no server of dashboards answers.",
)
def dashboards(
    context: dg.SensorEvaluationContext, polygon: Polygon, superset: Superset
) -> dg.RunRequest | dg.SkipReason:
    """Ask for one run per version of the bundle, server and session."""
    if not superset.is_reachable():
        return dg.SkipReason(
            f"No dashboards are served at {superset.address}: `polygon up --bi` starts them, "
            "DASHBOARDS_URL names another server"
        )
    if missing := never_built(context.instance):
        return dg.SkipReason(f"Nothing to show yet: {', '.join(missing)} were never built")
    version = code_version(__name__, own_digest())
    session = due_session(polygon.now(), GRACE).session_date
    return dg.RunRequest(run_key=f"{superset.address} {version} {session}")


def never_built(instance: dg.DagsterInstance) -> list[str]:
    """The marts that the dashboards read and that have never been materialized."""
    read = {key for name in own_bundle().dashboards for key in assets_of(own_bundle(), name)}
    marts = sorted(key for key in read if key.path[0] == "marts")
    return [key.path[-1] for key in marts if not instance.get_latest_materialization_event(key)]
