"""The process: starting, refusing to start twice, stopping."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from polygon_vendor import Vendor

from polygon_assets.sandbox.polygon.clock import Clock


def start_and_fail(*options: str) -> str:
    command = [sys.executable, "-m", "polygon_assets.sandbox.polygon", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_busy_port_or_directory_is_named(
    start_vendor: Callable[..., Vendor], tmp_path: Path
) -> None:
    port = start_vendor().host.split(":")[1]
    assert f"Port {port}" in start_and_fail("--port", port, "--data", str(tmp_path / "other"))
    assert str(tmp_path) in start_and_fail("--port", "0", "--data", str(tmp_path))
    assert "NOPE" in start_and_fail(
        "--port", "0", "--data", str(tmp_path / "third"), "--symbols", "NOPE"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_stops_quickly_during_a_replay_and_starts_again(
    start_vendor: Callable[..., Vendor], number: int
) -> None:
    vendor = start_vendor()
    vendor.replay("2005-02-28", 600, wait=False)
    started = time.monotonic()
    code = vendor.stop(number)
    assert time.monotonic() - started < 3
    assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    assert start_vendor().http.get("/healthz").json() == {
        "status": "ok",
        "symbols": 12,
        "replay": "off",
    }


def test_the_clock_stands_runs_holds_and_runs_on() -> None:
    wall = 100.0
    clock = Clock(lambda: wall)
    assert clock.now_ms() == 100_000
    clock.stand_at(5_000)
    wall = 107.0
    assert clock.now_ms() == 5_000
    assert clock.run_from(6_000, speed=10, hold_at=50_000) == 107_000
    wall = 108.0
    assert clock.now_ms() == 16_000
    wall = 120.0
    assert clock.now_ms() == 50_000
    clock.run_on()
    wall = 121.0
    assert clock.now_ms() == 51_000
    clock.follow_wall()
    assert clock.now_ms() == 121_000
