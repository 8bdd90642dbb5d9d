"""A broker that stands still while the vendor floods: memory is bounded and nothing is lost."""

import asyncio
import signal

import psutil
import pytest
from polygon_stream.settings import KafkaSettings
from polygon_stream.topics import ensure_topics
from streaming_helpers import (
    ScriptedVendor,
    bar,
    frame,
    free_port,
    handshake,
    health,
    read_topic,
    start_program,
    stop_program,
    until,
    wait_until,
)
from streaming_platform import Server

pytestmark = pytest.mark.slow
FRAMES, PER_FRAME = 3_000, 100
QUEUE = 20_000


@pytest.fixture
def broker(tmp_path):
    server = Server("kafka", tmp_path).start()
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.stop()


class Flood:
    """A vendor that sends frames as fast as they are read."""

    def __init__(self) -> None:
        self.sent = 0
        frames = [[bar(f"S{k}", number) for k in range(PER_FRAME)] for number in range(FRAMES)]
        self._frames = [frame(*events) for events in frames]

    async def session(self, socket_) -> None:
        await handshake(socket_)
        for text in self._frames:
            await socket_.send(text)
            self.sent += 1
        await socket_.wait_closed()


async def facts(port: int) -> dict:
    answer = await asyncio.to_thread(health, port)
    return {} if answer is None else answer[1]


async def test_a_broker_that_stands_still_stops_the_reader_and_loses_nothing(broker, topics):
    address = f"127.0.0.1:{broker.port}"
    kafka = KafkaSettings(bootstrap_servers=address)
    names = [topics.agg_1s, topics.gaps, topics.dead_letter]

    def ready() -> bool:
        ensure_topics(kafka, names, 4)
        return True

    await asyncio.to_thread(wait_until, ready, 30, "Kafka")
    flood, port = Flood(), free_port()
    async with ScriptedVendor(flood.session) as vendor:
        program = start_program(
            *("-m", "polygon_stream.producer"),
            environment={
                "POLYGON_WS_URL": vendor.url,
                "POLYGON_REST_URL": "http://127.0.0.1:1",
                "KAFKA_BOOTSTRAP_SERVERS": address,
                "KAFKA_TOPIC_PREFIX": topics.prefix,
                "POLYGON_STREAM_QUEUE_EVENTS": str(QUEUE),
                "POLYGON_STREAM_IDLE_SECONDS": "2",
                "STREAM_HEALTH_PORT": str(port),
            },
        )
        try:
            await until(lambda: flood.sent > 0, 60)
            broker.process.send_signal(signal.SIGSTOP)
            sizes, sent, last = [], [], {}
            while len(sent) < 12 or len(set(sent[-6:])) > 1:
                assert len(sent) < 200, "the vendor is never stopped"
                await asyncio.sleep(0.5)
                last = await facts(port)
                sizes.append(psutil.Process(program.pid).memory_info().rss)
                sent.append(flood.sent)
            # The reader stands still: what the vendor sends stays at the vendor.
            assert flood.sent < FRAMES
            assert last["congested"] is True
            assert last["dropped"] == 0
            assert last["state"] == "streaming"  # a paused stream is not a silent one
            assert last["queued"] < 4 * QUEUE
            assert max(sizes[-6:]) - min(sizes[-6:]) < 5_000_000
            assert max(sizes) < 400_000_000

            broker.process.send_signal(signal.SIGCONT)
            await until(lambda: flood.sent == FRAMES, 90)
            for _ in range(600):
                last = await facts(port)
                if last.get("events") == FRAMES * PER_FRAME and last["queued"] == 0:
                    break
                await asyncio.sleep(0.1)
            assert last["congested"] is False
            assert last["dropped"] == last["refused_by_kafka"] == 0
            assert await asyncio.to_thread(stop_program, program, 60) == 0
        finally:
            if program.poll() is None:
                program.kill()
    found = await asyncio.to_thread(read_topic, address, topics.agg_1s)
    assert len({message.value() for message in found}) == FRAMES * PER_FRAME
    assert len(found) == FRAMES * PER_FRAME
