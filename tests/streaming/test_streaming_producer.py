"""The producer against a scripted vendor and librdkafka's mock brokers."""

import asyncio
import json
import time

import pytest
from polygon_stream.health import serve_health
from polygon_stream.publisher import Publisher, producer_config
from polygon_stream.settings import (
    KafkaSettings,
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
from streaming_running import running


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


async def test_minute_bars_go_to_their_own_topic(kafka):
    minute = bar("MSFT", 1) | {"ev": "AM"}
    async with running(kafka, sends(frame(minute)), channels="A.*, AM.*") as run:
        await until(lambda: run.facts()["events"] == 1)
        await run.stop()
        assert [m.key() for m in run.written(kafka.topics.agg_1m)] == [b"MSFT"]


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
