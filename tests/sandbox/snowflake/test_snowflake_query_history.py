"""The query tag of a session, and the history that shows which statements ran under it."""

import json
from collections.abc import Callable

import pytest
from snowflake.connector import ProgrammingError, SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

from polygon_assets.sandbox.snowflake import history

Connect = Callable[..., SnowflakeConnection]

SHOW = "show parameters like 'query_tag' in session"
OWN = """
    select query_type, rows_produced, execution_status, query_id, bytes_scanned
    from table(information_schema.query_history(
        end_time_range_start => dateadd('minute', -5, current_timestamp()), result_limit => 1000
    ))
    where query_tag = %s
    order by start_time
"""


def tag_of(cursor: SnowflakeCursor) -> str:
    row = cursor.execute(SHOW).fetchone()
    assert isinstance(row, tuple)
    return row[1]


def test_a_query_tag_stays_until_it_is_unset(cursor: SnowflakeCursor) -> None:
    assert tag_of(cursor) == ""
    tag = json.dumps({"asset": "marts/market/x", "note": "it's"})
    cursor.execute("alter session set query_tag = '" + tag.replace("'", "''") + "'")
    assert tag_of(cursor) == tag
    cursor.execute("alter session unset query_tag")
    assert tag_of(cursor) == ""


def test_a_query_tag_can_come_with_the_login_and_belongs_to_its_session(connect: Connect) -> None:
    tagged = connect(session_parameters={"QUERY_TAG": "from the login"}).cursor()
    assert tag_of(tagged) == "from the login"
    assert tag_of(connect().cursor()) == ""


def test_the_history_shows_what_ran_under_a_tag(cursor: SnowflakeCursor, database: str) -> None:
    cursor.execute(f"alter session set query_tag = '{database}'")
    cursor.execute("create table t as select 1 as a")
    cursor.execute("insert into t values (2), (3)")
    inserted = cursor.sfqid
    cursor.execute("delete from t where a < 3")
    with pytest.raises(ProgrammingError):
        cursor.execute("select * from missing")
    cursor.execute("select * from t")
    cursor.execute("alter session unset query_tag")
    found = cursor.execute(OWN, [database]).fetchall()
    assert [row[:3] for row in found] == [
        ("CREATE_TABLE_AS_SELECT", None, "SUCCESS"),
        ("INSERT", 2, "SUCCESS"),
        ("DELETE", 2, "SUCCESS"),
        ("SELECT", None, "FAILED_WITH_ERROR"),
        ("SELECT", 1, "SUCCESS"),
        ("ALTER", None, "SUCCESS"),
    ]
    assert found[1][3] == inserted
    assert [row[4] for row in found] == [None] * 6


def test_the_history_tells_session_warehouse_and_times(
    connect: Connect, cursor: SnowflakeCursor, database: str
) -> None:
    other = connect(session_parameters={"QUERY_TAG": database}).cursor()
    other.execute("use warehouse larger")
    other.execute("select current_warehouse()")
    assert other.fetchone() == ("LARGER",)
    found = cursor.execute(
        "select session_id, warehouse_name, user_name, end_time >= start_time, total_elapsed_time "
        f"from table({database}.information_schema.query_history()) as newest "
        "where newest.query_tag = %s and newest.query_text like 'select%%'",
        [database],
    ).fetchall()
    [(session, warehouse, user, in_order, milliseconds)] = found
    assert (warehouse, user, in_order) == ("LARGER", "SANDBOX", True)
    assert session == int(str(other.execute("select current_session()").fetchall()[0][0]))
    assert 0 <= milliseconds < 5000


def test_the_newest_statements_come_first_and_no_more_than_asked_for(
    cursor: SnowflakeCursor,
) -> None:
    for number in range(5):
        cursor.execute(f"select {number}")
    found = cursor.execute(
        "select query_text from table(information_schema.query_history(result_limit => 2))"
    ).fetchall()
    assert found == [("select 4",), ("select 3",)]
    with pytest.raises(ProgrammingError, match="1 to 10000"):
        cursor.execute(
            "select 1 from table(information_schema.query_history(result_limit => 20000))"
        )


def test_the_history_is_bounded() -> None:
    kept = history.QueryHistory()
    assert kept._statements.maxlen == history.KEPT_STATEMENTS == 10_000  # pyright: ignore[reportPrivateUsage]


def test_the_tag_is_readable_as_json(cursor: SnowflakeCursor, database: str) -> None:
    tag = json.dumps({"node": database, "invocation_id": "abc"})
    cursor.execute(f"alter session set query_tag = '{tag}'")
    cursor.execute("select 7")
    found = cursor.execute(
        "select query_text from table(information_schema.query_history()) "
        "where try_parse_json(query_tag):node::varchar = %s",
        [database],
    ).fetchall()
    assert ("select 7",) in found
