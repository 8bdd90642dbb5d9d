"""One sensor as Dagster's daemon has it: evaluated again and again, with its runs and events."""

from typing import Any

import dagster as dg
from sensors_support import Outside


class Daemon:
    """Evaluates one sensor and runs what it asks for, as Dagster's daemon does."""

    def __init__(
        self, outside: Outside, instance: dg.DagsterInstance, repository: Any, sensor: str
    ) -> None:
        self.outside, self.instance, self.repository = outside, instance, repository
        self.sensor = repository.get_sensor_def(sensor)
        self.cursor: str | None = None

    def evaluate(self) -> Any:
        """One tick: keeps the cursor and stores the events."""
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=self.repository,
            resources=self.outside.resources(*self.sensor.required_resource_keys),
        )
        with context:
            found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor
        for event in found.asset_events:
            self.instance.report_runless_asset_event(event)
        return found

    def tick(self) -> tuple[dg.RunRequest | None, str]:
        """The run that is asked for, or why there is none."""
        found = self.evaluate()
        requests = found.run_requests or []
        assert len(requests) <= 1
        return (requests[0] if requests else None), str(found.skip_message)

    def run(self, request: dg.RunRequest) -> None:
        """Execute what was asked for."""
        result = self.repository.get_job(request.job_name or self.sensor.job_name)
        done = result.execute_in_process(
            run_config=request.run_config,
            tags=request.tags,
            instance=self.instance,
            resources=self.outside.resources("stream_services"),
        )
        assert done.success

    def act(self) -> bool:
        """One tick with its run; whether there was one."""
        request, _ = self.tick()
        if request is not None:
            self.run(request)
        return request is not None
