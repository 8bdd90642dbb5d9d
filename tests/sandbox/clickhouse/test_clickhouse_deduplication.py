"""Insert tokens: the foundation of exactly-once inserts."""

import pytest
from clickhouse_connect.driver.client import Client

ENGINES = ["MergeTree", "ReplacingMergeTree(version)"]


def settings(token: str) -> dict[str, object]:
    return {
        "insert_deduplication_token": token,
        "insert_deduplicate": 1,
        "deduplicate_blocks_in_dependent_materialized_views": 1,
        "async_insert": 0,
    }


def create_chain(client: Client, engine: str) -> None:
    """Second bars, and minute bars that a view keeps in step with them."""
    window = "SETTINGS non_replicated_deduplication_window = 1000"
    client.command(
        "CREATE TABLE seconds (symbol String, bar_start DateTime('UTC'), volume Float64,"
        f" version UInt64) ENGINE = {engine} PARTITION BY toDate(bar_start)"
        f" ORDER BY (symbol, bar_start) {window}"
    )
    client.command(
        "CREATE TABLE minutes (symbol String, bar_start DateTime('UTC'), volume Float64)"
        f" ENGINE = SummingMergeTree ORDER BY (symbol, bar_start) {window}"
    )
    client.command(
        "CREATE MATERIALIZED VIEW seconds_to_minutes TO minutes AS"
        " SELECT s.symbol AS symbol, toStartOfMinute(s.bar_start) AS bar_start,"
        " sum(s.volume) AS volume FROM seconds AS s GROUP BY symbol, bar_start"
    )


def insert(client: Client, token: str, volume: float = 1.0) -> None:
    """A batch of 200 bars over two days."""
    day = 1_795_132_800
    rows = [["ZZAA", day + (second % 2) * 86_400 + second, volume, 1] for second in range(200)]
    columns = ["symbol", "bar_start", "volume", "version"]
    client.insert("seconds", rows, column_names=columns, settings=settings(token))


def totals(client: Client) -> tuple[int, float, float]:
    return (
        client.command("SELECT count() FROM seconds"),
        client.query("SELECT sum(volume) FROM seconds").first_row[0],
        client.query("SELECT sum(volume) FROM minutes").first_row[0],
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_token_counts_once_in_a_table_and_its_view(client: Client, engine: str) -> None:
    create_chain(client, engine)
    for token in ("first", "first", "second", "first", "second"):
        insert(client, token)
    assert totals(client)[1:] == (400.0, 400.0)
    # Without a token: nothing of the ones before is left behind in the session.
    columns = ["symbol", "bar_start", "volume", "version"]
    client.insert("seconds", [["ZZAB", 1_795_132_800, 5.0, 1]], column_names=columns)
    assert totals(client)[1:] == (405.0, 405.0)


def test_tokens_survive_stops_and_kills(start) -> None:
    server = start()
    client = server.client()
    for number, engine in enumerate(ENGINES):
        client.command(f"CREATE DATABASE engine_{number}")
        client.database = f"engine_{number}"
        create_chain(client, engine)
        insert(client, "first")
    assert server.stop() == 0
    server = start()
    for number in range(len(ENGINES)):
        client = server.client(database=f"engine_{number}")
        insert(client, "first")
        insert(client, "second")
    server.kill()
    server = start()
    for number in range(len(ENGINES)):
        client = server.client(database=f"engine_{number}")
        insert(client, "first")
        insert(client, "second")
        assert totals(client)[1:] == (400.0, 400.0)


def test_a_repeated_token_repairs_a_view_that_was_missed(client: Client) -> None:
    create_chain(client, "MergeTree")
    client.command("DETACH TABLE seconds_to_minutes")
    insert(client, "first")
    assert totals(client) == (200, 200.0, 0.0)
    client.command("ATTACH TABLE seconds_to_minutes")
    insert(client, "first")
    assert totals(client) == (200, 200.0, 200.0)


def test_raw_rows_with_a_token(client: Client) -> None:
    create_chain(client, "ReplacingMergeTree(version)")
    rows = b'{"symbol":"ZZAA","bar_start":"2026-11-20 14:30:00","volume":2,"version":1}\n'
    for token in ("first", "first", "second"):
        client.raw_insert("seconds", insert_block=rows, fmt="JSONEachRow", settings=settings(token))
    assert totals(client)[2] == 4.0


def test_rows_over_input_with_a_token(client: Client) -> None:
    create_chain(client, "MergeTree")
    statement = (
        "INSERT INTO seconds SELECT upper(s), '2026-11-20 14:30:00', v, 1"
        " FROM input('s String, v Float64') FORMAT JSONEachRow"
    )
    for token in ("first", "first", "second"):
        rows = '{"s":"zzaa","v":2}\n{"s":"zzab","v":3}\n'
        client.command(statement, data=rows, settings=settings(token))
    assert totals(client) == (4, 10.0, 10.0)
