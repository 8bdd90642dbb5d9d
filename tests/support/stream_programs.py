"""The streaming chain as separate programs: broker, ClickHouse, producer and sinks.

Whoever uses this drives them as ECS does: by their entry points and by environment variables.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import clickhouse_connect
import psutil
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import Consumer, Message, TopicPartition
from polygon_stream import schema
from polygon_stream.settings import KafkaSettings, TopicSettings
from polygon_stream.topics import TopicsError, ensure_topics

from polygon_assets import bootstrap
from polygon_assets.env import deployment_names
from polygon_assets.resources.clickhouse import clickhouse

ROOT = Path(__file__).parents[2]
SETTINGS = ("POLYGON_", "KAFKA_", "CLICKHOUSE_", "STREAM_", "SINK_", "TEST_")
BROKERS = {
    "embedded": "polygon_assets.sandbox.kafka",
    "apache": "polygon_assets.sandbox.kafka.apache",
}
START_SECONDS = 90.0
LOOK_SECONDS = 0.05

T = TypeVar("T")


def wait_for(look: Callable[[], T | None], what: str, seconds: float = START_SECONDS) -> T:
    """The first true answer.

    Raises:
        TimeoutError: There was none in time.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(LOOK_SECONDS)
    return found


def free_port() -> int:
    """A free port that the operating system does not hand out as the near end of a connection."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        candidate = 10_000 + port % 20_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", candidate))
            return candidate


@dataclass(eq=False)
class Program:
    """One program that can be started, killed, frozen and started again.

    Attributes:
        name: For people.
        arguments: Of ``python``.
        environment: Variables of ours; none is inherited.
        log: Where its output goes; it is appended to.
    """

    name: str
    arguments: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    spent: float = 0.0
    """CPU seconds of its processes that were ended by ``stop``."""

    def start(self, *arguments: str, **environment: str) -> "Program":
        """Start it.

        Args:
            arguments: In the place of its own.
            environment: Further variables.
        """
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *(arguments or self.arguments)],
                cwd=ROOT,
                env=self.variables() | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_default_signals,
            )
        return self

    def variables(self) -> dict[str, str]:
        """Its whole environment."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
        return inherited | {"TZ": "UTC"} | self.environment

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def must_run(self) -> bool:
        """True.

        Raises:
            RuntimeError: It has ended; the text has the end of its log.
        """
        if not self.running:
            raise RuntimeError(f"{self.name} ended with {self.exit_code}:\n{self.tail()}")
        return True

    @property
    def exit_code(self) -> int | None:
        """Of a program that has ended."""
        return None if self.process is None else self.process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program and to those that it started."""
        for process in reversed(self._family()):
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)

    def kill(self) -> None:
        """End it without warning."""
        if self.running:
            self.signal(signal.SIGKILL)
            assert self.process is not None
            self.process.wait()

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM, then wait.

        Returns:
            The exit code; -9 where it had to be killed.
        """
        if self.process is None:
            return 0
        if self.running:
            self.spent += self.live_seconds()
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGCONT)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.wait()

    def cpu_seconds(self) -> float:
        """CPU time so far: all threads, all children."""
        return self.spent + self.live_seconds()

    def live_seconds(self) -> float:
        """CPU time of the processes that run now."""
        total = 0.0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _family(self) -> list[psutil.Process]:
        if not self.running:
            return []
        assert self.process is not None
        try:
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _default_signals() -> None:
    """A shell's background jobs ignore SIGINT, and so would all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


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
            if hasattr(bootstrap, "schemas"):
                for folder, names in bootstrap.schemas(self.names):
                    schema.apply(client, folder, names)
            else:
                schema.apply(client, self.database)
        bootstrap.create_tables(service, bootstrap.ROLLUPS)
        if hasattr(bootstrap, "create_live"):
            bootstrap.create_live(service)

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


def answers(url: str) -> bool:
    """Whether a server answers GET with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
