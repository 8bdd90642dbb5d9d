"""Start one of the sandbox's servers for a test, on a free port."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from polygon_assets.sandbox.layout import PORT_COUNT
from polygon_assets.sandbox.services import Service

START_SECONDS = 90.0


def free_ports(count: int = PORT_COUNT) -> int:
    """The first of several free ports in a row.

    Each worker of a parallel run looks in a range of its own, so that two do not choose the same.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    first = 20_000 + 1_000 * worker + (os.getpid() * 7) % 500
    for base in range(first, first + 500, count):
        if all(_is_free(base + offset) for offset in range(count)):
            return base
    raise RuntimeError(f"no {count} free ports in a row after {first}")


@contextmanager
def server(name: str, data: Path, *options: str) -> Generator[int, None, None]:
    """Run a server until the block ends; yields its port."""
    port = free_ports(1)
    command = [sys.executable, "-m", f"polygon_assets.sandbox.{name}"]
    command += ["--port", str(port), "--data", str(data), *options]
    service = Service(name, command, port, None if name == "kafka" else "/healthz")
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not service.is_healthy():
            assert process.poll() is None, f"{name} ended while it started"
            assert time.monotonic() < deadline, f"{name} did not answer"
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(15)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
