"""The sink against the sandbox's Kafka and ClickHouse: every bar once, whatever happens."""

import json
import time
from datetime import UTC, date, datetime

from streaming_helpers import (
    bar,
    free_port,
    health,
    read_topic,
    stop_program,
    wait_until,
)
from streaming_platform import Server, arrivals, watch_arrivals


def all_partitions(platform, port: int) -> bool:
    facts = (health(port) or (0, {}))[1]
    return facts.get("partitions", {}).get(platform.topics.agg_1s) == [0, 1, 2, 3]


def test_the_columns_of_a_bar(platform):
    start = int(datetime(2026, 3, 9, 0, 30, tzinfo=UTC).timestamp() * 1000)
    before = datetime.now(UTC)
    event = bar("BRK.A", 0, start) | {"v": 12, "av": 100.25, "z": 6, "otc": True, "dv": "12.5"}
    platform.write([event, bar("THIN", 0, start) | {"z": 0, "op": None}])
    platform.start_sink()
    platform.wait_for_rows(2)
    columns = (
        "symbol, session_date, bar_start, open, high, low, close, volume, vwap, trade_count, "
        "accumulated_volume, day_open, day_vwap, kafka_offset, received_at"
    )
    rows = {row[0]: row[1:] for row in platform.rows(what=columns)}
    when = datetime(2026, 3, 9, 0, 30)
    bar_values = (10.0, 11.0, 9.5, 10.5, 12.5, 10.2, 2, 100.25, 10.0, 10.1)
    # 00:30 UTC is the evening before in New York, one day after its clocks changed.
    assert rows["BRK.A"][:-2] == (date(2026, 3, 8), when, *bar_values)
    assert before.timestamp() - 1 <= rows["BRK.A"][-1].replace(tzinfo=UTC).timestamp()
    assert rows["THIN"][8] == 0
    assert rows["THIN"][10] == 0


def test_a_replaced_bar_counts_once_with_its_last_version(platform):
    final = {"what": "count(), sum(volume)", "final": True}
    platform.start_sink()
    platform.write([bar("AAPL", n, volume=v) for n, v in [(1, 50), (1, 100), (2, 1), (3, 7)]])
    wait_until(lambda: platform.rows(**final) == [(3, 108.0)])
    platform.write([bar("AAPL", 1, volume=140)])
    wait_until(lambda: platform.rows(**final) == [(3, 148.0)])


def test_the_latency_of_each_event_comes_from_a_join(platform):
    platform.start_sink()
    platform.write([bar(f"S{n % 7}", n) for n in range(500)])
    platform.wait_for_rows(500)
    join = f"""SELECT count(), min(l), max(l) FROM (
        SELECT dateDiff('millisecond', t.received_at, b.queryable_at) AS l
        FROM {platform.name}.bars_1s AS t
        ASOF JOIN (SELECT * FROM {platform.name}.sink_batches
                   WHERE topic = '{platform.topics.agg_1s}') AS b
        ON t.kafka_partition = b.kafka_partition AND t.kafka_offset <= b.last_offset)"""
    query = platform.client().query
    count, least, most = wait_until(
        lambda: next((row for row in query(join).result_rows if row[0] == 500), None)
    )
    assert count == 500
    assert 0 <= least <= most < 200_000


def test_how_far_behind_it_was_is_recorded_with_every_range(platform):
    platform.write([bar("AAPL", n) for n in range(250)])
    platform.start_sink(SINK_FLUSH_ROWS="100")
    platform.wait_for_rows(250)
    query = f"""SELECT kafka_partition, last_offset, lag FROM {platform.name}.sink_batches
        WHERE topic = '{platform.topics.agg_1s}' ORDER BY last_offset"""
    found = wait_until(lambda: (rows := platform.client().query(query).result_rows)[2:] and rows)
    # One symbol, one partition; nothing came in meanwhile.
    assert [(last, lag) for _, last, lag in found] == [(99, 150), (199, 50), (249, 0)]


def test_bad_messages_become_dead_letters_and_the_rest_is_written(platform):
    bad = {
        b"no json": "malformed",
        b'{"ev":"A","sym":"AAPL"}': "missing required field",
        json.dumps(bar("AAPL", 1) | {"o": -1}).encode(): "> 0",
        json.dumps(bar("AAPL", 1) | {"s": "soon"}).encode(): "Expected `int`",
        json.dumps(bar("", 1)).encode(): "length",
        b'{"sym":"\xff"}': "utf-8",
        b"z" * 980_000: "malformed",
    }
    platform.write([bar("AAPL", 1), *bad, bar("AAPL", 2)])
    platform.start_sink()
    platform.wait_for_rows(2)
    letters = wait_until(
        lambda: (
            (letters := read_topic(platform.kafka_address, platform.topics.dead_letter))
            and len(letters) == len(bad)
            and letters
        )
    )
    for letter in letters:
        headers = {name: value.decode() for name, value in letter.headers()}
        whole = letter.value() if "bytes" not in headers else b"z" * int(headers["bytes"])
        assert bad[whole] in headers["reason"]
        assert headers["topic"] == platform.topics.agg_1s
        assert headers["source"] == "sink"
        assert int(headers["offset"]) >= 0


def test_what_only_clickhouse_cannot_parse_is_written_all_the_same(platform):
    twice = json.dumps(bar("AAPL", 1)).replace('"ev"', '"o": 3.0, "ev"', 1).encode()
    spaced = b" " + json.dumps(bar("AAPL", 2)).encode()
    platform.write([twice, spaced, bar("AAPL", 3)])
    platform.start_sink()
    platform.wait_for_rows(3)
    assert read_topic(platform.kafka_address, platform.topics.dead_letter) == []


def test_sigterm_writes_what_was_read_and_leaves_the_group(platform):
    watch_arrivals(platform)
    port = free_port()
    sink = platform.start_sink(STREAM_HEALTH_PORT=str(port), SINK_FLUSH_MS="3000")
    wait_until(lambda: all_partitions(platform, port))
    time.sleep(3.1)  # an idle flush has just passed
    platform.write([bar(f"S{n % 9}", n) for n in range(3_000)])
    time.sleep(0.5)
    began = time.time()
    assert stop_program(sink) == 0
    assert time.time() - began < 3
    before = arrivals(platform)[0]
    second = platform.start_sink(STREAM_HEALTH_PORT=str(port))
    wait_until(lambda: all_partitions(platform, port))
    wait_until(lambda: arrivals(platform)[1] == 3_000)
    assert stop_program(second) == 0
    assert before > 0
    assert arrivals(platform) == (3_000, 3_000)


def test_clickhouse_away_is_waited_for(platform, tmp_path):
    own = Server("clickhouse", tmp_path)
    platform.clickhouse = own
    port = free_port()
    platform.write([bar(f"S{n % 9}", n) for n in range(500)])
    sink = platform.start_sink(STREAM_HEALTH_PORT=str(port), SINK_UNHEALTHY_SECONDS="0.5")
    wait_until(lambda: (health(port) or (0, {}))[0] == 503)
    assert health(port)[1]["state"] == "retrying"
    own.start()
    wait_until(lambda: health(own.port), 30)
    platform.wait_for_rows(500)
    wait_until(lambda: health(port)[0] == 200)

    own.kill()
    platform.write([bar(f"S{n % 9}", n) for n in range(500, 1_000)])
    wait_until(lambda: health(port)[0] == 503)
    own.start()
    platform.wait_for_rows(1_000)
    wait_until(lambda: health(port)[1]["lag"] == 0)
    facts = health(port)[1]
    assert facts["rows"] == 1_000
    assert facts["flush_ms_p50"] > 0
    assert stop_program(sink) == 0
    own.stop()


def test_partitions_move_between_sinks_without_loss_or_doubles(platform):
    watch_arrivals(platform)
    port = free_port()
    sinks = [platform.start_sink(STREAM_HEALTH_PORT=str(port))]
    wait_until(lambda: all_partitions(platform, port))
    total = 0
    for number in range(12):
        platform.write([bar(f"S{n % 40}", n) for n in range(total, total + 300)])
        total += 300
        if number in (2, 5):
            sinks.append(platform.start_sink())
        if number == 7:
            sinks[1].kill()
        if number == 9:
            assert stop_program(sinks[0], 40) == 0
        time.sleep(0.3)
    wait_until(lambda: arrivals(platform)[1] == total)
    assert stop_program(sinks[2], 40) == 0
    assert arrivals(platform) == (total, total)
