"""What the producer does when the stream breaks, and what it says about it."""

import asyncio
import itertools
import json

import pytest
from polygon_stream.gaps import GapLog, last_record_time
from polygon_stream.publisher import Publisher, producer_config
from polygon_stream.settings import (
    KafkaSettings,
)
from streaming_helpers import (
    bar,
    frame,
    handshake,
    sends,
    status,
    until,
)
from streaming_running import running


@pytest.mark.parametrize("code", [1000, 1001, 0, 1008, 1009, 1011, 1012, 1013, 4000])
async def test_every_close_is_a_reconnect_with_a_gap_record(kafka, code):
    first = sends(frame(bar("AAPL", 1)), then=code)
    async with running(kafka, first, sends(frame(bar("AAPL", 3)))) as run:
        await until(lambda: run.facts()["events"] == 2)
        assert run.facts()["reconnects"] == 1
        await run.stop()
        (gap,) = [json.loads(m.value()) for m in run.written(kafka.topics.gaps)]
    assert gap["disconnected_at"] < gap["reconnected_at"]
    assert gap["last_event_at"] == "2023-11-14T22:13:22.000+00:00"
    assert gap["event_at"] == "2023-11-14T22:13:24.000+00:00"
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

    second, hour = 1_700_000_006, 3600
    later_events = (
        [second + 60],
        [second - 900, second + 70],
        [second - 3 * hour],
        [second + 24 * hour],
    )
    for events in later_events:
        publisher = Publisher(producer_config(settings, 1), 10)
        gaps = GapLog(topics, publisher)
        received, event_time = last
        gaps.open(received, "the producer was restarted", event_time, needs_event=True)
        gaps.close(received + 5)
        # A bar that is sent again, fifteen minutes late, does not tell where the hole ends.
        assert [gaps.confirm(event) for event in events] == [False] * (len(events) - 1) + [True]
        assert publisher.drain(10) == 0
    # An event of an earlier hour is a replay, one of another day a new session: nothing is missing.
    records = [json.loads(message.value()) for message in kafka.read(topics.gaps)]
    assert [record["reason"] for record in records] == ["the producer was restarted"] * 2
    assert records[0]["last_event_at"] == "2023-11-14T22:13:26.000+00:00"
    assert {record["event_at"] for record in records} == {
        "2023-11-14T22:14:26.000+00:00", "2023-11-14T22:14:36.000+00:00",
    }  # fmt: skip


async def test_breaks_without_an_event_between_them_are_one_gap(kafka):
    script = [sends(frame(bar("AAPL", 1)), then=1001), sends(then=1011), sends(then=1012)]
    async with running(kafka, *script, sends(frame(bar("AAPL", 9)))) as run:
        await until(lambda: run.facts()["events"] == 2)
        await run.stop()
        (gap,) = [json.loads(m.value()) for m in run.written(kafka.topics.gaps)]
    assert gap["last_event_at"] == "2023-11-14T22:13:22.000+00:00"
    assert gap["event_at"] == "2023-11-14T22:13:30.000+00:00"
    assert "1012" in gap["reason"]


async def test_a_gap_that_no_event_ends_is_written_at_the_end(kafka):
    async with running(kafka, sends(frame(bar("AAPL", 1)), then=1001), sends()) as run:
        await until(lambda: len(run.vendor.connected_at) == 2)
        await until(lambda: run.facts()["state"] == "streaming")
        await run.stop()
        (gap,) = [json.loads(m.value()) for m in run.written(kafka.topics.gaps)]
    assert gap["event_at"] is None


async def test_bytes_that_are_no_websocket_frame_end_the_session(kafka):
    async def garbage(socket_):
        await handshake(socket_)
        socket_.transport.write(b"\xff" * 200)
        await socket_.wait_closed()

    async with running(kafka, garbage, sends(frame(bar("AAPL", 1)))) as run:
        await until(lambda: run.facts()["events"] == 1)
        assert run.facts()["reconnects"] == 1
