"""The assets of the dashboards, their lineage and their checks."""

import json
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from dashboards.bundles import changed

from polygon_assets.columns import columns
from polygon_assets.defs.dashboards.assets import dashboard_key, judged
from polygon_assets.defs.dashboards.bundle import Bundle, BundleError, own_bundle
from polygon_assets.defs.dashboards.checks import (
    columns_exist,
    exposure_differences,
    marts_columns,
)
from polygon_assets.defs.dashboards.lineage import assets_of
from polygon_assets.defs.dashboards.push import ChartRun
from polygon_assets.manifest import MANIFEST

pytestmark = pytest.mark.usefixtures("builds")


@pytest.fixture(scope="module")
def manifest(builds: object) -> dict[str, Any]:
    return json.loads(MANIFEST.read_text())


@pytest.fixture(scope="module")
def problems(manifest: dict[str, Any]) -> Callable[[Bundle, str], list[str]]:
    known = {key: set(found) for key, found in columns().items()} | marts_columns(manifest)
    return lambda bundle, dashboard: columns_exist(bundle, dashboard, known)


@pytest.mark.parametrize("dashboard", own_bundle().dashboards)
def test_its_assets_are_the_tables_of_its_datasets(dashboard: str, builds: object) -> None:
    from polygon_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    above = set(assets_of(own_bundle(), dashboard))
    assert graph.get(dashboard_key(dashboard)).parent_keys == above
    assert above <= graph.get_all_asset_keys()


def test_a_dataset_more_is_an_asset_more() -> None:
    before = set(assets_of(own_bundle(), "live_market"))
    joined = changed(
        "datasets/clickhouse/stream_symbols.yaml",
        "UNION DISTINCT\n",
        "UNION DISTINCT SELECT session_date, symbol\n"
        '  FROM {{ env["CLICKHOUSE_ROLLUPS"] }}.session_vwap UNION DISTINCT\n',
    )
    added = set(assets_of(joined, "live_market")) - before
    assert added == {dg.AssetKey(["clickhouse", "rollups", "session_vwap"])}


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (
            '{{ env["CLICKHOUSE_ROLLUPS"] }}.bars_2d',
            "clickhouse/rollups/bars_2d, which is no asset",
        ),
        ('{{ env["SNOWFLAKE_RAW"] }}.bars', "SNOWFLAKE_RAW, which is no layer"),
    ],
)
def test_a_table_that_is_no_asset_is_refused(new: str, message: str) -> None:
    bundle = changed(
        "datasets/clickhouse/stream_symbols.yaml", '{{ env["CLICKHOUSE_ROLLUPS"] }}.bars_1d', new
    )
    with pytest.raises(BundleError, match=message):
        assets_of(bundle, "live_market")


@pytest.mark.parametrize("dashboard", own_bundle().dashboards)
def test_every_column_exists(problems: Callable[..., list[str]], dashboard: str) -> None:
    assert problems(own_bundle(), dashboard) == []


@pytest.mark.parametrize(
    ("path", "old", "new", "dashboard", "problem"),
    [
        (
            "datasets/clickhouse/movers.yaml",
            "column_name: volume",
            "column_name: volumes",
            "live_market",
            "movers: clickhouse/rollups/movers has no column volumes",
        ),
        (
            "datasets/snowflake/security_sessions.yaml",
            "i.sma_20",
            "i.sma_21",
            "daily_market",
            "security_sessions: Unknown column: SMA_21",
        ),
        (
            "datasets/clickhouse/watchlist.yaml",
            "s.silence AS silence",
            "s.silent AS silence",
            "live_market",
            "watchlist: Unknown column: silent",
        ),
        (
            "datasets/snowflake/corporate_actions.yaml",
            "column_name: action",
            "column_name: actions",
            "daily_market",
            "corporate_actions: its SQL selects no column actions",
        ),
        (
            "datasets/snowflake/return_pairs.yaml",
            "}}.fct_daily_returns",
            "}}.fct_daily_return",
            "daily_market",
            "return_pairs: there is no table marts/market/fct_daily_return",
        ),
    ],
)
def test_a_column_that_does_not_exist_is_told(
    problems: Callable[..., list[str]], path: str, old: str, new: str, dashboard: str, problem: str
) -> None:
    [found] = problems(changed(path, old, new), dashboard)
    assert found.startswith(problem)


def test_the_exposure_names_what_is_read(manifest: dict[str, Any]) -> None:
    for dashboard in own_bundle().dashboards:
        assert exposure_differences(own_bundle(), dashboard, manifest) == (set(), set())


def test_an_exposure_that_names_others_is_told(manifest: dict[str, Any]) -> None:
    exposures = json.loads(json.dumps(manifest["exposures"]))
    [exposure] = [one for one in exposures.values() if one["name"] == "daily_market"]
    nodes: list[str] = exposure["depends_on"]["nodes"]
    nodes.remove("model.dbt_polygon.fct_movers")
    nodes.append("model.dbt_polygon.fct_daily_filled")
    found = exposure_differences(own_bundle(), "daily_market", {"exposures": exposures})
    assert found == ({"fct_movers"}, {"fct_daily_filled"})


def run(chart: str, rows: int, error: str = "") -> ChartRun:
    return ChartRun(chart, chart, "table", "movers", rows, 0.1, error)


@pytest.mark.parametrize(
    ("runs", "passed", "text"),
    [
        ([run("live_gainers", 10), run("live_losers", 10)], True, "2 charts answered"),
        ([run("live_gainers", 10), run("live_halts_in_force", 0)], True, "2 charts answered"),
        ([run("live_gainers", 0), run("live_losers", 10)], False, "live_gainers: no rows"),
        ([run("live_halts_in_force", 0, "no such table")], False, "no such table"),
    ],
)
def test_charts_return_rows(runs: list[ChartRun], passed: bool, text: str) -> None:
    found = judged(dashboard_key("live_market"), runs)
    assert found.passed is passed
    assert text in str(found.description)
