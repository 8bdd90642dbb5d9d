"""One session cancels what another runs, as Superset's SQL Lab does."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

Connect = Callable[..., SnowflakeConnection]

# Hours of work for DuckDB.
ENDLESS = (
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) "
    "SELECT count(*) FROM n"
)


def run(connection: SnowflakeConnection, started: threading.Event) -> None:
    started.set()
    connection.cursor().execute(ENDLESS)


def test_running_statement_is_cancelled(connect: Connect) -> None:
    running, other = connect(), connect()
    row = running.cursor().execute("SELECT CURRENT_SESSION()").fetchone()
    assert isinstance(row, tuple)
    started = threading.Event()
    with ThreadPoolExecutor() as pool:
        ended = pool.submit(run, running, started)
        assert started.wait(5)
        told = set()
        while not ended.done():
            time.sleep(0.1)
            cursor = other.cursor().execute(f"SELECT SYSTEM$CANCEL_ALL_QUERIES({row[0]})")
            told.add(cursor.fetchone())
        with pytest.raises(ProgrammingError, match="SQL execution canceled") as error:
            ended.result(20)
    assert ("1 cancelled.",) in told
    assert error.value.errno == 604
    assert running.cursor().execute("SELECT 1").fetchone() == (1,)


def test_nothing_to_cancel(connect: Connect) -> None:
    idle, other = connect(), connect()
    row = idle.cursor().execute("SELECT CURRENT_SESSION()").fetchone()
    assert isinstance(row, tuple)
    cursor = other.cursor().execute(f"SELECT SYSTEM$CANCEL_ALL_QUERIES('{row[0]}')")
    assert cursor is not None
    assert cursor.fetchone() == ("0 cancelled.",)
    assert other.cursor().execute("SELECT SYSTEM$CANCEL_ALL_QUERIES(0)").fetchone() == (
        "0 cancelled.",
    )
