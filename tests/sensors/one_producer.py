"""An ECS that is as slow as AWS, a producer that is slow to end, and a journal of who ran."""

import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from sandbox.ecs.ecs_helpers import EcsServer

from polygon_assets.resources.ecs import NEVER_TWO, PRODUCER, SERVICES, StreamServices
from polygon_assets.resources.polygon import Polygon

CLUSTER = "one-producer"
NOON, NIGHT = "2005-02-28T12:00:00-05:00", "2005-02-28T23:00:00-05:00"

PROGRAM = '''
"""Holds a lock while it runs, which the system takes back however it ends; ends slowly."""
import fcntl, os, pathlib, signal, sys, time
folder, slow = pathlib.Path(sys.argv[1]), float(sys.argv[2])
def note(word):
    with (folder / "journal").open("a") as journal:
        journal.write(f"{word} {os.getpid()}\\n")
lock = (folder / "lock").open("w")
def end(*_):
    time.sleep(slow)
    note("stop")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    note("two")
note("start")
while True:
    time.sleep(60)
'''

POOL = threading.Lock()
"""The op's pool ``stream_control`` for daemons with a Dagster of their own each."""

MARKET = {"now": datetime.now(UTC)}


class FrozenVendor(Polygon):
    """A vendor whose clock stands where a test puts it."""

    def now(self) -> datetime:
        return MARKET["now"]


def clock(moment: str) -> None:
    """Put the market's clock to a moment."""
    MARKET["now"] = datetime.fromisoformat(moment).astimezone(UTC)


class Stage:
    """The cluster with both services stopped, and its journal."""

    def __init__(self, server: EcsServer, folder: Path, slow: float) -> None:
        self.server, self.folder = server, folder
        self.services = StreamServices(
            cluster=CLUSTER,
            subnets="subnet-tests",
            security_groups="",
            region_name="us-east-1",
            endpoint_url=server.url,
            aws_access_key_id="tests",
            aws_secret_access_key="tests",
        )
        (folder / "program.py").write_text(PROGRAM)
        self.command = ["python", str(folder / "program.py"), str(folder), str(slow)]
        client: Any = self.services.client()
        client.create_cluster(clusterName=CLUSTER)
        for service in SERVICES:
            sleep = ["python", "-c", "import time; time.sleep(600)"]
            family = self.register(service, self.command if service == PRODUCER else sleep)
            client.create_service(
                cluster=CLUSTER,
                serviceName=service,
                taskDefinition=family,
                desiredCount=0,
                deploymentConfiguration=NEVER_TWO,
            )

    def register(self, family: str, command: list[str]) -> str:
        client: Any = self.services.client()
        container = {"name": "main", "image": "none", "command": command, "stopTimeout": 30}
        client.register_task_definition(family=family, containerDefinitions=[container])
        return family

    def journal(self) -> list[str]:
        """First words of the lines so far: ``start``, ``stop``, and ``two`` if it ever happened."""
        file = self.folder / "journal"
        return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []

    def starts(self) -> int:
        return self.journal().count("start")

    def settled(self, producers: int) -> bool:
        """So many producers run, and none is on its way in or out."""
        counts = self.services.services()[PRODUCER]
        stopping = self.services.stopping(PRODUCER)
        return (counts.desired, counts.running, stopping) == (producers, producers, 0)


@contextmanager
def stage(folder: Path, slow: float = 1.5) -> Generator[Stage, None, None]:
    """Run the slow ECS until the block ends."""
    options = ("--pending-seconds", "0.3", "--deprovisioning-seconds", "0.5")
    server = EcsServer(folder / "ecs", *options).start()
    try:
        yield Stage(server, folder, slow)
    finally:
        server.stop()


def act(repository: Any, instance: dg.DagsterInstance, services: StreamServices) -> bool:
    """One tick of the sensor with the run that it asks for; whether there was one."""
    resources = {
        "polygon": FrozenVendor(rest_url="http://127.0.0.1:9", api_key="none"),
        "stream_services": services,
    }
    context = dg.build_sensor_context(
        instance=instance, repository_def=repository, resources=resources
    )
    with context:
        found = repository.get_sensor_def("market_hours").evaluate_tick(context)
    for request in found.run_requests or []:
        run(repository, instance, services, request)
    return bool(found.run_requests)


def run(
    repository: Any, instance: dg.DagsterInstance, services: StreamServices, request: dg.RunRequest
) -> None:
    """Execute a request, when no other change is under way."""
    with POOL:
        done = _execute(repository, instance, services, request)
    assert done.success


def _execute(
    repository: Any, instance: dg.DagsterInstance, services: StreamServices, request: dg.RunRequest
) -> dg.ExecuteInProcessResult:
    return repository.get_job(request.job_name).execute_in_process(
        run_config={
            **request.run_config,
            "loggers": {"console": {"config": {"log_level": "ERROR"}}},
        },
        tags=request.tags,
        instance=instance,
        resources={"stream_services": services},
    )


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


SET_IN_ANOTHER_PROCESS = """
import sys
import dagster as dg
from polygon_assets.defs.ticks.jobs import SERVICE_TAG, set_stream_service
from polygon_assets.resources.ecs import StreamServices
home, cluster, url = sys.argv[1:]
services = StreamServices(
    cluster=cluster, subnets="subnet-tests", security_groups="", region_name="us-east-1",
    endpoint_url=url, aws_access_key_id="tests", aws_secret_access_key="tests",
)
with dg.DagsterInstance.from_config(home) as instance:
    set_stream_service.execute_in_process(
        run_config={"ops": {"set_count": {"config": {"service": "producer", "count": 1}}}},
        tags={SERVICE_TAG: "producer"}, instance=instance, resources={"stream_services": services},
    )
"""


def other_process(home: Path, stage: Stage) -> list[str]:
    """A command that starts the producer as the run of another daemon would."""
    script = SET_IN_ANOTHER_PROCESS
    return [sys.executable, "-W", "ignore", "-c", script, str(home), CLUSTER, stage.server.url]
