"""Statements that DuckDB has no word for, or another: MERGE, CLONE, SWAP, temporary tables."""

from collections.abc import Callable
from datetime import date, datetime

import pytest
from snowflake.connector import IntegrityError, ProgrammingError, SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

Connect = Callable[..., SnowflakeConnection]

MERGE = """
    merge into target as t using source as s on t.id = s.id
    when matched and s.gone then delete
    when matched then update set t.v = s.v + t.v
    when not matched then insert (id, v) values (s.id, s.v)
"""


def _tables_for_merge(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table target (id int, v int)")
    cursor.execute("insert into target values (1, 10), (2, 20)")
    cursor.execute("create table source (id int, v int, gone boolean)")
    cursor.execute("insert into source values (1, 1, false), (2, 2, true), (3, 3, false)")


def test_merge_reports_what_it_did(cursor: SnowflakeCursor) -> None:
    _tables_for_merge(cursor)
    assert cursor.execute(MERGE).rowcount == 3
    assert cursor.fetchall() == [(1, 1, 1)]
    assert [column.name for column in cursor.description] == [
        "number of rows inserted",
        "number of rows updated",
        "number of rows deleted",
    ]
    assert cursor.execute("select * from target order by id").fetchall() == [(1, 11), (3, 3)]


def test_merge_with_two_source_rows_for_one_target_row_changes_nothing(
    cursor: SnowflakeCursor,
) -> None:
    _tables_for_merge(cursor)
    cursor.execute("insert into source values (1, 5, false)")
    with pytest.raises(ProgrammingError, match="Duplicate row detected during DML action"):
        cursor.execute(MERGE)
    assert cursor.execute("select * from target order by id").fetchall() == [(1, 10), (2, 20)]


def test_merge_as_dbt_writes_it_with_unqualified_values(cursor: SnowflakeCursor) -> None:
    _tables_for_merge(cursor)
    cursor.execute("""
        merge into target as DBT_INTERNAL_DEST
        using (select id, v from source) as DBT_INTERNAL_SOURCE
        on (DBT_INTERNAL_SOURCE.id = DBT_INTERNAL_DEST.id)
        when matched then update set "V" = DBT_INTERNAL_SOURCE."V"
        when not matched then insert ("ID", "V") values ("ID", "V")
    """)
    found = cursor.execute("select * from target order by id").fetchall()
    assert found == [(1, 1), (2, 2), (3, 3)]


def test_a_cloned_table_keeps_rows_and_constraints_and_lives_apart(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t (a int not null, b varchar)")
    cursor.execute("insert into t values (1, 'x')")
    cursor.execute("create table c clone t")
    cursor.execute("create or replace transient table c clone t")
    cursor.execute("insert into t values (2, 'y')")
    assert cursor.execute("select * from c").fetchall() == [(1, "x")]
    with pytest.raises(IntegrityError, match="NULL result in a non-nullable column"):
        cursor.execute("insert into c values (null, 'z')")
    cursor.execute("create table empty like t")
    assert cursor.execute("select count(*) from empty").fetchone() == (0,)
    with pytest.raises(ProgrammingError, match="already exists"):
        cursor.execute("create table c clone t")


def test_a_cloned_database_has_tables_and_views_that_read_the_clone(
    connect: Connect, database: str
) -> None:
    cursor = connect().cursor()
    cursor.execute("create table t as select 1 as a")
    cursor.execute("create schema marts")
    cursor.execute("create table marts.local as select 2 as a")
    cursor.execute("create view marts.v as select a from marts.local")
    clone = f"{database}_PR_7"
    cursor.execute(f"create or replace database {clone} clone {database}")
    cursor.execute(f"create or replace database {clone} clone {database}")
    cursor.execute("update raw.t set a = 9")
    assert cursor.execute(f"select a from {clone}.raw.t").fetchone() == (1,)
    assert cursor.execute(f"select a from {clone}.marts.v").fetchone() == (2,)
    cursor.execute(f"drop database {clone}")
    with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
        cursor.execute(f"select a from {clone}.raw.t")
    cursor.execute(f"drop database if exists {clone}")
    with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
        cursor.execute(f"drop database {clone}")
    with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
        cursor.execute(f"create database other clone {clone}")


def test_a_table_made_from_a_query_keeps_its_not_null(cursor: SnowflakeCursor) -> None:
    create = "create or replace table t (a number(38, 0) not null, b varchar(9)) as "
    cursor.execute(f"{create} (select x, y from (select 1 as x, null as y))")
    with pytest.raises(IntegrityError, match="NULL result in a non-nullable column"):
        cursor.execute(f"{create} (select x, y from (select null as x, 'new' as y))")
    assert cursor.execute("select a, b from t").fetchall() == [(1, None)]
    with pytest.raises(IntegrityError, match="NULL result in a non-nullable column"):
        cursor.execute("insert into t values (null, 'x')")


def test_a_clustered_table_with_columns_is_made_from_an_ordered_star(
    cursor: SnowflakeCursor,
) -> None:
    cursor.execute("create table s as select cast('2005-02-14' as date) as d")
    cursor.execute("""
        create or replace table t (later timestamp_ntz not null, d date) as (
            select * from (
                select dateadd('hour', 35, cast(d as timestamp_ntz)) as later, d from s
            ) order by (d)
        )
    """)
    cursor.execute("alter table t cluster by (d)")
    assert cursor.execute("select later, d from t").fetchall() == [
        (datetime(2005, 2, 15, 11), date(2005, 2, 14))
    ]


def test_swap_exchanges_two_tables(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table a as select 1 as x")
    cursor.execute("create table b as select 2 as x")
    cursor.execute("/* {} */ alter table a swap with b")
    assert cursor.execute("select (select x from a), (select x from b)").fetchone() == (2, 1)


def test_dynamic_tables_are_made_and_dropped(cursor: SnowflakeCursor) -> None:
    cursor.execute(
        "create or replace dynamic table d target_lag = '1 minute' warehouse = w as select 1 as x"
    )
    assert cursor.execute("select x from d").fetchone() == (1,)
    cursor.execute("drop dynamic table if exists d")
    with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
        cursor.execute("select x from d")


def test_temporary_tables_belong_to_their_session(connect: Connect, database: str) -> None:
    first, second = connect().cursor(), connect().cursor()
    name = f"{database}.raw.batch"
    first.execute("create table batch as select 'everyone' as who")
    first.execute(f"create or replace temporary table {name} as (select 'mine' as who)")
    first.execute(f"create or replace temporary table {name} as (select 'mine' as who)")
    assert first.execute(f"select batch.who from {name}").fetchone() == ("mine",)
    assert first.execute("select who from batch").fetchone() == ("mine",)
    assert second.execute(f"select who from {name}").fetchone() == ("everyone",)
    described = first.execute(f"describe table {name}").fetchall()
    assert [(row[0], row[1].split("(")[0]) for row in described] == [("WHO", "VARCHAR")]
    shown = second.execute("show tables in schema").fetchall()
    assert [row[1] for row in shown] == ["BATCH"]
    first.execute(f"create temporary view {name}_view as select who from {name}")
    assert first.execute(f"select * from {name}_view").fetchone() == ("mine",)
    first.execute(f"drop table {name}")
    assert first.execute(f"select who from {name}").fetchone() == ("everyone",)


def test_a_query_name_is_not_a_temporary_table(cursor: SnowflakeCursor, database: str) -> None:
    cursor.execute(f"create temporary table {database}.raw.batch as select 1 as x")
    found = cursor.execute("with batch as (select 2 as x) select x from batch").fetchone()
    assert found == (2,)


def test_insert_overwrite_replaces_the_rows(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t (a int, b varchar)")
    cursor.execute("insert overwrite into t (a, b) values (1, 'x'), (2, 'y')")
    cursor.execute("insert overwrite into t (a, b) values (3, 'z')")
    assert cursor.execute("select * from t").fetchall() == [(3, "z")]


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from read_json_objects('/etc/passwd')",
        "select * from '/etc/passwd'",
        'select * from "/etc/passwd"',
        'select * from "data.csv"',
        "select getenv('HOME')",
        "create table t as select * from parquet_scan('x.parquet')",
        "copy into t from 'file:///etc/passwd'",
        "select * from duckdb_settings()",
        "pragma database_list",
        "undrop table t",
        "call system$wait(1)",
        "execute immediate 'select 1'",
        "explain select 1",
        "garbage in",
    ],
)
def test_what_is_not_snowflake_is_refused(cursor: SnowflakeCursor, statement: str) -> None:
    with pytest.raises(ProgrammingError):
        cursor.execute(statement)


def test_an_unsupported_statement_is_named(cursor: SnowflakeCursor) -> None:
    with pytest.raises(ProgrammingError, match="Unsupported feature 'CALL system"):
        cursor.execute("call system$wait(1)")


def test_a_role_owns_everything_and_public_nothing(cursor: SnowflakeCursor) -> None:
    database = cursor.execute("select current_database()").fetchall()[0][0]
    cursor.execute("create schema it_s_mine")
    cursor.execute("show grants to role analyst")
    columns = [column.name for column in cursor.description]
    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    held = {(row["privilege"], row["granted_on"], row["name"]) for row in rows}
    assert ("OWNERSHIP", "DATABASE", database) in held
    assert ("OWNERSHIP", "SCHEMA", f"{database}.IT_S_MINE") in held
    assert "CREATE DATABASE" in {privilege for privilege, _, _ in held}
    assert {row["grantee_name"] for row in rows} == {"ANALYST"}
    assert cursor.execute('show grants to role "PUBLIC"').fetchall() == []
