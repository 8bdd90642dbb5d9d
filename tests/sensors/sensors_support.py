"""A deployment in the sandbox's servers, seen as the sensors see it."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from dagster._core.definitions.schedule_definition import ScheduleExecutionData
from polygon_stream import schema
from support.servers import server

from polygon_assets.env import Names
from polygon_assets.resources.clickhouse import ClickHouse, clickhouse
from polygon_assets.resources.ecs import NEVER_TWO, PRODUCER, SERVICES, SINK, StreamServices
from polygon_assets.resources.ecs import stream_services as services_of
from polygon_assets.resources.kafka import Kafka, kafka
from polygon_assets.resources.polygon import Polygon, polygon
from polygon_assets.sandbox.layout import SandboxLayout
from polygon_assets.sandbox.market import SimulatedMarket
from polygon_assets.sessions import session

SLEEP = ["python", "-c", "import time; time.sleep(60)"]
"""What the services run here: nothing that touches the rest."""


RECEIVED = datetime(2026, 1, 5, 15, tzinfo=UTC)
"""When the producer had every bar of ``store_bars``."""


@dataclass(frozen=True)
class Servers:
    """Ports of the running servers."""

    ports: dict[str, int]
    folder: Path

    def environment(self) -> dict[str, str]:
        """The variables that point the product's resources to them."""
        url = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}
        return {
            "POLYGON_REST_URL": url["polygon"],
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.ports['kafka']}",
            "CLICKHOUSE_URL": url["clickhouse"],
            "ECS_ENDPOINT_URL": url["ecs"],
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests",
        }


@contextmanager
def serve_all(folder: Path) -> Generator[Servers, None, None]:
    """Run the four servers until the block ends."""
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(server(name, folder / name, *options))
            for name, options in {
                "polygon": ("--symbols", "AAPL"),
                "kafka": (),
                "clickhouse": (),
                "ecs": (),
            }.items()
        }
        yield Servers(ports, folder)


@dataclass(frozen=True)
class Outside:
    """Everything outside of Dagster that a sensor looks at."""

    polygon: Polygon
    kafka: Kafka
    clickhouse: ClickHouse
    stream_services: StreamServices
    market: SimulatedMarket

    @classmethod
    @contextmanager
    def deploy(cls, servers: Servers, names: Names) -> Iterator["Outside"]:
        """Make topics, tables and two stopped services; end their tasks afterwards."""
        with pytest.MonkeyPatch.context() as environment:
            for name, value in servers.environment().items():
                environment.setenv(name, value)
            made = cls(
                polygon(),
                kafka(names),
                clickhouse(names),
                services_of(names).process_config_and_initialize(),
                SimulatedMarket(SandboxLayout(servers.folder, servers.ports["polygon"])),
            )
        made.kafka.create_topics(1)
        with made.clickhouse.client() as client:
            schema.apply(client, schema.TICKS, {"database": made.clickhouse.ticks})
        made.create_services()
        yield made
        for service in SERVICES:
            made.stream_services.set_desired_count(service, 0)

    def resources(self, *names: str) -> dict[str, Any]:
        """Some of the resources, by the names under which Dagster knows them."""
        return {name: getattr(self, name) for name in names}

    def create_services(self) -> None:
        """The cluster with both services, that run a harmless command."""
        client: Any = self.stream_services.client()
        cluster = self.stream_services.cluster
        client.create_cluster(clusterName=cluster)
        container = {"name": "main", "image": "none", "command": SLEEP, "stopTimeout": 2}
        definition = client.register_task_definition(
            family=f"{cluster}-sleep",
            cpu="256",
            memory="512",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            containerDefinitions=[container],
        )
        for service in SERVICES:
            client.create_service(
                cluster=cluster,
                serviceName=service,
                taskDefinition=definition["taskDefinition"]["taskDefinitionArn"],
                desiredCount=0,
                launchType="FARGATE",
                networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-tests"]}},
                deploymentConfiguration=NEVER_TWO,
            )

    # ---- what happens outside

    def clock(self, moment: str) -> None:
        """Set the market's clock to a New York time, such as ``2005-02-28T09:20:00-05:00``."""
        self.market.set_clock(datetime.fromisoformat(moment))

    def desired(self) -> tuple[int, int]:
        """Tasks that the producer and the sink should run."""
        found = self.stream_services.desired_counts()
        return found[PRODUCER], found[SINK]

    def running(self) -> tuple[int, int]:
        """Tasks that they run."""
        found = self.stream_services.running_counts()
        return found[PRODUCER], found[SINK]

    def scale(self, producer: int, sink: int) -> None:
        """Set both counts, as a run did before."""
        self.stream_services.set_desired_count(PRODUCER, producer)
        self.stream_services.set_desired_count(SINK, sink)

    def tasks(self) -> set[str]:
        """ARNs of the sink's running tasks."""
        client: Any = self.stream_services.client()
        cluster = self.stream_services.cluster
        return set(client.list_tasks(cluster=cluster, serviceName=SINK)["taskArns"])

    def send(self, messages: int, topic: str = "") -> None:
        """Put messages into a topic, the bars' unless named, spread over its partitions."""
        producer = Producer(
            {
                "bootstrap.servers": self.kafka.bootstrap_servers,
                "queue.buffering.max.messages": messages + 1,
            }
        )
        for number in range(messages):
            producer.produce(topic or self.kafka.bars_topic, b"{}", partition=number % 4)
        assert producer.flush(30) == 0

    def settle(self, behind: int = 0) -> None:
        """Commit for the sink, so that this many messages of partition 0 are left."""
        ends = self.kafka.end_offsets(self.kafka.bars_topic)
        ends[0] -= behind
        self._commit(ends)

    def settle_to(self, offset: int, topic: str = "") -> None:
        """Commit the same offset for the sink in every partition of a topic."""
        self._commit(dict.fromkeys(range(4), offset), topic)

    def fall_back(self) -> None:
        """Commit the beginning for the sink."""
        self.settle_to(0)

    def _commit(self, offsets: dict[int, int], topic: str = "") -> None:
        group = {"group.id": self.kafka.consumer_group}
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap_servers, **group})
        name = topic or self.kafka.bars_topic
        parts = [TopicPartition(name, number, at) for number, at in offsets.items()]
        consumer.commit(offsets=parts, asynchronous=False)
        consumer.close()

    def store_bars(self, day: str, seconds: int) -> None:
        """Second bars of a session, from its open on, with an earlier version of the first."""
        opened = session(date.fromisoformat(day)).open_at
        columns = [
            *("session_date", "symbol", "bar_start", "open", "high", "low", "close"),
            *("vwap", "volume", "kafka_partition", "kafka_offset", "received_at"),
        ]
        with self.clickhouse.client() as client:
            # Versions that arrive in one block would be one row at once.
            for version, offsets in enumerate([range(1), range(seconds)]):
                rows = [
                    (
                        date.fromisoformat(day),
                        "AAPL",
                        opened + timedelta(seconds=at),
                        *(20, 20, 20, 20),
                        *(20, 1),
                        0,
                        version,
                        RECEIVED,
                    )
                    for at in offsets
                ]
                client.insert(f"{self.clickhouse.ticks}.bars_1s", rows, column_names=columns)

    def write_batches(self, rows: int, latency_ms: int, topic: str = "") -> None:
        """What a sink notes: every bar of ``store_bars`` could be queried so much later."""
        with self.clickhouse.client() as client:
            client.insert(
                f"{self.clickhouse.ticks}.sink_batches",
                [
                    (
                        topic or self.kafka.bars_topic,
                        0,
                        0,
                        5,
                        rows,
                        RECEIVED + timedelta(milliseconds=latency_ms),
                    )
                ],
                column_names=[
                    "topic",
                    "kafka_partition",
                    "first_offset",
                    "last_offset",
                    "rows",
                    "queryable_at",
                ],
            )


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def schedule_tick(
    repository: Any, instance: dg.DagsterInstance, name: str, moment: str
) -> ScheduleExecutionData:
    """What a schedule asks for at a moment."""
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime.fromisoformat(moment),
        repository_def=repository,
    )
    with context:
        return repository.get_schedule_def(name).evaluate_tick(context)
