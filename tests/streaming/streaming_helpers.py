"""A scripted vendor, readers of Kafka and starters of programs for the streaming tests."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

import websockets
from confluent_kafka import Consumer, Producer, TopicPartition

ROOT = Path(__file__).parents[2]

STREAMING_VARIABLES = ("POLYGON_", "KAFKA_", "CLICKHOUSE_", "STREAM_", "SINK_")


def bar(symbol: str, number: int, start: int = 1_700_000_000_000, volume: float = 100) -> dict:
    """A valid second bar; ``number`` is its second."""
    second = start + number * 1000
    prices = {"o": 10.0, "c": 10.5, "h": 11.0, "l": 9.5, "vw": 10.2, "a": 10.1, "op": 10.0}
    quantities = {"v": volume, "av": volume * (number + 1), "z": 20}
    return {"ev": "A", "sym": symbol, **quantities, **prices, "s": second, "e": second + 1000}


def frame(*events: dict) -> str:
    return json.dumps(events, separators=(",", ":"))


def status(kind: str, message: str = "") -> str:
    return frame({"ev": "status", "status": kind, "message": message})


async def handshake(socket_, key: str = "sandbox") -> bool:
    """The vendor's side of connect, auth and subscribe; False after a refused key."""
    await socket_.send(status("connected", "Connected Successfully"))
    if json.loads(await socket_.recv())["params"] != key:
        await socket_.send(status("auth_failed", "authentication failed"))
        return False
    await socket_.send(status("auth_success", "authenticated"))
    await acknowledge(socket_)
    return True


async def acknowledge(socket_, silent: tuple[str, ...] = ()) -> list[str]:
    """Answer one subscribe message; to some topics with silence, as to unknown ones.

    Returns:
        The topics of the message.
    """
    topics = json.loads(await socket_.recv())["params"].split(",")
    for topic in topics:
        if topic not in silent:
            await socket_.send(status("success", f"subscribed to: {topic}"))
    return topics


Session = Callable[[object], Awaitable[None]]


class ScriptedVendor:
    """A WebSocket server: each connection runs the next session of the script; the last repeats."""

    def __init__(self, *sessions: Session) -> None:
        self.sessions = list(sessions)
        self.connected_at: list[float] = []

    async def __aenter__(self) -> "ScriptedVendor":
        self._server = await websockets.serve(self._serve, "127.0.0.1", 0, compression=None)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}/stocks"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, socket_) -> None:
        number = min(len(self.connected_at), len(self.sessions) - 1)
        self.connected_at.append(time.time())
        with contextlib.suppress(websockets.ConnectionClosed):
            await self.sessions[number](socket_)


def sends(*frames: str, then: int | None = None, after: float = 0.05) -> Session:
    """A session that sends frames, then closes with a code (0 = drops the connection) or stays."""

    async def session(socket_) -> None:
        if not await handshake(socket_):
            return
        for text in frames:
            await socket_.send(text)
        if then is None:
            await socket_.wait_closed()
            return
        await asyncio.sleep(after)
        if then == 0:
            socket_.transport.abort()
        else:
            await socket_.close(then, "because")

    return session


class MockKafka:
    """librdkafka's own mock brokers: real protocol, in this process, gone with it."""

    def __init__(self, brokers: int = 1) -> None:
        self._host = Producer({"test.mock.num.brokers": brokers})
        broker = next(iter(self._host.list_topics(timeout=10).brokers.values()))
        self.address = f"{broker.host}:{broker.port}"

    def create(self, *topics: str) -> None:
        for topic in topics:
            self._host.list_topics(topic, timeout=10)

    def write(self, topic: str, values: list[tuple[str, bytes]]) -> None:
        write_records(self.address, topic, values)

    def read(self, topic: str) -> list:
        return read_topic(self.address, topic)


def write_records(address: str, topic: str, values: list[tuple[str, bytes]]) -> None:
    producer = Producer({"bootstrap.servers": address, "linger.ms": 5})
    for key, value in values:
        producer.produce(topic, value, key)
        producer.poll(0)
    assert producer.flush(20) == 0


def read_topic(address: str, topic: str) -> list:
    """Every message of a topic, by partition and offset."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader"})
    messages: list = []
    starts: list[TopicPartition] = []
    wanted = 0
    try:
        for number in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
            starts.append(TopicPartition(topic, number, low))
            wanted += high - low
        consumer.assign(starts)
        deadline = time.time() + 20
        while len(messages) < wanted and time.time() < deadline:
            messages += consumer.consume(wanted - len(messages), timeout=1)
    finally:
        consumer.close()
    return sorted(messages, key=lambda message: (message.partition(), message.offset()))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_program(
    *arguments: str, environment: dict[str, str], log: Path | None = None
) -> subprocess.Popen:
    """Start ``python ARGUMENTS`` with only these settings of ours in its environment."""
    base = {k: v for k, v in os.environ.items() if not k.startswith(STREAMING_VARIABLES)}
    output = log.open("ab") if log else subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=base | environment,
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def stop_program(process: subprocess.Popen, seconds: float = 10) -> int:
    """SIGTERM, then wait; the exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def wait_until(condition: Callable[[], object], seconds: float = 60, what: str = "") -> object:
    """The first true answer of the condition."""
    deadline = time.time() + seconds
    while time.time() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what or condition}")


async def until(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.02)


def health(port: int) -> tuple[int, dict] | None:
    """Status and facts of /healthz; None while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return None
