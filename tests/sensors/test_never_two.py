"""At no moment do two producers run: the vendor allows one connection per account.

ECS does not promise it. A task that was told to stop works on for up to its ``stopTimeout``, and
AWS counts it neither against the desired count nor against ``maximumPercent``; the sandbox does the
same. Here a producer takes a second and a half to end, and holds a lock as long as it lives.
"""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sensors.one_producer import (
    CLUSTER,
    NIGHT,
    NOON,
    Stage,
    act,
    clock,
    eventually,
    other_process,
    stage,
)

from polygon_assets.defs.ticks import sensors
from polygon_assets.resources import ecs
from polygon_assets.resources.ecs import PRODUCER, SINK, StillStoppingError

pytestmark = [
    pytest.mark.xdist_group("never_two"),
    pytest.mark.slow,
    pytest.mark.timeout(400),
]


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


DAGSTER_YAML = "concurrency:\n  pools:\n    default_limit: 1\ntelemetry:\n  enabled: false\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "dagster.yaml").write_text(DAGSTER_YAML)
    return folder


@pytest.fixture
def daemon(home: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster on disk, which several processes may share."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def stop_slowly(made: Stage) -> None:
    """A producer that runs and was just told to stop."""
    made.services.set_desired_count(PRODUCER, 1)
    eventually(lambda: made.starts() == 1)
    made.services.set_desired_count(PRODUCER, 0)
    eventually(lambda: made.services.stopping(PRODUCER) == 1)


def test_ecs_alone_runs_two(slow: Stage) -> None:
    """The negative control: ECS as it is, asked without waiting."""
    stop_slowly(slow)
    client: Any = slow.services.client()
    client.update_service(cluster=CLUSTER, service=PRODUCER, desiredCount=1)
    eventually(lambda: "two" in slow.journal())


def test_a_new_deployment_alone_runs_two(slow: Stage) -> None:
    slow.services.set_desired_count(PRODUCER, 1)
    eventually(lambda: slow.starts() == 1)
    client: Any = slow.services.client()
    client.update_service(cluster=CLUSTER, service=PRODUCER, forceNewDeployment=True)
    eventually(lambda: "two" in slow.journal())


def test_a_stop_and_a_start_in_a_row(
    slow: Stage, daemon: dg.DagsterInstance, repository: Any
) -> None:
    starts = 0
    for moment, producers in ((NOON, 1), (NIGHT, 0), (NOON, 1), (NIGHT, 0), (NOON, 1)):
        clock(moment)
        starts += producers

        # A program that is stopped before it has noted its start leaves no trace.
        def done(wanted: int = producers, noted: int = starts) -> bool:
            act(repository, daemon, slow.services)
            return slow.settled(wanted) and slow.starts() == noted

        eventually(done)
    assert slow.journal() == ["start", "stop"] * 2 + ["start"]


def test_daemons_at_the_same_time(slow: Stage, repository: Any) -> None:
    """Three daemons tick as fast as they can, while the market opens and closes all the time.

    They know nothing of each other's runs, which is worse than Dagster; only the pool of the op,
    which lets one change happen at a time, is theirs in common.
    """
    over = threading.Event()
    problems: list[BaseException] = []

    def ticking() -> None:
        try:
            with dg.DagsterInstance.ephemeral() as own:
                while not over.is_set():
                    act(repository, own, slow.services)
        except BaseException as problem:
            problems.append(problem)
            raise

    clock(NOON)
    threads = [threading.Thread(target=ticking) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for starts in range(1, 4):
            clock(NOON)
            eventually(lambda wanted=starts: slow.starts() >= wanted or bool(problems), 90)
            clock(NIGHT)
            eventually(lambda: not desired(slow) or bool(problems), 90)
    finally:
        over.set()
    for thread in threads:
        thread.join(90)
    assert not problems
    assert "two" not in slow.journal()
    assert slow.starts() >= 3


def desired(made: Stage) -> int:
    return made.services.desired_counts()[PRODUCER]


def test_an_ecs_that_is_killed_in_the_middle(
    slow: Stage, daemon: dg.DagsterInstance, repository: Any
) -> None:
    clock(NOON)
    assert act(repository, daemon, slow.services)
    eventually(lambda: slow.starts() == 1)
    slow.server.stop(signal.SIGKILL)
    slow.server.start()
    eventually(lambda: slow.starts() == 2)
    clock(NIGHT)
    assert act(repository, daemon, slow.services)
    eventually(lambda: slow.services.stopping(PRODUCER) == 1)
    slow.server.stop(signal.SIGKILL)
    slow.server.start()
    clock(NOON)
    eventually(lambda: act(repository, daemon, slow.services) or slow.settled(1))
    eventually(lambda: slow.settled(1))
    assert "two" not in slow.journal()


def test_a_daemon_that_is_killed_in_the_middle(
    slow: Stage,
    home: Path,
    daemon: dg.DagsterInstance,
    repository: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its run waits for the producer before to end; nothing of it is left but its record."""
    slow.command[-1] = "20"
    slow.register(PRODUCER, slow.command)
    client: Any = slow.services.client()
    client.update_service(cluster=CLUSTER, service=PRODUCER, taskDefinition=PRODUCER)
    stop_slowly(slow)
    began = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    with subprocess.Popen(other_process(home, slow)) as killed:
        eventually(lambda: daemon.get_runs_count(began) == 1, 120)
        time.sleep(1)  # it asks ECS again and again, or was done before: both are right
        killed.kill()
    clock(NOON)
    if daemon.get_runs_count(began):
        assert not act(repository, daemon, slow.services), "a change is under way"
    monkeypatch.setattr(sensors, "CHANGE_TAKES", timedelta())
    eventually(lambda: act(repository, daemon, slow.services) or slow.settled(1), 120)
    eventually(lambda: slow.settled(1))
    assert "two" not in slow.journal()
    assert daemon.get_runs_count(began) == 0


def test_a_restart_asked_for_twice(slow: Stage) -> None:
    slow.services.set_desired_count(PRODUCER, 1)
    eventually(lambda: slow.starts() == 1)
    threads = [threading.Thread(target=slow.services.restart, args=[PRODUCER]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    eventually(lambda: slow.settled(1) and slow.starts() >= 2)
    assert "two" not in slow.journal()


def test_another_task_definition(slow: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = slow.folder / "definitions"
    folder.mkdir()
    for service in (PRODUCER, SINK):
        container = {"name": "main", "image": "none", "command": slow.command, "stopTimeout": 30}
        text = json.dumps({"family": service, "containerDefinitions": [container]})
        (folder / f"{service}.json").write_text(text)
    monkeypatch.setattr(ecs, "TASK_DEFINITIONS", folder)
    slow.services.set_desired_count(PRODUCER, 1)
    eventually(lambda: slow.starts() == 1)
    slow.services.deploy({PRODUCER: {}, SINK: {}})
    eventually(lambda: slow.settled(1) and slow.starts() == 2)
    assert slow.journal() == ["start", "stop", "start"]


def test_a_producer_that_does_not_end_is_an_error(
    slow: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ecs, "STOPPED_WITHIN_SECONDS", 0.2)
    stop_slowly(slow)
    with pytest.raises(StillStoppingError, match="told to stop"):
        slow.services.set_desired_count(PRODUCER, 1)
    with pytest.raises(ValueError, match="one connection"):
        slow.services.set_desired_count(PRODUCER, 2)
