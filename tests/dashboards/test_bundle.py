"""The bundle's files: whole, deterministic, without secrets, and one for each deployment."""

import re
from itertools import combinations

import pytest
import sqlglot
from dashboards.bundles import ADDRESSES, changed_files
from sqlglot import exp
from support.sql_guard import findings

from polygon_assets.columns import columns
from polygon_assets.defs.dashboards.bundle import (
    KINDS,
    BundleError,
    chart_nodes,
    identifier,
    native_filters,
    own_bundle,
    parse,
    read_files,
)
from polygon_assets.defs.dashboards.datasets import parsed
from polygon_assets.defs.dashboards.lineage import LAYERS
from polygon_assets.defs.dashboards.queries import CANDLESTICK, PRICES
from polygon_assets.defs.dashboards.render import bundle_files, rendered, zipped
from polygon_assets.env import PROD, Names, branch_names, deployment_names

BUNDLE = own_bundle()
DEPLOYMENTS = [PROD, deployment_names({}), branch_names(1), branch_names(12)]
UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
VIRTUAL = {key: one for key, one in BUNDLE.datasets.items() if one.get("sql")}


def identifiers(names: Names) -> set[str]:
    files = bundle_files(rendered(names, ADDRESSES))
    return {found for text in files.values() for found in UUID.findall(text)}


def test_identifiers_follow_from_the_names_of_the_files() -> None:
    for kind in KINDS:
        for key, one in getattr(BUNDLE, kind).items():
            assert one["uuid"] == identifier(kind, key)


def test_every_chart_is_on_one_dashboard() -> None:
    shown = [key for name in BUNDLE.dashboards for key in BUNDLE.charts_of(name)]
    assert sorted(shown) == sorted(BUNDLE.charts)


def test_every_dataset_is_read() -> None:
    assert {key for name in BUNDLE.dashboards for key in BUNDLE.datasets_of(name)} == set(
        BUNDLE.datasets
    )


def test_names_of_datasets_are_unique_over_the_databases() -> None:
    """Superset's own database in SQLite refuses two tables of one name."""
    names = [one["table_name"] for one in BUNDLE.datasets.values()]
    assert len(set(names)) == len(names)
    assert sorted(names) == sorted(BUNDLE.datasets)


@pytest.mark.parametrize("key", BUNDLE.charts)
def test_a_chart_is_described_and_its_numbers_are_formatted(key: str) -> None:
    chart = BUNDLE.charts[key]
    assert chart["description"].endswith(".")
    form = chart["params"]
    assert form["viz_type"] == chart["viz_type"]
    if chart["viz_type"] != "table":
        assert form["y_axis_format"]
        return
    types = {
        one["column_name"]: one["type"] for one in BUNDLE.dataset(chart["dataset_uuid"])["columns"]
    }
    for column in form.get("all_columns", []):
        if types[column] in ("DOUBLE", "Float64"):
            assert form["column_config"][column]["d3NumberFormat"], column


def test_every_column_and_metric_is_described() -> None:
    for key, dataset in BUNDLE.datasets.items():
        assert dataset["description"], key
        for part in (*dataset["columns"], *dataset["metrics"]):
            assert part["description"] or part.get("metric_name") in ("count",), (key, part)


def test_filters_reach_only_charts_that_have_their_column() -> None:
    for dashboard in BUNDLE.dashboards.values():
        keys = {one["uuid"]: key for key, one in BUNDLE.charts.items()}
        for one in native_filters(dashboard):
            if one["filterType"] == "filter_time":
                continue
            column = one["targets"][0]["column"]["name"]
            for node in chart_nodes(dashboard):
                if node["meta"]["chartId"] in one["scope"]["excluded"]:
                    continue
                chart = BUNDLE.charts[keys[node["meta"]["uuid"]]]
                dataset = BUNDLE.dataset(chart["dataset_uuid"])
                assert column in {each["column_name"] for each in dataset["columns"]}, chart


def test_a_filter_that_opens_with_its_first_choice_is_applied_at_once() -> None:
    """Without it Superset shows the choice, and asks for everything."""
    found = [one for each in BUNDLE.dashboards.values() for one in native_filters(each)]
    chosen = [one for one in found if one["controlValues"].get("defaultToFirstItem")]
    assert [one["name"] for one in chosen] == ["Session"]
    assert all(one["requiredFirst"] for one in chosen)


@pytest.mark.parametrize("names", DEPLOYMENTS, ids=lambda names: names.label)
def test_the_same_deployment_gives_the_same_bytes(names: Names) -> None:
    assert zipped(rendered(names, ADDRESSES)) == zipped(rendered(names, ADDRESSES))
    text = "\n".join(bundle_files(rendered(names, ADDRESSES)).values())
    assert "{{" not in text
    assert "one" not in re.findall(r"://[^:]+:([^@]+)@", text), "a password"


def test_no_two_deployments_share_an_object() -> None:
    for one, other in combinations(DEPLOYMENTS, 2):
        assert not identifiers(one) & identifiers(other), (one.label, other.label)


def test_production_has_the_identifiers_of_the_files() -> None:
    written = {found for text in read_files().values() for found in UUID.findall(text)}
    assert identifiers(PROD) == written


@pytest.mark.parametrize("key", VIRTUAL)
def test_every_table_in_sql_has_its_schema(key: str) -> None:
    """Lineage is read from the placeholders, so no table may go without one."""
    dialect = BUNDLE.database_of(VIRTUAL[key])
    query = parsed(VIRTUAL[key], dialect)
    named = {cte.alias_or_name for cte in query.find_all(exp.CTE)}
    tables = [one for one in query.find_all(exp.Table) if one.db or one.name not in named]
    assert tables
    assert {one.db for one in tables} <= set(LAYERS)


@pytest.mark.parametrize(
    "key", [k for k in VIRTUAL if BUNDLE.database_of(VIRTUAL[k]) == "snowflake"]
)
def test_sql_for_snowflake_is_snowflakes(key: str) -> None:
    assert findings(rendered(PROD, ADDRESSES).datasets[key]["sql"]) == []


@pytest.mark.parametrize("key", [k for k, one in BUNDLE.datasets.items() if one["metrics"]])
def test_metrics_can_be_parsed(key: str) -> None:
    dialect = BUNDLE.database_of(BUNDLE.datasets[key])
    for metric in BUNDLE.datasets[key]["metrics"]:
        assert sqlglot.parse_one(f"SELECT {metric['expression']}", dialect=dialect)


def test_an_axis_of_clickhouse_is_named_as_no_column_is() -> None:
    """ClickHouse takes a column's name for the alias of its bucket, in WHERE and in metrics."""
    for chart in BUNDLE.charts.values():
        dataset = BUNDLE.dataset(chart["dataset_uuid"])
        axis = chart["params"].get("x_axis")
        if axis and BUNDLE.database_of(dataset) == "clickhouse":
            assert axis == dataset["main_dttm_col"]
            [column] = [one for one in dataset["columns"] if one["column_name"] == axis]
            assert column["expression"] not in ("", axis, None)


def test_metrics_of_clickhouse_do_not_read_an_alias() -> None:
    """So they are right, too, where somebody chooses the column itself for an axis."""
    for key in ("candles_1m", "candles_5m"):
        for metric in BUNDLE.datasets[key]["metrics"]:
            expression = sqlglot.parse_one(f"SELECT {metric['expression']}", dialect="clickhouse")
            assert {column.table for column in expression.find_all(exp.Column)} == {key}


def test_preset_gets_charts_that_it_has() -> None:
    stock = rendered(PROD, ADDRESSES, stock_charts=True)
    own = rendered(PROD, ADDRESSES)
    candles = [key for key, one in own.charts.items() if one["viz_type"] == CANDLESTICK]
    assert len(candles) == 4
    for key in candles:
        assert stock.charts[key]["viz_type"] == "mixed_timeseries"
        assert stock.charts[key]["uuid"] == own.charts[key]["uuid"]
        assert [own.charts[key]["params"][price] for price in PRICES] == list(PRICES)
    assert CANDLESTICK not in "\n".join(bundle_files(stock).values())


def test_every_clickhouse_dataset_is_an_asset_or_a_query_of_assets() -> None:
    for key, one in BUNDLE.datasets.items():
        if BUNDLE.database_of(one) == "clickhouse" and not one.get("sql"):
            assert f"clickhouse/rollups/{key}" in columns()


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        (
            "charts/live_lag.yaml",
            "slice_name: Lag",
            "slice_name: [Lag",
            "charts/live_lag.yaml is not",
        ),
        ("charts/live_lag.yaml", "uuid: ", "id: ", "charts/live_lag.yaml is no object"),
        ("charts/live_lag.yaml", "dataset_uuid: ", "dataset_uuid: 0", "charts/live_lag names 0"),
        (
            "datasets/clickhouse/movers.yaml",
            "database_uuid: ",
            "database_uuid: 0",
            "datasets/movers names 0",
        ),
    ],
)
def test_a_file_that_is_wrong_is_named(path: str, old: str, new: str, message: str) -> None:
    files = changed_files(path, old, new)
    with pytest.raises(BundleError, match=message):
        parse(files)


def test_a_placeholder_without_a_value_is_named() -> None:
    files = changed_files("datasets/clickhouse/movers.yaml", "CLICKHOUSE_ROLLUPS", "CLICKHOUSE_X")
    with pytest.raises(BundleError, match=r"movers\.yaml asks for CLICKHOUSE_X"):
        rendered(PROD, ADDRESSES, files=files)


def test_a_metric_that_the_dataset_lacks_is_named() -> None:
    files = changed_files("charts/live_lag.yaml", "- lag\n", "- leg\n")
    with pytest.raises(BundleError, match="Lag, messages asks for leg, which the dataset latency"):
        rendered(PROD, ADDRESSES, files=files)


def test_a_chart_whose_query_is_unknown_is_named() -> None:
    files = changed_files(
        "charts/live_lag.yaml", "viz_type: echarts_timeseries_line", "viz_type: pie"
    )
    with pytest.raises(BundleError, match="Lag, messages is a pie"):
        rendered(PROD, ADDRESSES, files=files)
