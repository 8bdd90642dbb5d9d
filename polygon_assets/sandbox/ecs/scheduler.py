"""The service scheduler: keeps as many tasks as each service desires."""

import asyncio
import logging
import math
import time
from pathlib import Path

from polygon_assets.sandbox.ecs.errors import EcsError
from polygon_assets.sandbox.ecs.state import Service, State
from polygon_assets.sandbox.ecs.tasks import Slowness, Task, TaskRunner

log = logging.getLogger(__name__)

_INTERVAL = 0.2
_FIRST_RESTART_DELAY = 0.5
_LONGEST_RESTART_DELAY = 30.0
_STABLE_SECONDS = 30.0


class Crashes:
    """How often a service's tasks ended by themselves, and when the next may start."""

    def __init__(self) -> None:
        """None so far."""
        self._in_a_row = 0
        self._not_before = 0.0
        self._seen: set[str] = set()

    def note(self, task: Task, now: float) -> None:
        """A task ended that nobody had stopped; each counts once."""
        if task.id in self._seen:
            return
        self._seen.add(task.id)
        if now - task.created_at > _STABLE_SECONDS:
            self._in_a_row = 0
        delay = min(_LONGEST_RESTART_DELAY, _FIRST_RESTART_DELAY * 2**self._in_a_row)
        self._in_a_row += 1
        self._not_before = now + delay

    def may_start(self, now: float) -> bool:
        """Whether the wait after the last crash is over."""
        return now >= self._not_before


class Scheduler:
    """Compares services with tasks several times a second and starts or stops one."""

    def __init__(self, folder: Path, state: State, slowness: Slowness) -> None:
        """Nothing runs before ``run``."""
        self._state = state
        self._wake = asyncio.Event()
        self._crashes: dict[str, Crashes] = {}
        self.runner = TaskRunner(folder, self.wake, slowness)

    def wake(self) -> None:
        """Something changed: look at once."""
        self._wake.set()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        while True:
            self._wake.clear()
            for service in self._state.services:
                await self._reconcile(service)
            try:
                async with asyncio.timeout(_INTERVAL):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def tasks_of(self, service: Service) -> list[Task]:
        """The tasks of a service, stopped ones included."""
        group = f"service:{service.name}"
        return [
            task
            for task in self.runner.all()
            if task.group == group and task.cluster == service.cluster
        ]

    async def _reconcile(self, service: Service) -> None:
        desired = service.desired_count if service.status == "ACTIVE" else 0
        tasks = self.tasks_of(service)
        now = time.time()
        crashes = self._crashes.setdefault(service.arn, Crashes())
        for task in tasks:
            if not task.alive and task.stop_code == "EssentialContainerExited":
                crashes.note(task, now)
        wanted = [task for task in tasks if task.alive and task.desired_status == "RUNNING"]
        current = [task for task in wanted if task.started_by == service.deployment.id]
        outdated = [task for task in wanted if task.started_by != service.deployment.id]

        for task in current[desired:]:
            self.runner.stop(task, "Scaling activity", "ServiceSchedulerInitiated")
        # Outdated tasks go as far as the minimum allows; the new ones take their place.
        healthy_minimum = math.ceil(desired * service.minimum_healthy_percent / 100)
        dispensable = len(wanted) - len(current[desired:]) - healthy_minimum
        for task in outdated[: max(0, dispensable)]:
            self.runner.stop(task, "Deployment", "ServiceSchedulerInitiated")
        # As in AWS, a task that is stopping does not count, although its process may still be at
        # work: whoever needs that there are never two waits for it before asking for the next.
        staying = [task for task in wanted if task.desired_status == "RUNNING"]
        room = math.floor(desired * service.maximum_percent / 100) - len(staying)
        for _ in range(min(desired - len(current), room)):
            if crashes.may_start(now):
                await self._start(service, crashes)

    async def _start(self, service: Service, crashes: Crashes) -> None:
        definition = self._state.find_definition(service.deployment.task_definition)
        if definition is None:
            return  # definitions are never deleted
        task = Task(
            service.cluster, definition, f"service:{service.name}", service.deployment.id, {}
        )
        try:
            await self.runner.start(task)
        except (EcsError, OSError) as error:
            log.error("service %s could not start a task: %s", service.name, error)
            crashes.note(task, time.time())
