"""Migrations against ClickHouse: each file once, whoever else is applying them."""

import threading

import clickhouse_connect
import pytest
from polygon_stream import schema
from streaming_platform import Server


@pytest.fixture
def connect(clickhouse: Server):
    def client():
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=clickhouse.port, autogenerate_session_id=False
        )

    return client


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "001_bars.sql").write_text(
        "-- Bars; of a kind\nCREATE TABLE IF NOT EXISTS {database}.bars (n UInt8)\n"
        "ENGINE = MergeTree ORDER BY n;\nINSERT INTO {database}.bars VALUES (1);\n"
    )
    (tmp_path / "002_view.sql").write_text(
        "CREATE VIEW IF NOT EXISTS {rollups}.{database}_view AS SELECT n FROM {ticks}.bars"
    )
    return tmp_path


def names(database: str) -> dict[str, str]:
    return {"database": database, "ticks": database, "rollups": database}


def test_each_file_is_applied_once(connect, folder):
    client, where = connect(), names("once")
    before = schema.status(client, folder, where)
    assert [one.state for one in before] == ["pending", "pending"]
    assert [one.file for one in schema.apply(client, folder, where)] == [
        "001_bars.sql",
        "002_view.sql",
    ]
    assert schema.apply(client, folder, where) == []
    assert client.query("SELECT n FROM once.once_view").result_rows == [(1,)]
    assert [one.state for one in schema.status(client, folder, where)] == ["applied", "applied"]


def test_a_new_file_is_applied_to_an_existing_database(connect, folder):
    client, where = connect(), names("grown")
    schema.apply(client, folder, where)
    (folder / "003_more.sql").write_text("INSERT INTO {ticks}.bars VALUES (3)")
    assert [one.file for one in schema.apply(client, folder, where)] == ["003_more.sql"]
    assert client.query("SELECT sum(n) FROM grown.bars").result_rows == [(4,)]


def test_a_file_that_changed_is_refused_before_anything_is_done(connect, folder):
    client, where = connect(), names("changed")
    schema.apply(client, folder, where)
    first = folder / "001_bars.sql"
    first.write_text("-- another comment is no change\n" + first.read_text())
    assert schema.apply(client, folder, where) == []
    first.write_text(first.read_text().replace("UInt8", "UInt16"))
    (folder / "003_more.sql").write_text("INSERT INTO {ticks}.bars VALUES (3)")
    with pytest.raises(schema.ChangedMigrationError, match=r"001_bars.sql was applied to changed"):
        schema.apply(client, folder, where)
    states = [one.state for one in schema.status(client, folder, where)]
    assert states == ["changed", "applied", "pending"]


def test_a_file_that_failed_is_applied_again(connect, folder):
    client, where = connect(), names("failed")
    second = folder / "002_view.sql"
    good = second.read_text()
    second.write_text(good.replace("SELECT n", "SELECT nothing"))
    with pytest.raises(clickhouse_connect.driver.exceptions.DatabaseError):
        schema.apply(client, folder, where)
    second.write_text(good)
    assert [one.file for one in schema.apply(client, folder, where)] == ["002_view.sql"]


def test_runners_may_start_together(connect):
    together, errors = threading.Barrier(6), []

    def run() -> None:
        client = connect()
        together.wait(20)
        try:
            schema.apply(client, schema.TICKS, {"database": "together"})
        except clickhouse_connect.driver.exceptions.ClickHouseError as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    states = schema.status(connect(), schema.TICKS, {"database": "together"})
    assert {one.state for one in states} == {"applied"}


def test_names_and_placeholders_are_checked_before_anything_is_sent(folder):
    with pytest.raises(ValueError, match="not a plain"):
        schema.read_migrations(folder, names("ticks; DROP TABLE x"))
    with pytest.raises(ValueError, match=r"002_view.sql: nothing is given for .*\{rollups\}"):
        schema.read_migrations(folder, {"database": "t", "ticks": "t"})
    (folder / "late.sql").write_text("SELECT 1")
    with pytest.raises(ValueError, match=r"late\.sql"):
        schema.read_migrations(folder, names("t"))
