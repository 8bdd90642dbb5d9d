"""The stream on Apache Kafka itself: what the vendor sent is what ClickHouse holds."""

import asyncio
import shutil

import psutil
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from streaming_helpers import (
    ScriptedVendor,
    bar,
    frame,
    handshake,
    read_topic,
    start_program,
    stop_program,
    until,
    wait_until,
)
from streaming_platform import Platform, Server, arrivals, watch_arrivals

SYMBOLS = 40
SECONDS = 150
EVENTS = SYMBOLS * SECONDS
PATIENCE = 120

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("apache_kafka"),
    pytest.mark.skipif(
        not (shutil.which("java") and shutil.which("mvn")),
        reason="Apache Kafka needs java and mvn on the PATH",
    ),
]


class ApacheServer(Server):
    """Apache Kafka behind the runner that starts it."""

    def __init__(self, folder) -> None:
        super().__init__("kafka.apache", folder)

    def start(self) -> "ApacheServer":
        super().start()
        wait_until(self._answers, PATIENCE, "Apache Kafka")
        return self

    def _answers(self) -> bool:
        assert self.process.poll() is None
        address = {"bootstrap.servers": f"127.0.0.1:{self.port}", "log_level": 0}
        try:
            return bool(AdminClient(address).list_topics(timeout=2))
        except KafkaException:
            return False

    def kill(self) -> None:
        """End Java as kill -9 does; its runner goes with it."""
        for java in psutil.Process(self.process.pid).children(recursive=True):
            java.kill()
        self.process.wait(30)


class Market:
    """Sends a second of bars after the other, over whatever connection there is."""

    def __init__(self) -> None:
        self.sent = 0
        self.allowed = 0

    async def __call__(self, socket_) -> None:
        assert await handshake(socket_)
        while self.sent < SECONDS:
            if self.sent < self.allowed:
                await socket_.send(frame(*(bar(f"S{n}", self.sent) for n in range(SYMBOLS))))
                self.sent += 1
            await asyncio.sleep(0.01)
        await socket_.wait_closed()


@pytest.fixture
def broker(tmp_path):
    server = ApacheServer(tmp_path).start()
    yield server
    if server.process.poll() is None:
        server.kill()


@pytest.fixture
def platform(broker, clickhouse, tmp_path):
    made = Platform(f"127.0.0.1:{broker.port}", clickhouse, tmp_path)
    yield made
    made.stop()


@pytest.mark.timeout(1200)
async def test_what_was_sent_is_stored_although_the_broker_is_killed(platform, broker, tmp_path):
    await asyncio.to_thread(watch_arrivals, platform)
    market = Market()
    log = tmp_path / "producer.log"
    async with ScriptedVendor(market) as vendor:
        producer = start_program(
            *("-m", "polygon_stream.producer"),
            environment={
                "POLYGON_WS_URL": vendor.url,
                "KAFKA_BOOTSTRAP_SERVERS": platform.kafka_address,
                "KAFKA_TOPIC_PREFIX": platform.topics.prefix,
            },
            log=log,
        )
        platform.programs.append(producer)
        sink = platform.start_sink(SINK_FLUSH_ROWS="200")

        market.allowed = SECONDS // 3
        await until(lambda: arrivals(platform)[1] > 0, PATIENCE)
        broker.kill()
        market.allowed = SECONDS * 2 // 3  # these are sent while there is no broker
        await until(lambda: market.sent == market.allowed, PATIENCE)
        await asyncio.to_thread(broker.start)
        market.allowed = SECONDS
        await until(lambda: market.sent == SECONDS, PATIENCE)
        assert producer.poll() is None, log.read_text()
        await until(lambda: arrivals(platform)[1] >= EVENTS, PATIENCE)
        assert await asyncio.to_thread(stop_program, producer, 60) == 0
    produced = read_topic(platform.kafka_address, platform.topics.agg_1s)
    assert len(produced) == EVENTS
    await until(lambda: arrivals(platform) == (EVENTS, EVENTS), PATIENCE)
    assert platform.rows(what="uniqExact(symbol, bar_start)") == [(EVENTS,)]
    assert stop_program(sink, 60) == 0, platform.log.read_text()
    assert read_topic(platform.kafka_address, platform.topics.dead_letter) == []
