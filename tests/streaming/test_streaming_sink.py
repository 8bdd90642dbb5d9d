"""The sink against the sandbox's Kafka and ClickHouse: every bar once, whatever happens."""

import json
import random
import time
import uuid
from datetime import UTC, date, datetime

import clickhouse_connect
import pytest
from polygon_stream import schema
from polygon_stream.settings import KafkaSettings, TopicSettings
from polygon_stream.topics import ensure_topics
from streaming_helpers import (
    bar,
    free_port,
    health,
    read_topic,
    start_program,
    stop_program,
    wait_until,
    write_records,
)


class Server:
    """A sandbox server that can be killed and started again on the same port and data."""

    def __init__(self, name: str, folder) -> None:
        self.port = free_port()
        self._command = ["-m", f"polygon_assets.sandbox.{name}"]
        self._command += ["--port", str(self.port), "--data", str(folder / name)]
        self._log = folder / f"{name}.log"
        self.process = None

    def start(self) -> "Server":
        self.process = start_program(*self._command, environment={}, log=self._log)
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        stop_program(self.process)


@pytest.fixture(scope="module")
def kafka_address(tmp_path_factory):
    server = Server("kafka", tmp_path_factory.mktemp("kafka")).start()
    yield f"127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory):
    server = Server("clickhouse", tmp_path_factory.mktemp("clickhouse")).start()
    wait_until(lambda: health(server.port), 30, "ClickHouse")
    yield server
    server.stop()


class Platform:
    """Topics and a database of their own for one test, and the sinks that run on them."""

    def __init__(self, kafka_address: str, clickhouse: Server, folder) -> None:
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self.kafka_address = kafka_address
        self.clickhouse = clickhouse
        self.log = folder / "sink.log"
        self.topics = TopicSettings(prefix=f"{self.name}.")
        kafka = KafkaSettings(bootstrap_servers=kafka_address)
        wait_until(lambda: self._reachable(kafka), 20, "Kafka")
        self.programs: list = []

    def _reachable(self, kafka: KafkaSettings) -> bool:
        ensure_topics(kafka, [self.topics.agg_1s, self.topics.dead_letter], 4)
        return True

    def client(self):
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=self.clickhouse.port, autogenerate_session_id=False
        )

    def write(self, events: list[dict | bytes]) -> None:
        values = [
            (e["sym"], json.dumps(e).encode()) if isinstance(e, dict) else ("?", e) for e in events
        ]
        write_records(self.kafka_address, self.topics.agg_1s, values)

    def start_sink(self, script: tuple[str, ...] = ("-m", "polygon_stream.sink"), **environment):
        program = start_program(
            *script,
            environment={
                "KAFKA_BOOTSTRAP_SERVERS": self.kafka_address,
                "KAFKA_TOPIC_PREFIX": self.topics.prefix,
                "KAFKA_CONSUMER_GROUP": self.name,
                "CLICKHOUSE_URL": f"http://127.0.0.1:{self.clickhouse.port}",
                "CLICKHOUSE_DATABASE": self.name,
                "SINK_FLUSH_MS": "100",
                "SINK_SESSION_TIMEOUT_MS": "6000",
                **environment,
            },
            log=self.log,
        )
        self.programs.append(program)
        return program

    def rows(self, table: str = "bars_1s", what: str = "count()", final: bool = False) -> list:
        """The result; [(0,)] while the table does not exist or nobody answers."""
        suffix = " FINAL" if final else ""
        try:
            return (
                self.client().query(f"SELECT {what} FROM {self.name}.{table}{suffix}").result_rows
            )
        except clickhouse_connect.driver.exceptions.ClickHouseError:
            return [(0,)]

    def distinct(self) -> int:
        """How many different messages are in the table."""
        return self.rows(what="uniqExact(kafka_partition, kafka_offset)")[0][0]

    def wait_for_rows(self, count: int, seconds: float = 20) -> None:
        wait_until(lambda: self.rows() == [(count,)], seconds, f"{count} rows, not {self.rows()}")

    def stop(self) -> None:
        for program in self.programs:
            if program.poll() is None:
                program.kill()
                program.wait()


@pytest.fixture
def platform(kafka_address, clickhouse, tmp_path):
    platform = Platform(kafka_address, clickhouse, tmp_path)
    yield platform
    platform.stop()


def test_the_columns_of_a_bar(platform):
    start = int(datetime(2026, 3, 9, 0, 30, tzinfo=UTC).timestamp() * 1000)
    before = datetime.now(UTC)
    event = bar("BRK.A", 0, start) | {"v": 12.5, "av": 100.25, "z": 5, "otc": True, "dv": "12.5"}
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
        ASOF JOIN {platform.name}.sink_batches AS b
        ON t.kafka_partition = b.kafka_partition AND t.kafka_offset <= b.last_offset)"""
    query = platform.client().query
    count, least, most = wait_until(
        lambda: next((row for row in query(join).result_rows if row[0] == 500), None)
    )
    assert count == 500
    assert 0 <= least <= most < 20_000


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


def watch_arrivals(platform: Platform) -> None:
    """Collect every row that is ever inserted, by a materialized view into a plain table."""
    client = platform.client()
    schema.apply(client, platform.name)
    client.command(
        f"CREATE TABLE {platform.name}.arrivals (kafka_partition UInt16, kafka_offset UInt64) "
        "ENGINE = MergeTree ORDER BY () SETTINGS non_replicated_deduplication_window = 10000"
    )
    client.command(
        f"CREATE MATERIALIZED VIEW {platform.name}.arrivals_mv TO {platform.name}.arrivals "
        f"AS SELECT kafka_partition, kafka_offset FROM {platform.name}.bars_1s"
    )


def arrivals(platform: Platform) -> tuple[int, int]:
    """How many rows arrived, and how many different messages they came from."""
    what = "count(), uniqExact(kafka_partition, kafka_offset)"
    return platform.rows("arrivals", what)[0]


def start_crashing(platform: Platform, **environment: str):
    return platform.start_sink(
        ("tests/streaming/crashing_sink.py",), KAFKA_GROUP_INSTANCE_ID="one", **environment
    )


@pytest.mark.parametrize("step", ["plan", "insert", "report", "settle"])
def test_a_crash_after_any_step_loses_and_doubles_nothing(platform, step):
    watch_arrivals(platform)
    platform.write([bar(f"S{n % 40}", n) for n in range(400)])
    crashed = start_crashing(platform, TEST_CRASH_AT=step)
    assert crashed.wait(20) == 9, platform.log.read_text()
    platform.write([bar(f"S{n % 40}", n) for n in range(400, 800)])
    sink = platform.start_sink(KAFKA_GROUP_INSTANCE_ID="one")
    wait_until(lambda: arrivals(platform)[1] == 800)
    assert stop_program(sink) == 0
    assert arrivals(platform) == (800, 800)


def test_without_tokens_the_same_crash_doubles(platform):
    """The negative control: the test above is able to see duplicates."""
    watch_arrivals(platform)
    platform.write([bar("AAPL", n) for n in range(100)])
    crashed = start_crashing(platform, TEST_CRASH_AT="insert", TEST_NO_TOKEN="1")
    assert crashed.wait(20) == 9, platform.log.read_text()
    sink = start_crashing(platform, TEST_NO_TOKEN="1")
    wait_until(lambda: arrivals(platform)[0] > 100)
    assert stop_program(sink) == 0
    assert arrivals(platform) == (200, 100)


@pytest.mark.slow
def test_random_crashes_lose_and_double_nothing(platform):
    watch_arrivals(platform)
    chance = random.Random(1)
    total = crashes = 0
    deadline = time.time() + 120
    while total < 4_000:
        platform.write([bar(f"S{chance.randrange(40)}", total + n) for n in range(1_000)])
        total += 1_000
        while arrivals(platform)[1] < total and time.time() < deadline:
            sink = start_crashing(
                platform,
                TEST_CRASH_PROBABILITY="0.15",
                SINK_FLUSH_ROWS="100",
                SINK_FLUSH_MS="20",
            )
            while sink.poll() is None and arrivals(platform)[1] < total:
                time.sleep(0.1)
            if sink.poll() is None:
                sink.kill()
            assert sink.wait() in (9, -9), platform.log.read_text()
            crashes += sink.returncode == 9
    sink = platform.start_sink(KAFKA_GROUP_INSTANCE_ID="one")
    time.sleep(2)
    assert stop_program(sink) == 0
    assert arrivals(platform) == (total, total)
    assert crashes >= 4


def test_sigterm_writes_what_was_read_and_leaves_the_group(platform):
    watch_arrivals(platform)
    port = free_port()
    sink = platform.start_sink(STREAM_HEALTH_PORT=str(port), SINK_FLUSH_MS="3000")
    wait_until(lambda: (health(port) or (0, {}))[1].get("partitions") == [0, 1, 2, 3])
    time.sleep(3.1)  # an idle flush has just passed
    platform.write([bar(f"S{n % 9}", n) for n in range(3_000)])
    time.sleep(0.5)
    began = time.time()
    assert stop_program(sink) == 0
    assert time.time() - began < 3
    before = arrivals(platform)[0]
    second = platform.start_sink(STREAM_HEALTH_PORT=str(port))
    wait_until(lambda: (health(port) or (0, {}))[1].get("partitions") == [0, 1, 2, 3])
    wait_until(lambda: arrivals(platform)[1] == 3_000, 10)
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
    platform.wait_for_rows(1_000, 30)
    wait_until(lambda: health(port)[1]["lag"] == 0)
    facts = health(port)[1]
    assert facts["rows"] == 1_000
    assert facts["flush_ms_p50"] > 0
    assert stop_program(sink) == 0
    own.stop()


def test_partitions_move_between_sinks_without_loss_or_doubles(platform):
    watch_arrivals(platform)
    first = platform.start_sink()
    total = 0
    sinks = [first]
    for number in range(12):
        platform.write([bar(f"S{n % 40}", n) for n in range(total, total + 300)])
        total += 300
        if number in (2, 5):
            sinks.append(platform.start_sink())
        if number == 7:
            sinks[1].kill()
        if number == 9:
            assert stop_program(sinks[0]) == 0
        time.sleep(0.3)
    wait_until(lambda: arrivals(platform)[1] == total, 25)
    assert stop_program(sinks[2]) == 0
    assert arrivals(platform) == (total, total)
