"""The dashboards as assets: to materialize one is to push it, and to run every chart of it."""

import base64
from collections.abc import Generator, Sequence
from typing import Any

import dagster as dg

from polygon_assets.code_versions import METADATA_KEY, code_version
from polygon_assets.defs.dashboards.addresses import database_addresses
from polygon_assets.defs.dashboards.bundle import Bundle, own_bundle, own_digest
from polygon_assets.defs.dashboards.lineage import assets_of
from polygon_assets.defs.dashboards.push import ChartRun, deployment_bundle, only, push, run_charts
from polygon_assets.defs.dashboards.screenshot import NoBrowserError, dashboard_picture
from polygon_assets.env import deployment_names
from polygon_assets.policies import (
    OWNERS,
    SESSION_FRESHNESS,
    UNPARTITIONED_REASON,
    check_metadata,
)
from polygon_assets.resources.superset import Superset
from polygon_assets.sources import declared_here

LAYER = "bi"
CHARTS_RETURN_ROWS = "charts_return_rows"

MAY_BE_EMPTY = {
    "live_halts_in_force": "mostly nothing is halted",
    "daily_actions": "a short period may have no split and no dividend",
}
"""Chart -> why it is no failure that it shows nothing."""


def dashboard_key(dashboard: str) -> dg.AssetKey:
    """Asset key of a dashboard: a layer and its name, as it is no table in a schema."""
    return dg.AssetKey([LAYER, dashboard])


def dashboard_asset(bundle: Bundle, dashboard: str) -> dg.AssetsDefinition:
    """The asset of one dashboard of the bundle; it depends on what its datasets read."""
    key = dashboard_key(dashboard)
    version = code_version(__name__, own_digest())
    spec = dg.AssetSpec(
        key,
        deps=assets_of(bundle, dashboard),
        description=bundle.dashboards[dashboard]["description"],
        kinds={"superset"},
        group_name="bi_dashboards",
        owners=[OWNERS[LAYER]],
        freshness_policy=SESSION_FRESHNESS,
        metadata={
            UNPARTITIONED_REASON: "what is pushed is the definition of the charts, which show "
            "every session",
            **declared_here(),
        },
        code_version=version,
    )
    check = dg.AssetCheckSpec(
        CHARTS_RETURN_ROWS,
        asset=key,
        description="Every chart's query works and returns rows, with the filters that the "
        "dashboard opens with.",
        metadata={METADATA_KEY: version, **check_metadata(key.path, "ERROR")},
    )

    @dg.multi_asset(
        name=f"{LAYER}_{dashboard}",
        specs=[spec],
        check_specs=[check],
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=f"{LAYER}_{dashboard}",
    )
    def pushed(
        context: dg.AssetExecutionContext, superset: Superset
    ) -> Generator[dg.MaterializeResult[Any], None, None]:
        names = deployment_names()
        rendered = only(deployment_bundle(names, superset), [dashboard])
        with superset.client() as client:
            push(client, rendered, database_addresses(names))
            runs = run_charts(client, rendered, dashboard)
        slug: str = rendered.dashboards[dashboard]["slug"]
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "dashboard": dg.MetadataValue.url(superset.dashboard_url(slug)),
                "charts": len(runs),
                "charts_without_rows": len(without_rows(runs)),
                "charts_failed": len([one for one in runs if one.error]),
                "seconds_of_queries": sum(one.seconds for one in runs),
                "chart_rows": dg.MetadataValue.table(_records(runs), schema=_SCHEMA),
                **_picture(context, superset, slug),
            },
            check_results=[judged(key, runs)],
        )

    return pushed


def without_rows(runs: Sequence[ChartRun]) -> list[ChartRun]:
    """The charts that worked and show nothing, although they should."""
    return [one for one in runs if not one.error and not one.rows and one.chart not in MAY_BE_EMPTY]


def judged(key: dg.AssetKey, runs: Sequence[ChartRun]) -> dg.AssetCheckResult:
    """Whether every chart that was run returned rows."""
    failed = [f"{one.title}: {one.error}" for one in runs if one.error]
    failed += [f"{one.title}: no rows" for one in without_rows(runs)]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=CHARTS_RETURN_ROWS,
        passed=not failed,
        description="; ".join(failed)[:1000] or f"{len(runs)} charts answered",
        metadata={"charts": len(runs), "failed": len(failed)},
    )


_SCHEMA = dg.TableSchema(
    [
        dg.TableColumn("chart", "string"),
        dg.TableColumn("type", "string"),
        dg.TableColumn("dataset", "string"),
        dg.TableColumn("rows", "int"),
        dg.TableColumn("seconds", "float"),
        dg.TableColumn("error", "string"),
    ]
)


def _records(runs: Sequence[ChartRun]) -> list[dg.TableRecord]:
    return [
        dg.TableRecord(
            {
                "chart": one.title,
                "type": one.viz_type,
                "dataset": one.dataset,
                "rows": one.rows,
                "seconds": round(one.seconds, 3),
                "error": one.error[:300],
            }
        )
        for one in runs
    ]


def _picture(
    context: dg.AssetExecutionContext, superset: Superset, slug: str
) -> dict[str, dg.MetadataValue[Any]]:
    """The dashboard as an image, where there is a browser that may log in."""
    if not superset.has_plugins:
        return {}
    try:
        picture = dashboard_picture(superset, slug)
    except NoBrowserError as reason:
        context.log.info("No picture of the dashboard: %s", reason)
        return {}
    encoded = base64.b64encode(picture).decode()
    return {"picture": dg.MetadataValue.md(f"![{slug}](data:image/jpeg;base64,{encoded})")}


dashboard_assets = [dashboard_asset(own_bundle(), name) for name in own_bundle().dashboards]
