"""The streaming chain as separate programs: broker, ClickHouse, producer and sinks.

Whoever uses this drives them as ECS does: by their entry points and by environment variables.
"""

import contextlib
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import Consumer, Message, TopicPartition
from polygon_stream import schema
from polygon_stream.settings import KafkaSettings, TopicSettings
from polygon_stream.topics import TopicsError, ensure_topics
from support.program import Program, free_port, wait_for

from polygon_assets.defs.rollups.live import create_rollups
from polygon_assets.env import deployment_names
from polygon_assets.resources.clickhouse import clickhouse

BROKERS = {
    "embedded": "polygon_assets.sandbox.kafka",
    "apache": "polygon_assets.sandbox.kafka.apache",
}


@dataclass
class Chain:
    """Broker and ClickHouse on ports and in folders of their own; names as in the sandbox.

    Attributes:
        root: Folder for data and logs.
        kafka: ``embedded`` or ``apache``.
        partitions: Of the topics that are created.
    """

    root: Path
    kafka: str = "embedded"
    partitions: int = 4
    programs: list[Program] = field(default_factory=list[Program])

    def __post_init__(self) -> None:
        self.kafka_port, self.clickhouse_port = free_port(), free_port()
        self.clickhouse_url = f"http://127.0.0.1:{self.clickhouse_port}"
        self.broker = self.program(
            "Kafka",
            [
                *("-m", BROKERS[self.kafka], *self._server("kafka", self.kafka_port)),
                *(("--retention-bytes", "-1") if self.kafka == "embedded" else ()),
            ],
        )
        self.clickhouse = self.program(
            "ClickHouse",
            [
                *("-m", "polygon_assets.sandbox.clickhouse"),
                *self._server("clickhouse", self.clickhouse_port),
            ],
        )
        names = self.names = deployment_names({})
        self.topics = TopicSettings(prefix=names.topic_prefix, partitions=self.partitions)
        self.settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{self.kafka_port}")
        self.database, self.rollups = names.clickhouse_ticks, names.clickhouse_rollups
        self.group = names.consumer_group

    def __enter__(self) -> "Chain":
        try:
            self.broker.start()
            self.clickhouse.start()
            wait_for(lambda: self.broker.must_run() and self.kafka_answers(), "Kafka")
            wait_for(lambda: self.clickhouse.must_run() and self.clickhouse_answers(), "ClickHouse")
            self.create_tables()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop everything, in the order of the flow's end to its beginning."""
        for program in reversed(self.programs):
            program.kill() if program not in (self.broker, self.clickhouse) else program.stop()

    def program(self, name: str, arguments: list[str], **environment: str) -> Program:
        """A program of this chain; not started."""
        log = self.root / f"{name.lower().replace(' ', '_')}.log"
        self.programs.append(Program(name, arguments, environment, log))
        return self.programs[-1]

    def producer(self, ws_url: str, rest_url: str = "", **environment: str) -> Program:
        """The producer; not started."""
        return self.program(
            "producer",
            ["-m", "polygon_stream.producer"],
            **self.environment(ws_url, rest_url),
            **environment,
        )

    def sink(self, name: str = "sink", **environment: str) -> Program:
        """A sink; not started."""
        return self.program(
            name, ["-m", "polygon_stream.sink"], **self.environment(), **environment
        )

    def environment(self, ws_url: str = "", rest_url: str = "") -> dict[str, str]:
        """Addresses and names, as the streaming programs take them."""
        found = {
            "KAFKA_BOOTSTRAP_SERVERS": self.settings.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": self.topics.prefix,
            "KAFKA_TOPIC_PARTITIONS": str(self.partitions),
            "KAFKA_CONSUMER_GROUP": self.group,
            "CLICKHOUSE_URL": self.clickhouse_url,
            "CLICKHOUSE_DATABASE": self.database,
            "POLYGON_API_KEY": "sandbox",
        }
        if ws_url:
            found["POLYGON_WS_URL"] = ws_url
        if rest_url:
            found["POLYGON_REST_URL"] = rest_url
        return found

    def create_tables(self) -> None:
        """The tables of ticks and rollups, and the live rollups, as the platform makes them."""
        service = clickhouse(self.names).model_copy(update={"url": self.clickhouse_url})
        with contextlib.closing(self.client()) as client:
            schema.apply(client, schema.TICKS, {"database": self.database})
        create_rollups(service)

    def client(self) -> Client:
        """A connection to ClickHouse."""
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=self.clickhouse_port, autogenerate_session_id=False
        )

    def query(self, sql: str) -> list[tuple]:
        """The rows of a query; ``{db}`` is the database of the ticks."""
        with contextlib.closing(self.client()) as client:
            return list(client.query(sql.replace("{db}", self.database)).result_rows)

    def kafka_answers(self) -> bool:
        """Whether the topics exist."""
        if not _listens(self.kafka_port):
            return False
        topics = self.topics
        names = [topics.agg_1s, topics.agg_1m, topics.gaps, topics.dead_letter]
        try:
            ensure_topics(self.settings, names, self.partitions)
        except TopicsError:
            return False
        return True

    def clickhouse_answers(self) -> bool:
        """Whether ClickHouse answers a query."""
        if not _listens(self.clickhouse_port):
            return False
        try:
            return self.query("SELECT 1") == [(1,)]
        except (ClickHouseError, OSError):
            return False

    def ends(self, topic: str) -> dict[int, int]:
        """The end offset of each partition."""
        with self._reader() as reader:
            return {p.partition: high for p, _, high in _bounds(reader, topic)}

    def lag(self, topic: str) -> int:
        """Messages that the sinks have not settled."""
        with self._reader(self.group) as reader:
            bounds = _bounds(reader, topic)
            committed = reader.committed([position for position, _, _ in bounds], timeout=15)
            settled = {one.partition: one.offset for one in committed}
        return sum(high - max(settled[p.partition], low) for p, low, high in bounds)

    def read(self, topic: str) -> list[Message]:
        """Every message of a topic."""
        messages: list[Message] = []
        with self._reader() as reader:
            bounds = _bounds(reader, topic)
            wanted = sum(high - low for _, low, high in bounds)
            reader.assign([TopicPartition(topic, p.partition, low) for p, low, _ in bounds])
            deadline = time.monotonic() + 60 + wanted / 10_000
            while len(messages) < wanted:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{topic}: read {len(messages)} of {wanted} messages")
                messages += [m for m in reader.consume(10_000, 1) if m.error() is None]
        return messages

    @contextlib.contextmanager
    def _reader(self, group: str = "reader"):
        config = {"group.id": group, "enable.auto.commit": False, "log_level": 0}
        reader = Consumer(self.settings.client_config() | config)
        try:
            yield reader
        finally:
            reader.close()

    def _server(self, name: str, port: int) -> list[str]:
        return ["--port", str(port), "--data", str(self.root / name)]


def _listens(port: int) -> bool:
    """Asked first: the clients make noise about a server that is not there yet."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _bounds(reader: Consumer, topic: str) -> list[tuple[TopicPartition, int, int]]:
    numbers = reader.list_topics(topic, timeout=15).topics[topic].partitions
    found = []
    for number in sorted(numbers):
        position = TopicPartition(topic, number)
        low, high = reader.get_watermark_offsets(position, timeout=15)
        found.append((position, low, high))
    return found
