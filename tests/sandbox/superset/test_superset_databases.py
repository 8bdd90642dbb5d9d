"""What Superset asks of the sandbox's ClickHouse and Snowflake, through its API, and the answers.

The tests go on from each other's databases and datasets only through fixtures.
"""

from datetime import UTC, datetime

import clickhouse_connect
import pytest
from superset_engines import BARS, Engine, connected, fill_clickhouse, fill_snowflake
from support.superset import GROUP, ApiError, RunningSuperset

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group(GROUP),
]

# From the first bucket on: ClickHouse takes a name in WHERE for what SELECT makes of it.
RANGE = "2005-01-01 : 2005-03-01"
GRAINS = {
    "PT1M": ["14:30", "14:31", "14:34", "14:35", "15:00", "28 14:30"],
    "PT5M": ["14:30", "14:35", "15:00", "28 14:30"],
    "PT30M": ["14:30", "15:00", "28 14:30"],
    "PT1H": ["14:00", "15:00", "28 14:00"],
    "P1D": ["25 00:00", "28 00:00"],
    "P1W": ["21 00:00", "28 00:00"],
    "P1M": ["01 00:00"],
    "P3M": ["2005-01-01 00:00"],
    "P1Y": ["2005-01-01 00:00"],
}
"""Time grain -> the starts of its buckets, as far as they differ from 2005-02-25."""


@pytest.fixture(scope="module")
def clickhouse(superset: RunningSuperset) -> Engine:
    fill_clickhouse(superset)
    uri = superset.clickhouse_uri
    found = connected(superset, "ClickHouse", uri, "rollups_local", "ch")
    return Engine(*found, "UNKNOWN_IDENTIFIER")


@pytest.fixture(scope="module")
def warehouse(superset: RunningSuperset) -> Engine:
    fill_snowflake(superset)
    found = connected(superset, "Snowflake", superset.snowflake_uri, "marts", "sf")
    return Engine(*found, "000904", in_capitals=True)


@pytest.fixture(params=["clickhouse", "warehouse"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each of the two."""
    found: Engine = request.getfixturevalue(request.param)
    return found


def test_wrong_database_is_refused(superset: RunningSuperset) -> None:
    uri = superset.clickhouse_uri.replace("rollups_local", "nowhere")
    body = {"database_name": "Nowhere", "sqlalchemy_uri": uri}
    with pytest.raises(ApiError, match="UNKNOWN_DATABASE"):
        superset.log_in().post("database/test_connection/", body)


def test_schemas_tables_and_views_are_listed(engine: Engine) -> None:
    path = f"database/{engine.database}"
    assert engine.schema in engine.api.get(f"{path}/schemas/", q="(force:!t)")["result"]
    found = engine.api.get(f"{path}/tables/", q=f"(force:!t,schema_name:{engine.schema})")
    assert {engine.table, engine.view} <= {one["value"] for one in found["result"]}


def test_snowflake_tells_views_from_tables(warehouse: Engine) -> None:
    path = f"database/{warehouse.database}/tables/"
    found = warehouse.api.get(path, q=f"(force:!t,schema_name:{warehouse.schema})")["result"]
    assert {one["value"]: one["type"] for one in found} == {
        "sf_bars": "table",
        "sf_bars_view": "view",
    }


def test_clickhouse_offers_its_functions(clickhouse: Engine) -> None:
    found = clickhouse.api.get(f"database/{clickhouse.database}/function_names/")
    assert "argMax" in found["function_names"]


@pytest.mark.parametrize("kind", ["table", "view"])
def test_columns_are_described(engine: Engine, kind: str) -> None:
    found = engine.api.get(
        f"database/{engine.database}/table_metadata/",
        name=getattr(engine, kind),
        schema=engine.schema,
    )
    assert [one["name"] for one in found["columns"]] == ["symbol", "bar_start", "close"]
    assert "close" in found["selectStar"]


@pytest.mark.parametrize("kind", ["table", "view"])
def test_dataset_knows_its_time_column(engine: Engine, kind: str) -> None:
    dataset = engine.dataset(getattr(engine, kind))
    found = engine.api.get(f"dataset/{dataset}")["result"]
    times = {one["column_name"]: one["is_dttm"] for one in found["columns"]}
    name = engine.column
    assert times == {name("symbol"): False, name("bar_start"): True, name("close"): False}
    assert found["main_dttm_col"] == name("bar_start")


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("kind", ["table", "view"])
def test_chart_groups_by_time_grain(engine: Engine, kind: str, grain: str) -> None:
    start = engine.column("bar_start")
    axis = {
        "columnType": "BASE_AXIS",
        "expressionType": "SQL",
        "isColumnReference": True,
        "sqlExpression": start,
        "label": start,
        "timeGrain": grain,
    }
    rows = engine.chart(
        engine.dataset(getattr(engine, kind)),
        columns=[axis],
        metrics=["count"],
        filters=[{"col": start, "op": "TEMPORAL_RANGE", "val": RANGE}],
        extras={"time_grain_sqla": grain},
        orderby=[["count", False]],
    )
    starts = sorted(datetime.fromtimestamp(row[start] / 1000, UTC) for row in rows)
    day = "2005-02-25 00:00"
    expected = [day[: len(day) - len(text)] + text for text in GRAINS[grain]]
    assert [one.strftime("%Y-%m-%d %H:%M") for one in starts] == expected
    assert sum(row["count"] for row in rows) == len(BARS)


def test_chart_filters_sorts_and_aggregates(engine: Engine) -> None:
    symbol, close = engine.column("symbol"), engine.column("close")
    highest = {
        "expressionType": "SIMPLE",
        "aggregate": "MAX",
        "column": {"column_name": close},
        "label": "highest",
    }
    rows = engine.chart(
        engine.dataset(engine.table),
        columns=[symbol],
        metrics=["count", highest],
        filters=[
            {"col": symbol, "op": "IN", "val": ["AAPL", "IBM", "O'NEIL"]},
            {
                "col": engine.column("bar_start"),
                "op": "TEMPORAL_RANGE",
                "val": "2005-02-25 : 2005-02-26",
            },
        ],
        orderby=[[highest, False]],
    )
    assert rows == [
        {symbol: "IBM", "count": 1, "highest": 92.5},
        {symbol: "AAPL", "count": 5, "highest": 89.25},
    ]


def test_filter_offers_its_values(engine: Engine) -> None:
    dataset, symbol = engine.dataset(engine.table), engine.column("symbol")
    found = engine.api.get(f"datasource/table/{dataset}/column/{symbol}/values/")["result"]
    assert sorted(found) == ["AAPL", "IBM"]
    typed = engine.chart(
        dataset,
        columns=[symbol],
        metrics=[],
        filters=[{"col": symbol, "op": "ILIKE", "val": "%ib%"}],
    )
    assert typed == [{symbol: "IBM"}]


def test_chart_shows_what_came_since(clickhouse: Engine, superset: RunningSuperset) -> None:
    """No cache may stand between a live dashboard and its table."""
    dataset = clickhouse.dataset(clickhouse.table)
    query = {"columns": [], "metrics": ["count"]}
    (before,) = clickhouse.chart(dataset, **query)
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=superset.layout.port("clickhouse")
    )
    client.command("INSERT INTO rollups_local.ch_bars VALUES ('NEW', '2006-01-03 14:30:00', 1)")
    (after,) = clickhouse.chart(dataset, **query)
    client.command("DELETE FROM rollups_local.ch_bars WHERE symbol = 'NEW'")
    client.close()
    assert (before["count"], after["count"]) == (len(BARS), len(BARS) + 1)


def test_virtual_dataset(engine: Engine) -> None:
    body = {
        "database": engine.database,
        "schema": engine.schema,
        "table_name": f"{engine.table}_virtual",
        "sql": f'SELECT symbol AS "symbol", close AS "close" FROM {engine.table} WHERE close > 90',
    }
    dataset = engine.api.post("dataset/", body)["id"]
    assert engine.chart(dataset, columns=["symbol", "close"], metrics=[]) == [
        {"symbol": "IBM", "close": 92.5}
    ]


def test_sql_lab_runs_statements(engine: Engine) -> None:
    query = f"SELECT symbol AS s, count(*) AS n FROM {engine.table} GROUP BY symbol ORDER BY n"
    rows = engine.sql(query)["data"]
    assert [list(row.values()) for row in rows] == [["IBM", 1], ["AAPL", 6]]
    assert list(engine.sql("SELECT 1 AS a; SELECT 2 AS b")["data"][0].values()) == [2]


def test_sql_lab_shows_the_databases_own_error(engine: Engine) -> None:
    with pytest.raises(ApiError, match=engine.refusal):
        engine.sql(f"SELECT nothing FROM {engine.table}")


def test_sql_lab_changes_nothing(engine: Engine) -> None:
    with pytest.raises(ApiError, match="does not allow for DDL/DML"):
        engine.sql(f"DELETE FROM {engine.table} WHERE 1 = 1")


def test_sql_lab_asks_snowflake_for_its_session(warehouse: Engine) -> None:
    (row,) = warehouse.sql("SELECT CURRENT_SESSION() AS s")["data"]
    assert next(iter(row.values())).isdigit()
