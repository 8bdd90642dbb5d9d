"""Push a dashboard's bundle to Superset, and run every chart as a visitor first sees it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from polygon_assets.defs.dashboards.addresses import DatabaseAddress, database_addresses
from polygon_assets.defs.dashboards.bundle import Bundle, Object, chart_nodes, native_filters
from polygon_assets.defs.dashboards.queries import Query, choices, filtered, queries
from polygon_assets.defs.dashboards.render import rendered, zipped
from polygon_assets.env import Names, deployment_names
from polygon_assets.resources.superset import (
    Superset,
    SupersetClient,
    SupersetError,
    superset,
)


@dataclass(frozen=True)
class ChartRun:
    """One chart, run.

    Attributes:
        chart: Its key.
        title: Its name in Superset.
        viz_type: Its type.
        dataset: Name of its dataset.
        rows: How many rows its queries gave.
        seconds: How long they took.
        error: What the database said; empty where it worked.
    """

    chart: str
    title: str
    viz_type: str
    dataset: str
    rows: int
    seconds: float
    error: str = ""


def deployment_bundle(names: Names, target: Superset) -> Bundle:
    """The bundle that one deployment's server gets."""
    return rendered(names, database_addresses(names), stock_charts=not target.has_plugins)


def only(bundle: Bundle, dashboards: Sequence[str]) -> Bundle:
    """What some of the dashboards need, and nothing else."""
    charts = {key: one for name in dashboards for key, one in bundle.charts_of(name).items()}
    datasets = {key: one for name in dashboards for key, one in bundle.datasets_of(name).items()}
    used = {bundle.database_of(one) for one in datasets.values()}
    return replace(
        bundle,
        databases={key: one for key, one in bundle.databases.items() if key in used},
        datasets=datasets,
        charts=charts,
        dashboards={name: bundle.dashboards[name] for name in dashboards},
    )


def push(client: SupersetClient, bundle: Bundle, addresses: Mapping[str, DatabaseAddress]) -> None:
    """Create or overwrite what a bundle holds.

    Raises:
        SupersetError: Superset refused it.
    """
    passwords = {
        f"databases/{key}.yaml": addresses[key].password
        for key in bundle.databases
        if addresses[key].password
    }
    client.import_assets(zipped(bundle), passwords)


def import_dashboards() -> list[str]:
    """Push every dashboard of this deployment, without running its charts.

    Returns:
        Their titles.

    Raises:
        SupersetError: Superset refused them.
    """
    names, server = deployment_names(), superset().process_config_and_initialize()
    bundle = deployment_bundle(names, server)
    with server.client() as client:
        push(client, bundle, database_addresses(names))
    return [one["dashboard_title"] for one in bundle.dashboards.values()]


def run_charts(client: SupersetClient, bundle: Bundle, dashboard: str) -> list[ChartRun]:
    """Run every chart of a dashboard with the filters that it opens with.

    Raises:
        SupersetError: A dataset of the bundle is not on the server, or a filter cannot be filled.
    """
    ids = client.dataset_ids()
    chosen = opening_filters(client, bundle, dashboard, ids)
    found: list[ChartRun] = []
    for key, chart in bundle.charts_of(dashboard).items():
        dataset = bundle.dataset(chart["dataset_uuid"])
        started = time.monotonic()
        rows, error = 0, ""
        try:
            for query in chart_queries(bundle, dashboard, key, chosen):
                rows += client.chart_data(ids[chart["dataset_uuid"]], query)["rowcount"]
        except SupersetError as refused:
            error = str(refused)
        seconds = time.monotonic() - started
        run = ChartRun(
            *(key, chart["slice_name"], chart["viz_type"], dataset["table_name"]),
            *(rows, seconds, error),
        )
        found.append(run)
    return found


Chosen = dict[str, Any]
"""Identifier of a native filter -> the values it opens with, or the period."""


def opening_filters(
    client: SupersetClient, bundle: Bundle, dashboard: str, ids: Mapping[str, int]
) -> Chosen:
    """What the filters of a dashboard are set to before anybody chooses."""
    chosen: Chosen = {}
    for one in native_filters(bundle.dashboards[dashboard]):
        mask: Object = one["defaultDataMask"]["extraFormData"]
        if "time_range" in mask:
            chosen[one["id"]] = mask["time_range"]
        elif "filters" in mask:
            chosen[one["id"]] = mask["filters"][0]["val"]
        elif one["controlValues"].get("defaultToFirstItem"):
            [target] = one["targets"]
            column = target["column"]["name"]
            descending = one["controlValues"].get("sortAscending") is False
            rows = client.chart_data(
                ids[target["datasetUuid"]], choices(column, ascending=not descending)
            )["data"]
            chosen[one["id"]] = [rows[0][column]] if rows else []
    return chosen


def chart_queries(bundle: Bundle, dashboard: str, chart: str, chosen: Chosen) -> list[Query]:
    """The queries of a chart with the filters that reach it."""
    filters: list[Query] = []
    period: str | None = None
    for one in native_filters(bundle.dashboards[dashboard]):
        if one["id"] not in chosen or not reaches(bundle, dashboard, one, chart):
            continue
        if one["filterType"] == "filter_time":
            period = chosen[one["id"]]
        elif chosen[one["id"]]:
            column = one["targets"][0]["column"]["name"]
            filters.append({"col": column, "op": "IN", "val": chosen[one["id"]]})
    return [filtered(query, filters, period) for query in queries(bundle.charts[chart])]


def reaches(bundle: Bundle, dashboard: str, one: Object, chart: str) -> bool:
    """Whether a native filter is applied to a chart of its dashboard."""
    nodes = chart_nodes(bundle.dashboards[dashboard])
    uuid = bundle.charts[chart]["uuid"]
    [number] = [node["meta"]["chartId"] for node in nodes if node["meta"]["uuid"] == uuid]
    return number not in one["scope"]["excluded"]
