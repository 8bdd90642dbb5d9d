"""Files to stages to tables, transactions, and two sessions at once."""

import gzip
import json
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from snowflake.connector import DatabaseError, ProgrammingError, SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

Connect = Callable[..., SnowflakeConnection]

BARS = [
    {"session_date": "2005-02-28", "ticker": "AAPL", "c": 44.86, "v": 1000.5, "t": 1109624400000},
    {"session_date": "2005-02-28", "ticker": "BRK.A", "c": 90_000, "v": None, "t": 1109624400000},
    {"session_date": "2005-03-01", "ticker": 'it\'s "x"', "c": 1.0, "otc": True},
]
SELECT_BARS = """
    select v:session_date::date as session_date, v:ticker::varchar as ticker, v:c::float as c,
        v:v::float as volume, v:t::number(38, 0) as t, coalesce(v:otc::boolean, false) as otc
    from loaded
"""
EXPECTED = [
    (date(2005, 2, 28), "AAPL", 44.86, 1000.5, 1109624400000, False),
    (date(2005, 2, 28), "BRK.A", 90_000.0, None, 1109624400000, False),
    (date(2005, 3, 1), 'it\'s "x"', 1.0, None, None, True),
]


def _write_ndjson(path: Path, records: list[dict[str, object]]) -> Path:
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    return path


@pytest.mark.parametrize("stage", ["%loaded", "files"])
def test_ndjson_through_a_stage_into_a_variant_table_and_typed_rows(
    cursor: SnowflakeCursor, tmp_path: Path, stage: str
) -> None:
    file = _write_ndjson(tmp_path / "bars.ndjson.gz", BARS)
    cursor.execute("create or replace transient table loaded (v variant)")
    cursor.execute("create stage files")
    put = cursor.execute(f"put 'file://{file}' @{stage} overwrite = true").fetchall()
    assert [row[6] for row in put] == ["UPLOADED"]
    copied = cursor.execute(
        f"copy into loaded from @{stage} file_format = (type = json)"
    ).fetchall()
    assert [(row[1], row[3]) for row in copied] == [("LOADED", 3)]
    assert cursor.execute(f"{SELECT_BARS} order by ticker").fetchall() == EXPECTED
    positional = "select $1:ticker::varchar from loaded order by 1"
    assert cursor.execute(positional).fetchall() == [("AAPL",), ("BRK.A",), ('it\'s "x"',)]


def test_typed_columns_straight_from_the_file(cursor: SnowflakeCursor, tmp_path: Path) -> None:
    file = _write_ndjson(tmp_path / "bars.ndjson.gz", BARS)
    cursor.execute("create table bars (ticker varchar, session_date date, everything variant)")
    cursor.execute(f"put 'file://{file}' @%bars")
    cursor.execute(
        "copy into bars from (select $1:ticker::varchar, $1:session_date::date, $1 from @%bars)"
        " file_format = (type = json)"
    )
    found = cursor.execute("select ticker, session_date, everything:c::float from bars order by 1")
    assert found.fetchall() == [(row[1], row[0], row[2]) for row in EXPECTED]


def test_a_file_is_loaded_once_and_again_when_its_content_is_another(
    cursor: SnowflakeCursor, tmp_path: Path
) -> None:
    cursor.execute("create table loaded (v variant)")
    copy = "copy into loaded from @%loaded file_format = (type = json) purge = true"
    counts: list[int] = []
    for records in (BARS, BARS, BARS[:1]):
        file = _write_ndjson(tmp_path / "bars.ndjson.gz", records)
        # gzip notes the time of writing: a file with the same rows has the same bytes only so.
        file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()), mtime=0))
        cursor.execute(f"put 'file://{file}' @%loaded overwrite = true")
        cursor.execute(copy)
        [count] = cursor.execute("select count(*) from loaded").fetchone() or [0]
        counts.append(count)
    assert counts == [3, 3, 4]


def test_delete_and_insert_of_a_window_in_one_transaction(
    connect: Connect, cursor: SnowflakeCursor
) -> None:
    other = connect().cursor()
    cursor.execute("create table bars (session_date date, close float)")
    cursor.execute("insert into bars values ('2005-02-25', 1), ('2005-02-28', 2)")
    cursor.execute("create temporary table batch as select '2005-02-28'::date as d, 3.0 as c")
    cursor.execute("begin")
    cursor.execute("delete from bars using batch where bars.session_date = batch.d")
    cursor.execute("insert into bars select d, c from batch")
    assert other.execute("select close from bars order by 1").fetchall() == [(1.0,), (2.0,)]
    cursor.execute("commit")
    assert other.execute("select close from bars order by 1").fetchall() == [(1.0,), (3.0,)]


def test_rollback_and_a_client_that_leaves_keep_nothing(
    connect: Connect, cursor: SnowflakeCursor
) -> None:
    cursor.execute("create table t (a int)")
    cursor.execute("begin transaction")
    cursor.execute("insert into t values (1)")
    cursor.execute("rollback")
    leaving = connect()
    leaving.cursor().execute("begin")
    leaving.cursor().execute("insert into t values (2)")
    leaving.close()
    manual = connect(autocommit=False)
    manual.cursor().execute("insert into t values (3)")
    manual.rollback()
    manual.cursor().execute("insert into t values (4)")
    manual.commit()
    assert cursor.execute("select a from t").fetchall() == [(4,)]


@pytest.mark.parametrize(
    "ddl",
    [
        "create table v (s varchar(10)) comment = 'with a length and a comment'",
        "alter table t swap with u",
        "create table v clone u",
    ],
)
def test_ddl_commits_an_open_transaction(
    connect: Connect, cursor: SnowflakeCursor, ddl: str
) -> None:
    cursor.execute("create table t (a int)")
    cursor.execute("create table u (a int)")
    cursor.execute("begin")
    cursor.execute("insert into t values (1)")
    cursor.execute(ddl)
    cursor.execute("rollback")
    both = "select a from t union all select a from u"
    assert connect().cursor().execute(both).fetchall() == [(1,)]


def test_a_session_parameter_does_not_commit(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t (a int)")
    cursor.execute("begin")
    cursor.execute("insert into t values (1)")
    cursor.execute("alter session set query_tag = 'x'")
    cursor.execute("rollback")
    assert cursor.execute("select a from t").fetchall() == []


def test_a_failed_statement_answers_at_once_and_leaves_the_session_usable(
    cursor: SnowflakeCursor,
) -> None:
    cursor.execute("create table t (a int not null)")
    started = datetime.now(UTC)
    for statement, message in {
        "select * from nowhere": "does not exist or not authorized",
        "select nothing from t": "invalid identifier 'NOTHING'",
        "select nothing(1)": "Unknown function",
        "insert into t values (null)": "NULL result in a non-nullable column",
        "insert into t values ('x')": "not recognized",
        "select 'x'::date": "Conversion",
        "select frm where": "001003",
    }.items():
        with pytest.raises(DatabaseError, match=message):
            cursor.execute(statement)
    assert (datetime.now(UTC) - started).total_seconds() < 3
    assert cursor.execute("select 1").fetchone() == (1,)


def test_two_sessions_that_change_the_same_row_wait_for_each_other(connect: Connect) -> None:
    first = connect().cursor()
    first.execute("create table t (id int, n int)")
    first.execute("insert into t values (1, 0)")
    errors: list[Exception] = []

    def add(cursor: SnowflakeCursor) -> None:
        try:
            for _ in range(15):
                cursor.execute("update t set n = n + 1 where id = 1")
        except ProgrammingError as error:
            errors.append(error)

    threads = [threading.Thread(target=add, args=[connect().cursor()]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert first.execute("select n from t").fetchone() == (45,)


def test_sessions_that_make_and_fill_tables_at_once(connect: Connect) -> None:
    errors: list[Exception] = []

    def fill(name: str) -> None:
        try:
            cursor = connect().cursor()
            for _ in range(4):
                cursor.execute("create schema if not exists shared")
                cursor.execute(f"create or replace table shared.{name} (a int, s varchar(9))")
                cursor.execute(f"insert into shared.{name} values (1, 'x'), (2, 'y')")
        except ProgrammingError as error:
            errors.append(error)

    threads = [threading.Thread(target=fill, args=[f"t{number}"]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    found = connect().cursor().execute("select count(*) from shared.t3").fetchone()
    assert found == (2,)
