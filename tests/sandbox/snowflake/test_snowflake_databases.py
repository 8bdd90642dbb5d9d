"""Databases as a whole: CLONE with all that belongs to it, SHOW, and a clone that was killed."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from snowflake.connector import ProgrammingError, SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

Connect = Callable[..., SnowflakeConnection]


def databases(cursor: SnowflakeCursor, rest: str = "") -> dict[str, datetime]:
    """Name -> when it was made, as SHOW DATABASES tells."""
    cursor.execute(f"show databases {rest}")
    names = [column.name for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {row["name"]: row["created_on"] for row in rows}


def test_show_tells_when_a_database_was_made(connect: Connect, database: str) -> None:
    cursor = connect().cursor()
    began = datetime.now(UTC)
    cursor.execute(f"create database {database}_B")
    cursor.execute(f"create database if not exists {database}_B")
    found = databases(cursor)
    assert {database, f"{database}_B"} <= found.keys()
    assert not any(name.startswith(("_", "memory")) for name in found)
    made = found[f"{database}_B"]
    assert began - timedelta(seconds=1) <= made <= datetime.now(UTC)
    cursor.execute(f"create database if not exists {database}_B")
    assert databases(cursor)[f"{database}_B"] == made
    cursor.execute(f"create or replace database {database}_B")
    assert databases(cursor)[f"{database}_B"] > made


def test_show_is_narrowed_by_pattern_beginning_and_limit(connect: Connect, database: str) -> None:
    cursor = connect().cursor()
    for suffix in ("_PR_7", "_PR_70"):
        cursor.execute(f"create database {database}{suffix}")
    every = {f"{database}_PR_7", f"{database}_PR_70"}
    assert databases(cursor, f"like '{database.lower()}_PR_%'").keys() == every
    assert databases(cursor, f"starts with '{database}_PR_'").keys() == every
    assert databases(cursor, f"starts with '{database.lower()}'") == {}
    assert databases(cursor, f"like '{database}_PR_%' limit 1").keys() == {f"{database}_PR_7"}
    for unsupported in ("show databases history", "show terse databases"):
        with pytest.raises(ProgrammingError, match="Unsupported feature 'SHOW DATABASES with"):
            cursor.execute(unsupported)


def test_a_session_without_a_database_clones_and_drops(connect: Connect, database: str) -> None:
    within = connect().cursor()
    within.execute("create table t as select 1 as a")
    # DuckDB has no such function: fakesnow defines one in each database.
    within.execute(f"create view v as select to_timestamp_ntz(a) as m from {database}.raw.t")
    cursor = connect(database=None, schema=None).cursor()
    clone = f"{database}_PR_7"
    cursor.execute(f"create database if not exists {clone} clone {database}")
    cursor.execute(f"insert into {clone}.raw.t values (2)")
    # As it exists, it stays as it is.
    cursor.execute(f"create database if not exists {clone} clone {database}")
    assert cursor.execute(f"select count(*) from {clone}.raw.t").fetchone() == (2,)
    with pytest.raises(ProgrammingError, match="already exists"):
        cursor.execute(f"create database {clone} clone {database}")
    cursor.execute(f"create or replace database {clone} clone {database}")
    assert cursor.execute(f"select count(*) from {clone}.raw.t").fetchone() == (1,)
    assert within.execute(f"select count(m) from {clone}.raw.v").fetchone() == (1,)
    cursor.execute(f"drop database {clone}")
    assert clone not in databases(cursor)


def test_views_that_name_their_database_still_read_the_source(
    connect: Connect, database: str
) -> None:
    """The text of a view is cloned as it is: on Snowflake, too, dbt's views read production."""
    cursor = connect().cursor()
    cursor.execute("create table t as select 1 as a")
    cursor.execute(
        f"create view named as with q as (select * from {database}.raw.t) select a from q"
    )
    cursor.execute("create view relative as select a from raw.t")
    cursor.execute(f"create view again as select a from {database}.raw.t")
    cursor.execute("create or replace view again as select a from raw.t")
    clone = f"{database}_PR_7"
    for _ in range(2):
        cursor.execute(f"create or replace database {clone} clone {database}")
        cursor.execute(f"update {clone}.raw.t set a = 9")
        assert cursor.execute(f"select a from {clone}.raw.named").fetchone() == (1,)
        assert cursor.execute(f"select a from {clone}.raw.relative").fetchone() == (9,)
        assert cursor.execute(f"select a from {clone}.raw.again").fetchone() == (9,)
    # A clone of a clone, and the view written anew.
    cursor.execute(f"create or replace view {clone}.raw.named as select a from {clone}.raw.t")
    cursor.execute(f"create database {clone}0 clone {clone}")
    cursor.execute(f"update {clone}0.raw.t set a = 5")
    assert cursor.execute(f"select a from {clone}0.raw.named").fetchone() == (9,)


def test_a_clone_keeps_text_lengths_and_comments(connect: Connect, database: str) -> None:
    cursor = connect().cursor()
    cursor.execute("create table t (a varchar(9) comment 'short', b number(10, 2) not null)")
    cursor.execute("comment on table t is 'it''s small'")
    clone = f"{database}_PR_7"
    cursor.execute(f"create database {clone} clone {database}")
    columns = """
        select column_name, character_maximum_length, numeric_precision, is_nullable, comment
        from %s.information_schema.columns where table_name = 'T' order by 1
    """
    tables = "select comment from %s.information_schema.tables where table_name = 'T'"
    for query in (columns, tables):
        source = cursor.execute(query % database).fetchall()
        assert cursor.execute(query % clone).fetchall() == source
        assert source


def test_a_dropped_database_leaves_nothing_to_its_successor(
    connect: Connect, database: str
) -> None:
    cursor = connect().cursor()
    clone = f"{database}_PR_7"
    cursor.execute(f"create database {clone}")
    cursor.execute(f"create schema {clone}.raw")
    cursor.execute(f"create table {clone}.raw.t (a varchar(9))")
    cursor.execute(f"create stage {clone}.raw.s")
    cursor.execute(f"drop database {clone}")
    cursor.execute(f"create database {clone}")
    cursor.execute(f"create schema {clone}.raw")
    cursor.execute(f"create table {clone}.raw.t (a varchar)")
    cursor.execute(f"create stage {clone}.raw.s")
    length = cursor.execute(
        f"select character_maximum_length from {clone}.information_schema.columns "
        "where table_name = 'T'"
    ).fetchone()
    assert length == (16777216,)


@pytest.mark.slow
def test_a_killed_clone_is_no_database(start_server: Callable[..., object], tmp_path: Path) -> None:
    """Whenever the server is killed, the clone is there whole or not at all."""
    server = start_server(tmp_path).wait_until_healthy()
    cursor = server.connect().cursor()
    cursor.execute(
        "create table t as select seq4() as a from table(generator(rowcount => 1000000))"
    )
    cursor.execute("create table u as select a, md5(a::varchar) as b from t")
    counts = cursor.execute("select (select count(*) from t), (select count(*) from u)").fetchone()
    for wait in (0.05, 0.3, 1.0):
        asking = server.connect(database=None, schema=None).cursor()
        asking.execute_async("create or replace database POLYGON_PR_7 clone POLYGON_LOCAL")
        time.sleep(wait)
        server.kill()
        server = start_server(tmp_path).wait_until_healthy()
        cursor = server.connect(database=None, schema=None).cursor()
        assert not list(tmp_path.glob("*.clone*"))
        if "POLYGON_PR_7" in databases(cursor):
            sql = "select (select count(*) from {0}.t), (select count(*) from {0}.u)"
            assert cursor.execute(sql.format("POLYGON_PR_7.RAW")).fetchone() == counts
    cursor.execute("create or replace database POLYGON_PR_7 clone POLYGON_LOCAL")
    cursor.execute("drop database POLYGON_PR_7")
