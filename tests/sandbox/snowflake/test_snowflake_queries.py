"""Types, bindings, functions and statements through the real connector."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector import SnowflakeConnection
from snowflake.connector.cursor import DictCursor, SnowflakeCursor

Connect = Callable[..., SnowflakeConnection]

COLUMNS = (
    "session_date date, bar_start timestamp_ntz, extracted_at timestamp_tz, symbol varchar,"
    " volume float, n number(38, 0), price number(18, 4), otc boolean"
)
ROW = (
    date(2005, 2, 28),
    datetime(2005, 2, 28, 14, 30, 0, 250_000),
    datetime(2005, 2, 28, 21, 15, tzinfo=UTC),
    'it\'s a \\ "symbol"\nüß',
    1234.5,
    10**17,
    Decimal("44.8600"),
    True,
)
INSERT = "insert into bars values (%s, %s, %s, %s, %s, %s, %s, %s)"


def test_each_type_comes_back_as_it_went_in_and_null_as_null(cursor: SnowflakeCursor) -> None:
    cursor.execute(f"create table bars ({COLUMNS})")
    cursor.executemany(INSERT, [ROW, (None,) * 8])
    assert cursor.rowcount == 2
    rows = cursor.execute("select * from bars order by symbol").fetchall()
    assert rows == [ROW, (None,) * 8]


@pytest.mark.parametrize("first_row", [ROW, (None,) * 8])
def test_a_result_of_one_row_or_only_nulls_has_its_types(
    cursor: SnowflakeCursor, first_row: tuple[Any, ...]
) -> None:
    cursor.execute(f"create table bars ({COLUMNS})")
    cursor.execute(INSERT, first_row)
    assert cursor.execute("select * from bars").fetchone() == first_row
    assert cursor.execute("select * from bars where 1 = 0").fetchall() == []
    names = ["FIXED", "REAL", "TEXT", "DATE", "TIMESTAMP_NTZ", "TIMESTAMP_TZ", "BOOLEAN"]
    codes = {"FIXED": 0, "REAL": 1, "TEXT": 2, "DATE": 3, "TIMESTAMP_TZ": 7, "TIMESTAMP_NTZ": 8}
    codes["BOOLEAN"] = 13
    described = {column.name: column.type_code for column in cursor.description}
    assert described == {
        "SESSION_DATE": codes["DATE"],
        "BAR_START": codes["TIMESTAMP_NTZ"],
        "EXTRACTED_AT": codes["TIMESTAMP_TZ"],
        "SYMBOL": codes["TEXT"],
        "VOLUME": codes["REAL"],
        "N": codes["FIXED"],
        "PRICE": codes["FIXED"],
        "OTC": codes["BOOLEAN"],
    }
    assert set(names) == set(codes)


def test_timestamps_before_1970_and_far_away(cursor: SnowflakeCursor) -> None:
    moments = ["1969-12-31 23:59:59.75", "1900-01-01 00:00:00", "9999-12-31 00:00:00"]
    values = ", ".join(f"('{moment}'::timestamp_ntz)" for moment in moments)
    found = cursor.execute(f"select column1 from values {values} order by 1").fetchall()
    assert found == [
        (datetime(1900, 1, 1),),
        (datetime(1969, 12, 31, 23, 59, 59, 750_000),),
        (datetime(9999, 12, 31),),
    ]


def test_server_side_bindings_one_row_and_a_batch(connect: Connect) -> None:
    snowflake.connector.paramstyle = "qmark"
    try:
        cursor = connect().cursor()
    finally:
        snowflake.connector.paramstyle = "pyformat"
    cursor.execute("create table t (symbol varchar, n number(38, 0), price number(10, 2), at date)")
    rows_date = date(2005, 2, 28)
    rows = [("AAPL", 1, Decimal("1.50"), rows_date), ("MSFT", None, None, rows_date)]
    cursor.execute("insert into t values (?, ?, ?, ?)", rows[0])
    cursor.executemany("insert into t values (?, ?, ?, ?)", rows)
    assert cursor.rowcount == 2
    found = cursor.execute("select * from t where symbol = ? order by 1", ["AAPL"]).fetchall()
    assert found == [rows[0], rows[0]]
    assert cursor.execute("select * from t where n is null").fetchall() == [rows[1]]


def test_dictionaries_arrow_and_row_counts(connect: Connect) -> None:
    connection = connect()
    cursor = connection.cursor(DictCursor)
    cursor.execute("create table t as select 1 as a, 'x' as b union all select 2, null")
    assert cursor.execute("select * from t order by a").fetchall() == [
        {"A": 1, "B": "x"},
        {"A": 2, "B": None},
    ]
    table = connection.cursor().execute("select * from t order by a").fetch_arrow_all()
    assert table.to_pydict() == {"A": [1, 2], "B": ["x", None]}
    assert cursor.execute("update t set b = 'y'").rowcount == 2
    assert cursor.execute("delete from t where a = 2").rowcount == 1
    assert cursor.execute("insert into t select 3, 'z'").rowcount == 1


def test_sums_of_numbers_are_exact(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t (price number(18, 2), n number(38, 0))")
    cursor.execute("insert into t values (1.10, 9007199254740993), (2.20, 9007199254740993)")
    assert cursor.execute("select sum(price), sum(n) from t").fetchone() == (
        Decimal("3.30"),
        18014398509481986,
    )
    cursor.execute("create table sums as select sum(price) as price, sum(n) as n from t")
    described = {row[0]: row[1] for row in cursor.execute("describe table sums").fetchall()}
    assert described == {"PRICE": "NUMBER(38,2)", "N": "NUMBER(38,0)"}


def test_division_by_zero_is_an_error_and_the_guards_work(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t as select 6.0 as a, 0.0 as b union all select 6.0, 2.0")
    with pytest.raises(snowflake.connector.ProgrammingError, match="Division by zero"):
        cursor.execute("select a / b from t")
    guarded = "select a / nullif(b, 0), div0(a, b), iff(b = 0, null, a / b) from t order by b"
    assert cursor.execute(guarded).fetchall() == [(None, 0, None), (3, 3, 3)]
    assert cursor.execute("select a / b from t where b <> 0").fetchall() == [(3,)]


def test_qualify_window_frames_and_conditional_functions(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t (symbol varchar, d date, close float)")
    cursor.execute(
        "insert into t values"
        " ('A', '2005-02-25', 1), ('A', '2005-02-28', 3), ('B', '2005-02-28', 5)"
    )
    newest = "select symbol, close from t qualify row_number() over"
    found = cursor.execute(f"{newest} (partition by symbol order by d desc) = 1 order by 1")
    assert found.fetchall() == [("A", 3.0), ("B", 5.0)]
    lagged = cursor.execute(
        "select symbol, lag(close) over (partition by symbol order by d),"
        " iff(close > 2, 'high', 'low'), dateadd(day, 1, d) from t order by symbol, d"
    ).fetchall()
    assert lagged[1] == ("A", 1.0, "high", date(2005, 3, 1))


def test_the_checksum_of_a_table_ignores_order_and_sees_every_change(
    cursor: SnowflakeCursor,
) -> None:
    """``hash_agg(*)`` and, where one wants it spelled out, a sum of hashes."""
    for checksum in ("hash_agg(*)", "sum(hash(symbol, close))"):
        cursor.execute("create or replace table t (symbol varchar, close float)")
        cursor.execute("insert into t values ('A', 1.5), ('B', null), ('B', null)")
        cursor.execute("create or replace table backwards as select * from t order by symbol desc")
        [first] = cursor.execute(f"select {checksum} from t").fetchone() or [None]
        [second] = cursor.execute(f"select {checksum} from backwards").fetchone() or [None]
        assert first == second
        for change in ("update t set close = 1.25 where symbol = 'A'", "delete from t where 1 = 1"):
            cursor.execute(change)
            [changed] = cursor.execute(f"select {checksum} from t").fetchone() or [None]
            assert changed != first


def test_dates_stay_dates_and_formats_are_applied(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t (d date, ts timestamp_ntz)")
    cursor.execute("insert into t values ('2005-03-02', '2005-03-02 14:30:00')")
    found = cursor.execute(
        "select dateadd(month, 1, d), date_trunc('week', d), dateadd(day, -1, date_trunc(year, d)),"
        " dateadd(hour, 1, d), date_trunc('day', ts), to_char(ts, 'YYYY-MM-DD HH24:MI'),"
        " to_char(d, 'yyyymmdd'), to_varchar(d), datediff(day, d, '2005-03-05') from t"
    ).fetchone()
    assert found == (
        date(2005, 4, 2),
        date(2005, 2, 28),
        date(2004, 12, 31),
        datetime(2005, 3, 2, 1),
        datetime(2005, 3, 2),
        "2005-03-02 14:30",
        "20050302",
        "2005-03-02",
        3,
    )
    with pytest.raises(snowflake.connector.ProgrammingError, match="Unsupported feature 'TO_CHAR"):
        cursor.execute("select to_char(d, 'TZH') from t")


def test_variant_columns_and_flatten(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t (v variant)")
    cursor.execute("""insert into t select parse_json('{"a": {"b": [1, 2]}, "s": "x"}')""")
    [row] = cursor.execute("select v:a.b[1]::int, v:s::varchar, v:none::varchar from t").fetchall()
    assert row == (2, "x", None)
    flat = cursor.execute(
        "select f.value::int from t, lateral flatten(input => v:a.b) f order by 1"
    )
    assert flat.fetchall() == [(1,), (2,)]
    assert cursor.execute("select $1:s::varchar from t").fetchone() == ("x",)


def test_functions_of_the_session(connect: Connect, database: str) -> None:
    cursor = connect().cursor()
    asked = (
        "select current_database(), current_schema(), current_role(), current_warehouse(),"
        " current_user()"
    )
    answer = (database, "RAW", "SANDBOX", "SANDBOX", "SANDBOX")
    assert cursor.execute(asked).fetchone() == answer
    assert [column.name for column in cursor.description][2] == "CURRENT_ROLE()"


def test_statements_of_an_account_are_accepted_without_effect(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t (a int comment 'it''s one')")
    for statement in (
        "grant select on table t to role reader",
        "revoke select on table t from role reader",
        "create role if not exists reader",
        "use role reader",
        "create or replace warehouse small warehouse_size = xsmall",
        "use warehouse small",
        "use secondary roles all",
        "alter session set query_tag = 'x'",
        "alter session unset query_tag",
        "comment on column t.a is 'it''s a'",
        "alter table t alter a comment $$it's$$",
        "comment on table t is $$it's a table$$",
        "create task nightly as select 1",
    ):
        cursor.execute(statement)
    assert cursor.execute("show grants on table t").fetchall() == []
    found = cursor.execute("select comment from information_schema.tables where table_name = 'T'")
    assert found.fetchone() == ("it's a table",)


def test_the_information_schema_has_tables_and_views(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t (a number(38, 0) not null, b varchar(7), c number(18, 4))")
    cursor.execute("create view v as select a from t")
    tables = cursor.execute(
        "select table_name, table_type from information_schema.tables order by table_name"
    ).fetchall()
    assert tables == [("T", "BASE TABLE"), ("V", "VIEW")]
    columns = cursor.execute(
        "select column_name, data_type, is_nullable, character_maximum_length, numeric_scale"
        " from information_schema.columns where table_name = 'T' order by ordinal_position"
    ).fetchall()
    assert columns == [
        ("A", "NUMBER", "NO", None, 0),
        ("B", "TEXT", "YES", 7, None),
        ("C", "NUMBER", "YES", None, 4),
    ]
