"""One sink writes every channel, and a crash at any of its tables loses and doubles nothing."""

import json

import pytest
from confluent_kafka import Producer
from polygon_stream import schema
from polygon_stream.channels import CHANNELS
from streaming_helpers import bar, stop_program, wait_until
from streaming_platform import Platform

TIME = 1_700_000_000_000


def message(channel: str, number: int) -> bytes:
    """A valid message; no two are about the same row."""
    trade = {"sym": "A", "p": 1.5, "s": 10, "x": 4, "q": number, "t": TIME + number}
    quote = {"sym": "A", "bp": 1.5, "ap": 1.6, "q": number, "t": TIME + number}
    halt = {"T": "A", "h": 2, "l": 1, "i": [17], "q": number, "t": TIME + number}
    at = f"2026-11-20T15:{number // 60 % 60:02}:{number % 60:02}+00:00"
    record = {"disconnected_at": at, "reconnected_at": at, "reason": "closed"}
    if channel == "dead_letter":
        return b"\xff %d" % number
    events = {"trades": trade, "quotes": quote, "luld": halt, "gaps": record}
    return json.dumps(events.get(channel) or bar("A", number * 60)).encode()


def write_all(platform: Platform, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": platform.kafka_address})
    for channel in CHANNELS:
        for number in numbers:
            value = message(channel.name, number)
            producer.produce(channel.topic(platform.topics), value, str(number % 40).encode())
        producer.poll(0)
    assert producer.flush(30) == 0


def counts(platform: Platform) -> dict[str, tuple[int, int]]:
    """Rows of each table, and how many different messages they came from."""
    what = "count(), uniqExact(kafka_partition, kafka_offset)"
    return {channel.table: platform.rows(channel.table, what)[0] for channel in CHANNELS}


def expected(number: int, rejects: int = 0) -> dict[str, tuple[int, int]]:
    found = {channel.table: (number, number) for channel in CHANNELS}
    return found | {"dead_letters": (number + rejects, number + rejects)}


def test_one_sink_writes_every_channel(platform):
    write_all(platform, range(200))
    platform.write([b"no bar"])
    sink = platform.start_sink()
    wait_until(lambda: counts(platform) == expected(200, 1), what=str(counts(platform)))
    columns = "source_topic, message"
    assert (platform.topics.agg_1s, "no bar") in platform.rows("dead_letters", columns)
    assert stop_program(sink, 40) == 0


def test_only_the_chosen_channels_are_written(platform):
    write_all(platform, range(20))
    sink = platform.start_sink(SINK_TOPICS="trades, luld")
    wait_until(lambda: counts(platform)["trades"] == counts(platform)["halts"] == (20, 20))
    assert stop_program(sink, 40) == 0
    assert counts(platform)["bars_1s"] == (0, 0)


def test_an_unknown_channel_is_refused(platform):
    sink = platform.start_sink(SINK_TOPICS="trades,tades")
    assert sink.wait(60) == 1
    assert "SINK_TOPICS is tades: choose from agg_1s" in platform.log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("step", ["plan", "insert", "report", "settle"])
@pytest.mark.parametrize("table", [channel.table for channel in CHANNELS])
def test_a_crash_at_any_table_loses_and_doubles_nothing(platform, table, step):
    write_all(platform, range(100))
    crashing = {"KAFKA_GROUP_INSTANCE_ID": "one", "TEST_CRASH_AT": step, "TEST_CRASH_TABLE": table}
    crashed = platform.start_sink(("tests/streaming/crashing_sink.py",), **crashing)
    assert crashed.wait(60) == 9, platform.log.read_text()
    write_all(platform, range(100, 200))
    sink = platform.start_sink(KAFKA_GROUP_INSTANCE_ID="one")
    wait_until(lambda: counts(platform) == expected(200), what=str(counts(platform)))
    assert stop_program(sink, 40) == 0
    assert counts(platform) == expected(200)


@pytest.mark.parametrize("repair", [True, False])
def test_a_plan_older_than_clickhouse_remembers(platform, repair):
    """The window of two blocks is full of other tokens when the sink comes back.

    Without the repair (the negative control) the rows of the open plan are there twice, in the
    table and in what a materialized view made of them.
    """
    client = platform.client()
    schema.apply(client, schema.TICKS, {"database": platform.name})
    trades = f"{platform.name}.trades"
    window = "non_replicated_deduplication_window = 2"
    client.command(f"ALTER TABLE {trades} MODIFY SETTING {window}")
    client.command(
        f"CREATE TABLE {platform.name}.volume (symbol String, size Float64) ENGINE = "
        f"SummingMergeTree ORDER BY symbol SETTINGS {window}"
    )
    client.command(
        f"CREATE MATERIALIZED VIEW {platform.name}.volume_mv TO {platform.name}.volume "
        f"AS SELECT symbol, size FROM {trades}"
    )
    write_all(platform, range(1))  # the topics' other partitions stay empty
    crashing = {"TEST_CRASH_AT": "insert", "TEST_CRASH_TABLE": "trades", "SINK_TOPICS": "trades"}
    script = ("tests/streaming/crashing_sink.py",)
    crashed = platform.start_sink(script, KAFKA_GROUP_INSTANCE_ID="one", **crashing)
    assert crashed.wait(60) == 9, platform.log.read_text()
    assert platform.rows("trades") == [(1,)]
    for number in range(3):
        client.command(
            f"INSERT INTO {trades} (session_date, symbol, traded_at, price, size, kafka_partition,"
            f" kafka_offset) VALUES ('2026-01-05', 'OTHER', '2026-01-05 15:00:00', 1, 1, 99,"
            f" {number})",
            settings={"insert_deduplication_token": f"other {number}", "async_insert": 0},
        )
    control = {} if repair else {"TEST_NO_REPAIR": "1"}
    environment = {"KAFKA_GROUP_INSTANCE_ID": "one", "SINK_TOPICS": "trades"} | control
    sink = platform.start_sink(script, **environment)
    write_all(platform, range(40, 80))
    distinct = "uniqExact(kafka_partition, kafka_offset)"
    wait_until(lambda: platform.rows("trades", distinct) == [(44,)])
    assert stop_program(sink, 40) == 0
    total = 41 if repair else 42
    assert platform.rows("trades", "countIf(symbol = 'A')") == [(total,)]
    assert platform.rows("volume", "sumIf(size, symbol = 'A')") == [(10.0 * total,)]
