"""The producer against a scripted vendor and librdkafka's mock brokers."""

import asyncio
import contextlib
import itertools
import json
import time
import uuid

import pytest
from polygon_stream.gaps import GapLog, last_record_time
from polygon_stream.health import serve_health
from polygon_stream.producer import StreamProducer
from polygon_stream.publisher import Publisher, producer_config
from polygon_stream.settings import (
    KafkaSettings,
    PolygonSettings,
    StreamSettings,
    TopicSettings,
)
from polygon_stream.vendor import VendorRefused
from streaming_helpers import (
    MockKafka,
    ScriptedVendor,
    bar,
    frame,
    free_port,
    handshake,
    health,
    sends,
    start_program,
    status,
    stop_program,
    until,
)

QUICK = {
    "backoff_initial": 0.05,
    "backoff_maximum": 0.2,
    "handshake_timeout": 3,
    "idle_seconds": 0,
}


@pytest.fixture(scope="module")
def brokers():
    return MockKafka()


@pytest.fixture
def topics():
    """Topics of their own for each test."""
    return TopicSettings(prefix=f"{uuid.uuid4().hex[:8]}.")


@pytest.fixture
def kafka(brokers, topics):
    brokers.topics = topics
    brokers.create(topics.agg_1s, topics.agg_1m, topics.gaps, topics.dead_letter)
    return brokers


class Running:
    """A producer under test."""

    def __init__(self, kafka: MockKafka, url: str, overrides: dict, config: dict) -> None:
        self._kafka = kafka
        settings = KafkaSettings(bootstrap_servers=kafka.address)
        self.publisher = Publisher(producer_config(settings, 1) | config, 100_000)
        self.producer = StreamProducer(
            PolygonSettings(ws_url=url),
            StreamSettings(**QUICK | overrides),
            kafka.topics,
            self.publisher,
            GapLog(kafka.topics, self.publisher),
        )
        self.task = asyncio.create_task(self.producer.run())

    def facts(self) -> dict:
        return self.producer.report()[1]

    async def stop(self) -> None:
        self.producer.stop()
        await self.task
        assert self.publisher.drain(10) == 0

    def written(self, topic: str) -> list:
        return self._kafka.read(topic)


@contextlib.asynccontextmanager
async def running(kafka: MockKafka, *sessions, config: dict | None = None, **overrides):
    async with ScriptedVendor(*sessions) as vendor:
        run = Running(kafka, vendor.url, overrides, config or {})
        run.vendor = vendor
        try:
            yield run
        finally:
            if not run.task.done():
                await run.stop()


async def test_events_keep_their_bytes_their_key_and_the_receive_time(kafka):
    one, two = bar("AAPL", 1), bar("BRK.B", 1)
    before = int(time.time() * 1000)
    async with running(kafka, sends(frame(one, two), json.dumps([bar("IBM", 2)]))) as run:
        await until(lambda: run.facts()["events"] == 3)
        await run.stop()
        messages = run.written(kafka.topics.agg_1s)
    assert {m.key(): m.value() for m in messages} == {
        b"AAPL": frame(one)[1:-1].encode(),
        b"BRK.B": frame(two)[1:-1].encode(),
        b"IBM": json.dumps(bar("IBM", 2)).encode(),
    }
    assert all(before <= m.timestamp()[1] <= time.time() * 1000 for m in messages)


@pytest.mark.parametrize("code", [1000, 1001, 0, 1008])
async def test_every_close_is_a_reconnect_with_a_gap_record(kafka, code):
    first = sends(frame(bar("AAPL", 1)), then=code)
    async with running(kafka, first, sends(frame(bar("AAPL", 3)))) as run:
        await until(lambda: run.facts()["events"] == 2)
        assert run.facts()["reconnects"] == 1
        await run.stop()
        (gap,) = [json.loads(m.value()) for m in run.written(kafka.topics.gaps)]
    assert gap["disconnected_at"] < gap["reconnected_at"]
    assert gap["last_event_at"] == "2023-11-14T22:13:22.000+00:00"
    assert str(code or 1006) in gap["reason"]


async def test_attempts_are_spaced_out_more_and_more(kafka):
    settings = {"backoff_initial": 0.1, "backoff_maximum": 10, "healthy_seconds": 10}
    async with running(kafka, sends(then=1001, after=0), **settings) as run:
        await until(lambda: len(run.vendor.connected_at) == 5)
        at = run.vendor.connected_at
        waits = [later - earlier for earlier, later in itertools.pairwise(at)]
    for step, wait in zip((0.1, 0.2, 0.4, 0.8), waits, strict=True):
        assert wait >= step / 2


async def test_a_stream_that_lasted_resets_the_backoff(kafka):
    settings = {"backoff_initial": 0.05, "backoff_maximum": 60, "healthy_seconds": 0.1}
    async with running(kafka, sends(then=1000, after=0.15), **settings) as run:
        await until(lambda: len(run.vendor.connected_at) == 6, 5)


async def test_max_connections_after_success_waits_long(kafka):
    async def kicked(socket_):
        await handshake(socket_)
        await socket_.send(status("max_connections", "Maximum number of connections exceeded"))
        await socket_.close(1008)

    settings = {"max_connections_wait": 0.7, "healthy_seconds": 0}
    async with running(kafka, kicked, sends(frame(bar("AAPL", 1))), **settings) as run:
        await until(lambda: run.facts()["events"] == 1)
        first, second = run.vendor.connected_at
    assert second - first >= 0.7


async def test_a_refused_key_is_fatal(kafka):
    async def refuse(socket_):
        await handshake(socket_, key="another")

    async with running(kafka, refuse) as run:
        with pytest.raises(VendorRefused, match="POLYGON_API_KEY"):
            await run.task
        assert len(run.vendor.connected_at) == 1


async def test_a_channel_outside_the_plan_is_fatal(kafka):
    async def refuse(socket_):
        await socket_.send(status("connected"))
        await socket_.recv()
        await socket_.send(status("auth_success"))
        await socket_.recv()
        await socket_.send(status("error", "not authorized"))
        await socket_.wait_closed()

    async with running(kafka, refuse) as run:
        with pytest.raises(VendorRefused, match="plan"):
            await run.task


async def test_a_channel_that_is_never_acknowledged_is_an_error(kafka):
    async def silent(socket_):
        await socket_.send(status("connected"))
        await socket_.recv()
        await socket_.send(status("auth_success"))
        await socket_.wait_closed()

    async with running(kafka, silent, handshake_timeout=0.2) as run:
        await until(lambda: len(run.vendor.connected_at) >= 2)
        assert run.facts()["connected_since"] is None
        assert run.facts()["events"] == 0


async def test_what_is_not_understood_is_a_dead_letter(kafka):
    odd = [
        frame({"ev": "X9", "sym": "AAPL"}),
        frame({"sym": "AAPL"}),
        '[{"ev":"A","sym":"AA',
        frame({"ev": "A"}),
    ]
    session = sends(*odd, frame(bar("AAPL", 1)))
    async with running(kafka, session) as run:
        await until(lambda: run.facts()["events"] == 1)
        assert run.facts()["dead_letters"] == 4
        await run.stop()
        letters = {
            m.value(): dict(m.headers())["reason"] for m in run.written(kafka.topics.dead_letter)
        }
    assert b"unknown channel 'X9'" in letters[b'{"ev":"X9","sym":"AAPL"}']
    assert b"not a JSON array" in letters[odd[2].encode()]
    assert len(letters) == 4


async def test_a_dead_letter_longer_than_kafka_takes_is_cut(kafka):
    async with running(kafka, sends("x" * 3_000_000, frame(bar("AAPL", 1)))) as run:
        await until(lambda: run.facts()["events"] == 1)
        await run.stop()
        (letter,) = run.written(kafka.topics.dead_letter)
    assert len(letter.value()) == 900_000
    assert dict(letter.headers())["bytes"] == b"3000000"


async def test_an_event_longer_than_kafka_takes_is_counted(kafka):
    huge = bar("AAPL", 1) | {"x": "y" * 2_000_000}
    async with running(kafka, sends(frame(huge), frame(bar("AAPL", 2)))) as run:
        await until(lambda: run.facts()["events"] == 2)
        await run.stop()
        assert run.facts()["refused_by_kafka"] == 1
        assert len(run.written(kafka.topics.agg_1s)) == 1


async def test_bytes_that_are_no_websocket_frame_end_the_session(kafka):
    async def garbage(socket_):
        await handshake(socket_)
        socket_.transport.write(b"\xff" * 200)
        await socket_.wait_closed()

    async with running(kafka, garbage, sends(frame(bar("AAPL", 1)))) as run:
        await until(lambda: run.facts()["events"] == 1)
        assert run.facts()["reconnects"] == 1


async def test_minute_bars_go_to_their_own_topic(kafka):
    minute = bar("MSFT", 1) | {"ev": "AM"}
    async with running(kafka, sends(frame(minute)), channels="A.*, AM.*") as run:
        await until(lambda: run.facts()["events"] == 1)
        await run.stop()
        assert [m.key() for m in run.written(kafka.topics.agg_1m)] == [b"MSFT"]


async def test_a_stream_that_falls_silent_is_ended(kafka):
    first = sends(frame(bar("AAPL", 1)))
    async with running(kafka, first, sends(frame(bar("AAPL", 2))), idle_seconds=0.4) as run:
        await until(lambda: run.facts()["events"] == 2)
        await run.stop()
        gaps = [json.loads(m.value()) for m in run.written(kafka.topics.gaps)]
    assert "no event for 0.4 s" in gaps[0]["reason"]


async def test_silence_that_no_event_ends_is_no_gap(kafka):
    async with running(kafka, sends(frame(bar("AAPL", 1))), sends(), idle_seconds=0.3) as run:
        await until(lambda: len(run.vendor.connected_at) == 2)
        await asyncio.sleep(0.5)
        await run.stop()
        assert run.written(kafka.topics.gaps) == []


async def test_a_stream_without_any_event_is_left_alone(kafka):
    async with running(kafka, sends(), idle_seconds=0.2) as run:
        await asyncio.sleep(1)
        assert len(run.vendor.connected_at) == 1


async def test_a_full_queue_pauses_reading_and_loses_nothing(kafka):
    frames = [frame(*(bar(f"S{n % 50}", n * 10 + k) for k in range(10))) for n in range(2_000)]
    small = {"queue.buffering.max.messages": 200, "linger.ms": 5}
    async with running(kafka, sends(*frames), config=small) as run:
        pauses: list[bool] = []
        pause = run.publisher.on_congestion
        run.publisher.on_congestion = lambda congested: (pauses.append(congested), pause(congested))
        await until(lambda: run.facts()["events"] == 20_000, 30)
        await run.stop()
        values = {m.value() for m in run.written(kafka.topics.agg_1s)}
        assert run.facts()["dropped"] == 0
    assert True in pauses
    assert False in pauses
    assert len(values) == 20_000


async def test_an_overflow_beyond_its_bound_is_counted(kafka):
    config = producer_config(KafkaSettings(bootstrap_servers=kafka.address))
    publisher = Publisher(config | {"queue.buffering.max.messages": 10}, overflow_records=5)
    for number in range(100):
        publisher.publish(kafka.topics.agg_1s, b"X", b"%d" % number, 0)
    assert publisher.overflow_dropped == 85
    assert publisher.drain(10) == 0


async def test_a_message_in_fragments_is_put_together(kafka):
    async def fragmented(socket_):
        await handshake(socket_)
        text = frame(bar("AAPL", 1), bar("IBM", 1))
        await socket_.send([text[:40], text[40:90], text[90:]])
        await socket_.wait_closed()

    async with running(kafka, fragmented) as run:
        await until(lambda: run.facts()["events"] == 2)
        assert run.facts()["dead_letters"] == 0


async def test_the_restart_of_the_producer_is_a_gap(kafka):
    settings = KafkaSettings(bootstrap_servers=kafka.address)
    topics = kafka.topics
    assert last_record_time(settings, topics.agg_1s) is None
    event = json.dumps(bar("AAPL", 5)).encode()
    kafka.write(topics.agg_1s, [("IBM", json.dumps(bar("IBM", 1)).encode())])
    await asyncio.sleep(0.05)
    kafka.write(topics.agg_1s, [("AAPL", event)])
    last = last_record_time(settings, topics.agg_1s)
    assert last is not None
    assert last[1] == 1_700_000_006

    second = 1_700_000_006
    for event in (second + 60, second - 900, second - 3 * 3600, second + 24 * 3600):
        publisher = Publisher(producer_config(settings, 1), 10)
        gaps = GapLog(topics, publisher)
        received, event_time = last
        gaps.open(received, "the producer was restarted", event_time, needs_event=True)
        gaps.close(received + 5)
        gaps.confirm(event)
        assert publisher.drain(10) == 0
    # An event of an earlier hour is a replay, one of another day a new session: nothing is missing.
    records = [json.loads(message.value()) for message in kafka.read(topics.gaps)]
    assert [record["reason"] for record in records] == ["the producer was restarted"] * 2
    assert records[0]["last_event_at"] == "2023-11-14T22:13:26.000+00:00"


async def test_health_tells_the_state(kafka):
    async with running(kafka, sends(frame(bar("AAPL", 1))), unhealthy_seconds=0.3) as run:
        port = free_port()
        stop = serve_health(port, run.producer.report)
        await until(lambda: run.facts()["events"] == 1)
        code, facts = await asyncio.to_thread(health, port)
        assert code == 200
        assert facts["state"] == "streaming"
        assert facts["last_event_age_seconds"] < 5
        run.vendor._server.close()  # no vendor any more
        await until(lambda: not run.producer.report()[0], 5)
        code, facts = await asyncio.to_thread(health, port)
        assert code == 503
        assert facts["connected_since"] is None
        stop()


def program_environment(kafka: MockKafka, url: str, **more: str) -> dict[str, str]:
    return {
        "POLYGON_WS_URL": url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka.address,
        "KAFKA_TOPIC_PREFIX": kafka.topics.prefix,
        **more,
    }


async def test_the_program_ends_with_77_and_a_sentence_when_the_key_is_refused(kafka):
    async with ScriptedVendor(sends()) as vendor:
        environment = program_environment(kafka, vendor.url, POLYGON_API_KEY="very-wrong")
        program = start_program("-m", "polygon_stream.producer", environment=environment)
        output, _ = await asyncio.to_thread(program.communicate)
    assert program.returncode == 77
    assert b"check POLYGON_API_KEY" in output
    assert b"very-wrong" not in output


async def test_sigterm_in_full_stream_loses_nothing_that_was_received(kafka):
    received = asyncio.Event()
    total = 0

    async def flood(socket_):
        nonlocal total
        await handshake(socket_)
        while True:
            await socket_.send(frame(*(bar(f"T{k}", total + k) for k in range(20))))
            total += 20
            if total > 5_000:
                received.set()
            await asyncio.sleep(0.001)

    port = free_port()
    async with ScriptedVendor(flood) as vendor:
        environment = program_environment(kafka, vendor.url, STREAM_HEALTH_PORT=str(port))
        program = start_program("-m", "polygon_stream.producer", environment=environment)
        await asyncio.wait_for(received.wait(), 15)
        code, facts = await asyncio.to_thread(health, port)
        seen = facts["events"]
        began = time.time()
        assert await asyncio.to_thread(stop_program, program) == 0
        assert time.time() - began < 3
    written = await asyncio.to_thread(kafka.read, kafka.topics.agg_1s)
    assert len(written) >= seen
    assert code == 200
    by_symbol: dict[bytes, list[int]] = {}
    for message in written:
        by_symbol.setdefault(message.key(), []).append(json.loads(message.value())["s"])
    for seconds in by_symbol.values():
        # No hole and no order lost: each symbol's bars are 20 seconds apart from the first on.
        assert seconds == list(range(seconds[0], seconds[-1] + 1, 20_000))
