"""Transactions that others leave open."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from snowflake.connector import ProgrammingError, SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

from polygon_assets.sandbox.snowflake.transactions import ABANDONED_SECONDS

Connect = Callable[..., SnowflakeConnection]

LEAVES_A_TRANSACTION_OPEN = """
import sys, time, snowflake.connector
connection = snowflake.connector.connect(
    account="sandbox", user="sandbox", password="sandbox", host="127.0.0.1", protocol="http",
    port=int(sys.argv[1]), database=sys.argv[2], schema="RAW")
cursor = connection.cursor()
cursor.execute("begin")
cursor.execute("delete from bars where day = '2005-02-28'")
cursor.execute("insert into bars values ('2005-02-28', -1)")
print("open", flush=True)
time.sleep(600)
"""


@pytest.fixture
def bars(cursor: SnowflakeCursor) -> SnowflakeCursor:
    cursor.execute("create table bars (day date, close float)")
    cursor.execute("insert into bars values ('2005-02-25', 1), ('2005-02-28', 2)")
    return cursor


def rows(cursor: SnowflakeCursor) -> list[tuple[str, float]]:
    found = cursor.execute("select day, close from bars order by 1, 2").fetchall()
    return [(str(day), close) for day, close in found]


def replace_session(cursor: SnowflakeCursor, close: float) -> None:
    cursor.execute("begin")
    cursor.execute("delete from bars where day = '2005-02-28'")
    cursor.execute("insert into bars values ('2005-02-28', %s)", [close])
    cursor.execute("commit")


def test_the_transaction_of_a_killed_client_does_not_block_others_for_ever(
    server, bars: SnowflakeCursor, database: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", LEAVES_A_TRANSACTION_OPEN, str(server.port), database]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert client.stdout is not None
    assert client.stdout.readline() == "open\n"
    client.send_signal(signal.SIGKILL)
    client.wait()
    client.stdout.close()
    started = time.monotonic()
    replace_session(bars, 3)
    assert time.monotonic() - started < ABANDONED_SECONDS + 5
    assert rows(bars) == [("2005-02-25", 1.0), ("2005-02-28", 3.0)]


def test_an_idle_client_learns_that_its_transaction_was_ended(
    connect: Connect, bars: SnowflakeCursor
) -> None:
    idle = connect().cursor()
    idle.execute("begin")
    idle.execute("update bars set close = 3 where day = '2005-02-28'")
    bars.execute("update bars set close = 4 where day = '2005-02-28'")
    for statement in ("insert into bars values ('2005-02-28', 5)", "select 1", "commit"):
        with pytest.raises(ProgrammingError, match="rolled back: it had been idle"):
            idle.execute(statement)
    idle.execute("rollback")
    assert rows(idle) == [("2005-02-25", 1.0), ("2005-02-28", 4.0)]
    replace_session(idle, 6)
    assert rows(bars) == [("2005-02-25", 1.0), ("2005-02-28", 6.0)]


def test_an_idle_transaction_on_another_table_is_left_alone(
    connect: Connect, bars: SnowflakeCursor
) -> None:
    elsewhere, busy = connect().cursor(), connect().cursor()
    bars.execute("create table other (a int)")
    elsewhere.execute("begin")
    elsewhere.execute("insert into other values (1)")
    busy.execute("begin")
    busy.execute("delete from bars")
    bars.execute("update bars set close = 7")
    elsewhere.execute("commit")
    assert bars.execute("select a from other").fetchall() == [(1,)]


def test_two_transactions_that_replace_a_session_wait_for_each_other(
    connect: Connect, bars: SnowflakeCursor
) -> None:
    errors: list[Exception] = []

    def replace(cursor: SnowflakeCursor, close: float) -> None:
        try:
            for _ in range(8):
                replace_session(cursor, close)
        except ProgrammingError as error:
            errors.append(error)

    threads = [
        threading.Thread(target=replace, args=[connect().cursor(), close]) for close in (8.0, 9.0)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    found = rows(bars)
    assert len(found) == 2
    assert found[1][1] in (8.0, 9.0)


def test_what_a_transaction_has_changed_before_is_never_lost_to_a_conflict(
    connect: Connect, bars: SnowflakeCursor
) -> None:
    first, second = connect().cursor(), connect().cursor()
    first.execute("begin")
    first.execute("update bars set close = 10 where day = '2005-02-28'")
    second.execute("begin")
    second.execute("insert into bars values ('2005-03-01', 11)")
    with pytest.raises(ProgrammingError, match="onflict"):
        second.execute("update bars set close = 12 where day = '2005-02-28'")
    second.execute("rollback")
    first.execute("commit")
    assert rows(bars) == [("2005-02-25", 1.0), ("2005-02-28", 10.0)]
