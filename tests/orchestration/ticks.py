"""The ticks of a schedule, as Dagster's daemon computes them from its cron."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.schedule_definition import ScheduleExecutionData
from dagster._utils.schedules import schedule_execution_time_iterator


def ticks(repository: Any, name: str, first: str, last: str) -> Iterator[datetime]:
    """Every tick of a schedule from one New York date up to another, in UTC."""
    schedule = repository.get_schedule_def(name)
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    end = datetime.fromisoformat(last).replace(tzinfo=UTC)
    moments = schedule_execution_time_iterator(
        start.timestamp(), schedule.cron_schedule, schedule.execution_timezone
    )
    for moment in moments:
        if moment >= end:
            return
        yield moment.astimezone(UTC)


class Schedule:
    """One schedule, evaluated at moments."""

    def __init__(self, repository: Any, instance: dg.DagsterInstance, name: str) -> None:
        self.repository, self.instance, self.name = repository, instance, name
        self.schedule = repository.get_schedule_def(name)

    def at(self, moment: datetime) -> ScheduleExecutionData:
        """What it asks for at a moment."""
        context = dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=moment,
            repository_def=self.repository,
        )
        with context:
            return self.schedule.evaluate_tick(context)

    def request(self, moment: datetime) -> dg.RunRequest | None:
        """The run that it asks for at a moment, if any."""
        requests = self.at(moment).run_requests or []
        assert len(requests) <= 1
        return requests[0] if requests else None
