"""Brokers as processes of a test, and clients of them with short timeouts."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import psutil
from confluent_kafka import (
    Consumer,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

START_SECONDS = 20
APACHE_START_SECONDS = 120
CLEAR_SECONDS = 60
GROUPS = ("tests", "sink", "reader")
"""The groups of the contract's consumers."""
_SERVING = re.compile(r"serving .* on (127\.0\.0\.1):(\d+)")


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class BrokerProcess:
    """A broker on a directory of its own, which can be ended and started again on its port."""

    SMALL_SEGMENTS: ClassVar[dict[str, str]] = {"segment.bytes": "3000"}

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "data"
        self.log_path = directory / "broker.log"
        self.port = 0
        self.program = ["-m", "polygon_assets.sandbox.kafka"]
        self.process: subprocess.Popen[bytes] | None = None
        self._admin: AdminClient | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the broker has logged since the last start."""
        return self.log_path.read_text()

    def command(self, *options: str) -> list[str]:
        where = ["--port", str(self.port), "--data", str(self.directory)]
        return [sys.executable, *self.program, *where, *options]

    def start(self, *options: str) -> "BrokerProcess":
        self._admin = None
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(self.command(*options), stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not (serving := _SERVING.search(self.log)):
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        self.port = int(serving.group(2))
        return self

    def refused(self, *options: str) -> str:
        """Start where it cannot start: the one sentence on stderr."""
        ended = subprocess.run(
            self.command(*options), capture_output=True, text=True, timeout=START_SECONDS
        )
        assert ended.returncode == 1, ended.stderr
        assert ended.stdout == ""
        lines = ended.stderr.strip().splitlines()
        assert len(lines) == 1, ended.stderr
        return lines[0]

    def kill(self) -> None:
        """End it as kill -9 does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(5)

    def stop(self) -> float:
        """End it as a supervisor does. Returns: seconds that it took."""
        assert self.process is not None
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(5) == 0, self.log
        return time.monotonic() - started

    def cpu_seconds(self) -> float:
        """Processor time that it has used."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # ---- clients

    def admin(self) -> AdminClient:
        """One client for each start, kept: a future dies with the client that it came from."""
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.bootstrap})
        return self._admin

    def create(self, topic: str, partitions: int = 1, **configs: str) -> None:
        new = NewTopic(topic, partitions, 1, config=configs)
        self.admin().create_topics([new])[topic].result(30)
        wait_until(lambda: self.partition_counts().get(topic) == partitions)

    def partition_counts(self) -> dict[str, int]:
        """Topics without those of the broker itself, each with its number of partitions.

        Apache Kafka's controller answers a change before its broker shows it.
        """
        topics = self.admin().list_topics(timeout=10).topics
        ours = {name: topic for name, topic in topics.items() if not name.startswith("__")}
        return {name: len(topic.partitions) for name, topic in ours.items()}

    def producer(self, **settings: object) -> Producer:
        defaults = {"bootstrap.servers": self.bootstrap, "linger.ms": 2}
        return Producer(defaults | settings)

    def consumer(self, group: str = "tests", **settings: object) -> Consumer:
        defaults = {
            "bootstrap.servers": self.bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 300,
        }
        return Consumer(defaults | settings)

    def send(self, topic: str, values: list[bytes], **settings: object) -> None:
        """Produce values into partition 0; every one of them is acknowledged."""
        failed: list[str] = []
        producer = self.producer(**settings)
        for value in values:
            producer.produce(
                topic,
                value,
                partition=0,
                on_delivery=lambda e, _: failed.append(str(e)) if e else None,
            )
        assert producer.flush(15) == 0
        assert failed == []

    def read(self, topic: str, partitions: int = 1, timeout: float = 10) -> list[Message]:
        """Every record of a topic, up to its end at the time of the call."""
        consumer = self.consumer("reader")
        parts = [TopicPartition(topic, number) for number in range(partitions)]
        marks = [consumer.get_watermark_offsets(part, timeout=5) for part in parts]
        starts = [TopicPartition(topic, n, low) for n, (low, _) in enumerate(marks)]
        wanted = sum(high - low for low, high in marks)
        consumer.assign(starts)
        records: list[Message] = []
        deadline = time.monotonic() + timeout
        while len(records) < wanted and time.monotonic() < deadline:
            for message in consumer.consume(10_000, 0.2):
                assert message.error() is None, message.error()
                records.append(message)
        consumer.close()
        assert len(records) == wanted
        return records


class ApacheProcess(BrokerProcess):
    """Apache Kafka in a directory of its own."""

    SMALL_SEGMENTS: ClassVar[dict[str, str]] = {}  # it takes none below a megabyte

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.program = ["-m", "polygon_assets.sandbox.kafka.apache"]
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def start(self, *options: str) -> "BrokerProcess":
        self._admin = None
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(self.command(*options), stdout=log, stderr=log)
        deadline = time.monotonic() + APACHE_START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.2)
        return self

    def _answers(self) -> bool:
        """Whether it serves topics and groups: of these it loads the offsets after its start."""
        try:
            self.admin().list_topics(timeout=1)
            for group in GROUPS:
                consumer = self.consumer(group)
                try:
                    consumer.committed([TopicPartition("bars", 0)], timeout=5)
                finally:
                    consumer.close()
        except KafkaException:
            return False
        return True

    def kill(self) -> None:
        """End Java as kill -9 does; its runner goes with it."""
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children(recursive=True):
            child.kill()
        self.process.wait(10)

    def clear(self) -> None:
        """Delete every topic and group, of a broker that a test has left killed, too."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        self._clear()

    def _clear(self) -> None:
        """Delete every topic and group; a group goes when its last member has left."""
        admin = self.admin()
        deadline = time.monotonic() + CLEAR_SECONDS
        while topics := list(self.partition_counts()):
            assert time.monotonic() < deadline, f"topics that stay: {topics}"
            for future in admin.delete_topics(topics).values():
                with contextlib.suppress(KafkaException):
                    future.result(CLEAR_SECONDS)
            time.sleep(0.2)
        while groups := [one.group_id for one in admin.list_consumer_groups().result(10).valid]:
            assert time.monotonic() < deadline, f"groups with members: {groups}"
            for future in admin.delete_consumer_groups(groups).values():
                with contextlib.suppress(KafkaException):
                    future.result(10)
            time.sleep(0.2)
        self._admin = None  # it remembers the leaders of topics whose names come again


class BrokerElsewhere(ApacheProcess):
    """Apache Kafka that somebody else has started for these tests: nobody here can kill it."""

    def __init__(self, port: int, empty: Path) -> None:
        super().__init__(empty)
        self.port = port

    def clear(self) -> None:
        """Delete every topic and group."""
        self._clear()
