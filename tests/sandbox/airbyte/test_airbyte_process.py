"""The server as a process: restarts, kill -9, signals, a second server."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from airbyte_messages import good, split

pytestmark = pytest.mark.xdist_group("airbyte")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/status").read_text().split("State:")[1][:4]


def wait_until(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def start_long_job(airbyte: Any) -> tuple[int, int]:
    """A job whose connector stays; returns the job's number and the connector's process id."""
    path = airbyte.script([split(2)], seconds=60)
    job_id = airbyte.start_job()
    pid = path.with_name(f"{path.name}.pid")
    wait_until(lambda: pid.exists() and pid.read_text())
    return job_id, int(pid.read_text())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_lost_with_the_server_is_failed_with_the_reason(
    make_airbyte: Any, number: int
) -> None:
    airbyte = make_airbyte()
    airbyte.make_workspace()
    done = airbyte.sync(good([split(1)]))
    job_id, pid = start_long_job(airbyte)
    airbyte.process.send_signal(number)
    started = time.monotonic()
    airbyte.process.wait(timeout=10)
    assert time.monotonic() - started < 3
    wait_until(lambda: not alive(pid), 3)

    airbyte.start()
    assert airbyte.call("GET", f"/jobs/{job_id}")["status"] == "failed"
    attempt = airbyte.attempt(job_id)["attempt"]
    assert (
        "stopped while this job was running"
        in (attempt["failureSummary"]["failures"][0]["externalMessage"])
    )
    earlier = airbyte.call("GET", f"/jobs/{done.job_id}")
    assert (earlier["status"], earlier["rowsSynced"]) == ("succeeded", 1)
    source = airbyte.call("GET", f"/sources/{airbyte.connection()['sourceId']}")
    assert source["configuration"]["start_date"] == "2005-02-28"
    assert airbyte.sync(good([split(2)])).rows == 1
    assert airbyte.query("select ID from {db}.RAW.SPLITS order by ID") == [("S1",), ("S2",)]


def run_server(port: int, data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "polygon_assets.sandbox.airbyte",
            "--port",
            str(port),
            "--data",
            str(data),
        ],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_second_server_is_refused_in_one_sentence(airbyte: Any, tmp_path: Path) -> None:
    same_port = run_server(airbyte.port, tmp_path / "other")
    assert same_port.returncode == 1
    assert same_port.stderr.count("\n") == 1
    assert f"Port {airbyte.port} on 127.0.0.1 cannot be used" in same_port.stderr
    same_data = run_server(0, airbyte.folder / "data")
    assert same_data.returncode == 1
    assert same_data.stderr.count("\n") == 1
    assert str(airbyte.folder / "data") in same_data.stderr
