"""A ClickHouse for the tests.

Tests with ``gateway`` or ``start`` are about the sandbox's: a real process, on a free port. Those
with ``client`` alone are the contract: they run on that, or on the server at TEST_CLICKHOUSE_URL.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from support.elsewhere import CLICKHOUSE, port_elsewhere

MODULE = "polygon_assets.sandbox.clickhouse"


@dataclass
class Gateway:
    """A running server."""

    port: int
    data: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **options: Any) -> Client:
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, **options)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=10)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def launch(port: int, data: Path, **environment: str) -> Gateway:
    command = [sys.executable, "-m", MODULE, "--port", str(port), "--data", str(data)]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended instead of starting"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
        except urllib.error.URLError:
            time.sleep(0.02)
        else:
            return Gateway(port, data, process)
    process.kill()
    raise TimeoutError("the server did not start within 30 s")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One server for the tests that do not need one of their own."""
    running = launch(free_port(), tmp_path_factory.mktemp("clickhouse"))
    yield running
    running.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Start servers on the test's own directory; they end with the test."""
    running: list[Gateway] = []

    def start_one(**environment: str) -> Gateway:
        running.append(launch(free_port(), tmp_path / "data", **environment))
        return running[-1]

    yield start_one
    for server in running:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture
def connect(request: pytest.FixtureRequest) -> Callable[..., Client]:
    """Makes clients of the contract's server."""
    port = port_elsewhere(CLICKHOUSE)
    if port is None or "gateway" in request.fixturenames:
        gateway: Gateway = request.getfixturevalue("gateway")
        return gateway.client
    return partial(clickhouse_connect.get_client, host="127.0.0.1", port=port)


@pytest.fixture
def database(connect: Callable[..., Client]) -> Iterator[str]:
    """A database of the test's own."""
    name = f"test_{uuid.uuid4().hex}"
    admin = connect()
    admin.command(f"CREATE DATABASE {name}")
    yield name
    admin.command(f"DROP DATABASE {name} SYNC")
    admin.close()


@pytest.fixture
def client(connect: Callable[..., Client], database: str) -> Iterator[Client]:
    """A client of the test's own database."""
    connected = connect(database=database)
    yield connected
    connected.close()
