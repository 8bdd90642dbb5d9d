"""A sandbox Snowflake in its own process, and the real connector logged in to it."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector import SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor


class Server:
    """A running sandbox Snowflake."""

    def __init__(self, data: Path, port: int | None = None) -> None:
        self.data = data
        self.port = port or free_port()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SNOWFLAKE_")}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "polygon_assets.sandbox.snowflake"),
                *("--port", str(self.port), "--data", str(data)),
            ],
            env=environment,
        )

    def wait_until_healthy(self) -> "Server":
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"ended with {self.process.returncode}"
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5).close()
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.02)
            else:
                return self
        raise AssertionError("no answer in 60 s")

    def connect(self, **settings: Any) -> SnowflakeConnection:
        defaults: dict[str, Any] = {
            "account": "sandbox",
            "user": "sandbox",
            "password": "sandbox",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "database": "POLYGON_LOCAL",
            "schema": "RAW",
            "role": "SANDBOX",
            "warehouse": "SANDBOX",
            "login_timeout": 5,
            # Without asking the metadata addresses of three clouds at each login.
            "platform_detection_timeout_seconds": 0.0,
        }
        return snowflake.connector.connect(**(defaults | settings))

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(10)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a worker; each test has a database of its own."""
    running = Server(tmp_path_factory.mktemp("snowflake")).wait_until_healthy()
    yield running
    running.terminate()


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """Start servers that the test stops or kills."""
    started: list[Server] = []

    def start(data: Path, port: int | None = None) -> Server:
        started.append(Server(data, port))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill()


@pytest.fixture
def database() -> str:
    return f"TEST_{uuid.uuid4().hex[:12].upper()}"


@pytest.fixture
def connect(server: Server, database: str) -> Iterator[Callable[..., SnowflakeConnection]]:
    """Log in to the test's own database."""
    opened: list[SnowflakeConnection] = []

    def log_in(**settings: Any) -> SnowflakeConnection:
        opened.append(server.connect(**({"database": database} | settings)))
        return opened[-1]

    yield log_in
    for connection in opened:
        connection.close()


@pytest.fixture
def cursor(connect: Callable[..., SnowflakeConnection]) -> SnowflakeCursor:
    return connect().cursor()
