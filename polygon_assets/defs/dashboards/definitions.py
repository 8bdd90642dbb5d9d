"""All that Dagster knows of the dashboards."""

import dagster as dg

from polygon_assets.defs.dashboards.assets import dashboard_assets
from polygon_assets.defs.dashboards.checks import dashboard_checks
from polygon_assets.defs.dashboards.sensors import dashboards, dashboards_job


def dashboard_definitions() -> dg.Definitions:
    """The dashboards with their checks, and what pushes them."""
    return dg.Definitions(
        assets=dashboard_assets,
        asset_checks=dashboard_checks,
        jobs=[dashboards_job],
        sensors=[dashboards],
    )
