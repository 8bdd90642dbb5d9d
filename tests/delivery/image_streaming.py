"""Producer and sink of an image at work, and what can go wrong around them."""

import json
import subprocess
import urllib.request
from dataclasses import dataclass, field

from confluent_kafka import Producer
from support.dockerfile import Image
from support.program import free_port, wait_for
from support.stream_programs import Chain


def ask(url: str, body: dict[str, object] | None = None, method: str | None = None) -> dict:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


@dataclass
class Streaming:
    """Producer and sink of the image, between the simulated vendor and ClickHouse.

    Attributes:
        vendor: Address of the simulated vendor.
        ports: Of /healthz, by program.
        running: The programs.
    """

    image: Image
    chain: Chain
    vendor: str
    ports: dict[str, str] = field(default_factory=dict[str, str])
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        # Nobody tells the producer whether the market is open, so that silence is news to it.
        nowhere = "http://127.0.0.1:1"
        own = self.chain.environment(f"{self.vendor.replace('http', 'ws')}/stocks", nowhere)
        sink = ["python", "-m", "polygon_stream.sink"]
        for name, command in (("producer", self.image.command), ("sink", sink)):
            self.ports[name] = port = str(free_port())
            self.running[name] = self.image.start(
                command, **own, STREAM_HEALTH_PORT=port, POLYGON_STREAM_IDLE_SECONDS="2"
            )

    def facts(self, name: str) -> dict:
        return ask(f"http://127.0.0.1:{self.ports[name]}/healthz")

    def stop(self) -> dict[str, tuple[int, str]]:
        """Name -> exit code and output."""
        for process in self.running.values():
            process.terminate()
        texts = {
            name: process.communicate(timeout=90)[0].decode()
            for name, process in self.running.items()
        }
        return {name: (self.running[name].returncode, text) for name, text in texts.items()}


def broken(streaming: Streaming) -> None:
    """Bring about what the stack has alarms for."""
    chain = streaming.chain
    kafka = Producer(chain.settings.client_config())
    kafka.produce(chain.topics.agg_1s, b"no JSON", b"IBM")
    assert kafka.flush(20) == 0
    wait_for(lambda: streaming.facts("sink")["dead_letters"], "a dead letter")
    chain.clickhouse.kill()
    kafka.produce(chain.topics.agg_1s, b"no JSON", b"IBM")
    assert kafka.flush(20) == 0
    wait_for(lambda: streaming.facts("sink")["state"] == "retrying", "a failed write")
    ask(f"{streaming.vendor}/sandbox/replay", method="DELETE")
    wait_for(lambda: streaming.facts("producer")["reconnects"], "a silence")
