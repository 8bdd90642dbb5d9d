"""Tasks: one local process each, that ends with the server."""

import asyncio
import logging
import os
import re
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polygon_assets.sandbox.ecs.errors import client_error
from polygon_assets.sandbox.ecs.names import arn
from polygon_assets.sandbox.ecs.state import TaskDefinition
from polygon_assets.sandbox.lifeline import LIFELINE_VARIABLE

log = logging.getLogger(__name__)

DEFAULT_STOP_TIMEOUT = 30
_STOPPED_TASKS_KEPT = 100
_SECRET = re.compile(r"arn:aws[^:]*:secretsmanager:[^:]*:[^:]*:secret:[^:]+:([^:]+):[^:]*:[^:]*")


class Task:
    """One run of a task definition.

    Attributes:
        group: ``service:NAME`` or ``family:NAME``.
        started_by: Deployment id of a service's task, or what RunTask was told.
        last_status: ``PENDING``, ``RUNNING``, ``STOPPING`` (its process was told to end),
            ``DEPROVISIONING`` (the process has ended) or ``STOPPED``.
        desired_status: ``RUNNING`` or ``STOPPED``.
        exit_code: Of the process, once it has ended.
    """

    def __init__(
        self,
        cluster: str,
        definition: TaskDefinition,
        group: str,
        started_by: str,
        overrides: dict[str, Any],
    ) -> None:
        """Describe a task that has no process yet."""
        self.id = uuid.uuid4().hex
        self.cluster = cluster
        self.definition = definition
        self.group = group
        self.started_by = started_by
        self.overrides = overrides
        self.last_status = "PENDING"
        self.desired_status = "RUNNING"
        self.created_at = time.time()
        self.started_at: float | None = None
        self.stopped_at: float | None = None
        self.stopped_reason: str | None = None
        self.stop_code: str | None = None
        self.exit_code: int | None = None
        self.starting: asyncio.Task[None] | None = None
        self.stopping: asyncio.Task[None] | None = None

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn("task", self.cluster, self.id)

    @property
    def alive(self) -> bool:
        """Whether its process may still exist."""
        return self.last_status != "STOPPED"


@dataclass(frozen=True)
class Slowness:
    """How long a task stays in the states in which AWS needs a while and a laptop does not.

    Attributes:
        pending: Seconds from the request to the start of the process.
        deprovisioning: Seconds from the end of the process to ``STOPPED``.
    """

    pending: float = 0.0
    deprovisioning: float = 0.0


class TaskRunner:
    """Starts, stops and remembers tasks."""

    def __init__(self, folder: Path, on_change: Callable[[], None], slowness: Slowness) -> None:
        """Keep logs in ``folder/logs``.

        Args:
            folder: Data directory of the server; also the tasks' working directory.
            on_change: Called after a task has changed by itself.
            slowness: Seconds that a task stays where it is.
        """
        self._folder = folder
        self._on_change = on_change
        self._slowness = slowness
        self._tasks: dict[str, Task] = {}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._lifelines: dict[str, int] = {}
        self._watches: set[asyncio.Task[None]] = set()
        (folder / "logs").mkdir(parents=True, exist_ok=True)

    def all(self) -> list[Task]:
        """Every task that is remembered, oldest first."""
        return list(self._tasks.values())

    def find(self, task_id: str) -> Task | None:
        """A task by its id."""
        return self._tasks.get(task_id)

    def log_file(self, task: Task) -> Path:
        """Where the output of a task goes."""
        return self._folder / "logs" / f"{task.definition.family}-{task.id}.log"

    async def start(self, task: Task) -> None:
        """Start the process of a task, at once or when it has been pending for long enough.

        Raises:
            EcsError: The container has no command.
        """
        command, environment = command_and_environment(task.definition, task.overrides)
        if not self._slowness.pending:
            await self._launch(task, command, environment)
            return
        self._tasks[task.id] = task
        task.starting = asyncio.create_task(self._launch_later(task, command, environment))

    async def _launch_later(
        self, task: Task, command: list[str], environment: dict[str, str]
    ) -> None:
        await asyncio.sleep(self._slowness.pending)
        try:
            await self._launch(task, command, environment)
        except OSError as error:
            log.error("task %s could not be started: %s", task.id, error)
            self._end(task, f"The task failed to start: {error}", "TaskFailedToStart")

    async def _launch(self, task: Task, command: list[str], environment: dict[str, str]) -> None:
        # The process ends when the write end closes: with this server, however that ends.
        read_end, write_end = os.pipe()
        environment[LIFELINE_VARIABLE] = str(read_end)
        try:
            with self.log_file(task).open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "polygon_assets.sandbox.run", *command),
                    env=environment,
                    cwd=self._folder,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=(read_end,),
                )
        except BaseException:
            os.close(write_end)
            raise
        finally:
            os.close(read_end)
        task.starting = None
        task.last_status = "RUNNING"
        task.started_at = time.time()
        self._tasks[task.id] = task
        self._processes[task.id] = process
        self._lifelines[task.id] = write_end
        watch = asyncio.create_task(self._watch(task, process))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)
        log.info("task %s of %s started", task.id, task.definition.family)

    def stop(self, task: Task, reason: str, code: str = "UserInitiated") -> None:
        """Ask the process to end; it is killed after the definition's ``stopTimeout``."""
        if not task.alive or task.stopping is not None:
            return
        if task.starting is not None and task.starting.cancel():
            self._end(task, reason, code)
            return
        task.desired_status = "STOPPED"
        task.last_status = "STOPPING"
        task.stopped_reason = reason
        task.stop_code = code
        task.stopping = asyncio.create_task(self._stop(task))

    async def stop_all(self, seconds: float) -> None:
        """End every task, in at most so many seconds."""
        for task in self.all():
            self.stop(task, "the server was stopped", "ServiceSchedulerInitiated")
        if self._watches:
            await asyncio.wait(self._watches, timeout=seconds)
        for task_id in list(self._lifelines):
            self._cut_lifeline(task_id)

    async def _stop(self, task: Task) -> None:
        process = self._processes[task.id]
        seconds = float(task.definition.container.get("stopTimeout") or DEFAULT_STOP_TIMEOUT)
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            log.warning("task %s did not end within %g s and is killed", task.id, seconds)
            self._cut_lifeline(task.id)

    async def _watch(self, task: Task, process: asyncio.subprocess.Process) -> None:
        task.exit_code = await process.wait()
        self._cut_lifeline(task.id)
        log.info("task %s ended with exit code %d", task.id, task.exit_code)
        self._processes.pop(task.id, None)
        if self._slowness.deprovisioning:
            task.desired_status, task.last_status = "STOPPED", "DEPROVISIONING"
            await asyncio.sleep(self._slowness.deprovisioning)
        self._end(
            task,
            task.stopped_reason or "Essential container in task exited",
            task.stop_code or "EssentialContainerExited",
        )

    def _end(self, task: Task, reason: str, code: str) -> None:
        task.last_status = task.desired_status = "STOPPED"
        task.stopped_at = time.time()
        task.stopped_reason, task.stop_code = reason, code
        self._forget(one for one in self.all() if not one.alive)
        self._on_change()

    def _cut_lifeline(self, task_id: str) -> None:
        write_end = self._lifelines.pop(task_id, None)
        if write_end is not None:
            os.close(write_end)

    def _forget(self, stopped: Iterable[Task]) -> None:
        for task in list(stopped)[:-_STOPPED_TASKS_KEPT]:
            del self._tasks[task.id]


def command_and_environment(
    definition: TaskDefinition, overrides: dict[str, Any]
) -> tuple[list[str], dict[str, str]]:
    """What to run for a definition.

    ``python`` as the first word is this interpreter. The environment is the server's, then the
    definition's, then the overrides'. A secret has the value of the server's variable that is
    named like the JSON key in its ``valueFrom``; without such a variable it is left out.

    Raises:
        EcsError: There is no command, or a secret names no JSON key.
    """
    container = definition.container
    override: dict[str, Any] = next(
        (
            entry
            for entry in overrides.get("containerOverrides", [])
            if entry.get("name") == container["name"]
        ),
        {},
    )
    command = [
        *(container.get("entryPoint") or []),
        *(override.get("command") or container.get("command") or []),
    ]
    if not command:
        raise client_error(
            f"Container {container['name']} of {definition.family} has no command: the sandbox "
            "runs commands, not images."
        )
    if command[0] in ("python", "python3"):
        command[0] = sys.executable
    environment = dict(os.environ)
    environment.pop(LIFELINE_VARIABLE, None)
    for secret in container.get("secrets") or []:
        value = os.environ.get(_json_key(str(secret["valueFrom"])))
        if value is not None:
            environment[secret["name"]] = value
    for entry in [*(container.get("environment") or []), *(override.get("environment") or [])]:
        environment[entry["name"]] = entry["value"]
    return command, environment


def _json_key(value_from: str) -> str:
    """The key that a reference to a secret of Secrets Manager names.

    Raises:
        EcsError: It names none.
    """
    found = _SECRET.fullmatch(value_from)
    if found is None:
        raise client_error(
            f"{value_from} is not a JSON key of a secret (arn:aws:secretsmanager:REGION:ACCOUNT:"
            "secret:NAME:KEY:STAGE:VERSION, the last two may be empty): the sandbox knows no other."
        )
    return found[1]
