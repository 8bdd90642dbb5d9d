"""Launch and wait: against Dagster's own GraphQL, whose runs are real, and tick by tick."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from dagster_plus_support import BIN, DEPLOY, plain_environment, script, steps, workflow
from support.servers import free_ports

PROGRAM = DEPLOY / "run_job.py"
INSTANCE = """
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
"""
"""Runs start at once: there is no daemon."""

JOBS = Path(__file__).with_name("two_jobs.py")


@pytest.fixture(scope="module")
def run_job() -> ModuleType:
    return script("run_job")


class Clock:
    """A clock that only waiting moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def statuses(*answers: str | Exception) -> Callable[[], str]:
    """Answers in turn, the last one for ever."""
    left = list(answers)

    def status() -> str:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return status


@pytest.mark.parametrize("end", ["SUCCESS", "FAILURE", "CANCELED"])
def test_waits_until_the_end(run_job: ModuleType, end: str) -> None:
    clock = Clock()
    asked = statuses("QUEUED", "STARTING", ConnectionError("away"), "STARTED", end)
    assert run_job.wait_for_end(asked, 60, 10, clock, clock.sleep) == end
    assert clock.now == 40


def test_waits_no_longer_than_it_was_told(run_job: ModuleType) -> None:
    clock = Clock()
    with pytest.raises(TimeoutError, match="not ended after 60 s, its last status is STARTED"):
        run_job.wait_for_end(statuses("STARTED"), 60, 10, clock, clock.sleep)
    assert clock.now == 60
    with pytest.raises(TimeoutError, match="unknown"):
        run_job.wait_for_end(statuses(ConnectionError("away")), 0, 10, clock, clock.sleep)


class Dagster:
    """A webserver of Dagster's under the path of a deployment."""

    def __init__(self, address: str, home: Path) -> None:
        self.address = address
        self.home = home

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the script."""
        told = {"DAGSTER_CLOUD_URL": self.address, "DAGSTER_CLOUD_API_TOKEN": "ci-token"}
        return subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments, "--deployment", "prod", "--interval", "0.5"],
            env=plain_environment(self.home) | told,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run the script; exit code and output."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def status(self, output: str) -> str:
        """The status of the run that an output names."""
        run_id = output.partition("/runs/")[2].split()[0]
        query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
        found = self.ask(query, {"id": run_id})
        return found["data"]["runOrError"]["status"]

    def ask(self, query: str, variables: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            f"{self.address}/prod/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dagster]:
    home = tmp_path_factory.mktemp("dagster_plus")
    (home / "dagster.yaml").write_text(INSTANCE)
    entry = {"relative_path": str(JOBS), "location_name": "polygon_assets"}
    (home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"python_file": entry}]}))
    port = free_ports(1)
    process = subprocess.Popen(
        [
            *(str(BIN / "dagster-webserver"), "--workspace", str(home / "workspace.yaml")),
            *("--host", "127.0.0.1", "--port", str(port), "--path-prefix", "/prod"),
        ],
        env=plain_environment(home) | {"DAGSTER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    server = Dagster(f"http://127.0.0.1:{port}", home)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                server.ask("query { version }", {})
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.2)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.mark.slow
@pytest.mark.xdist_group("dagster_plus")
def test_exit_code_is_what_became_of_the_run(dagster: Dagster) -> None:
    config = steps("drop")["Drop the clone"]["env"]["CONFIG"]
    number = "${{ github.event.pull_request.number }}"
    assert number in config
    good = dagster.run("drop_deployment", "--config", config.replace(number, "12"))
    assert good[0] == 0, good[1]
    assert good[1].splitlines()[-1] == "drop_deployment ended: SUCCESS"
    bad = dagster.run("drop_deployment", "--config", config.replace(number, "13"))
    assert bad[0] == 1
    assert bad[1].splitlines()[-1] == "drop_deployment ended: FAILURE"
    unknown = dagster.run("no_such_job")
    assert unknown[0] == 1
    assert "no_such_job was not launched" in unknown[1]


@pytest.mark.slow
@pytest.mark.xdist_group("dagster_plus")
def test_a_run_that_nobody_waits_for_is_terminated(dagster: Dagster) -> None:
    code, output = dagster.run("endless", "--seconds", "2")
    assert code == 1
    assert "endless is terminated: not ended after 2 s" in output
    process = dagster.start("endless")
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "endless is terminated: SIGINT" in rest
    for told, status in ((output, output), (first, rest)):
        assert dagster.status(told) == status.splitlines()[-1].removeprefix("ended: ")
        assert dagster.status(told) in ("CANCELED", "FAILURE")


def test_the_workflow_waits_long_enough_and_no_longer_than_its_job() -> None:
    for job, name in (("gate", "Clone production"), ("drop", "Drop the clone")):
        text = steps(job)[name]["run"]
        seconds = int(text.partition("--seconds ")[2].split()[0])
        assert 600 <= seconds < 60 * workflow()["jobs"][job]["timeout-minutes"]
        # A shell or uv in between would keep the signal of a cancelled workflow to itself.
        assert text.startswith("exec .venv/bin/python ")
