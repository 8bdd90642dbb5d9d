"""A producer under test."""

import asyncio
import contextlib

from polygon_stream.gaps import GapLog
from polygon_stream.producer import StreamProducer
from polygon_stream.publisher import Publisher, producer_config
from polygon_stream.settings import (
    KafkaSettings,
    PolygonSettings,
    StreamSettings,
)
from streaming_helpers import (
    MockKafka,
    ScriptedVendor,
)

QUICK = {
    "backoff_initial": 0.05,
    "backoff_maximum": 0.2,
    "handshake_timeout": 3,
    "idle_seconds": 0,
}


class Running:
    """A producer under test."""

    def __init__(self, kafka: MockKafka, url: str, overrides: dict, config: dict) -> None:
        self._kafka = kafka
        settings = KafkaSettings(bootstrap_servers=kafka.address)
        self.publisher = Publisher(producer_config(settings, 1) | config, 100_000)
        self.producer = StreamProducer(
            PolygonSettings(ws_url=url, rest_url="http://127.0.0.1:1"),
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
