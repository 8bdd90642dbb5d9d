"""Run assets and checks through Dagster in this process, and tell how far it is."""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from polygon_assets.cli.outcomes import RunOutcome, outcome_of
from polygon_assets.defs.platform.freshness import NAME as FRESHNESS
from polygon_assets.partitions import (
    PARTITION_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    SESSION_TAG,
    SessionWindow,
)

LOOK_SECONDS = 1.0
"""Between two looks at a run: each one reads the events, beside the run that writes them."""
DONE = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION}

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The terminal belongs to the progress bars; the instance keeps every event."""

Progress = Callable[[int], None]


class Runner:
    """Runs selections of one code location, with an instance that the UI shows later."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self.definitions = definitions
        self.instance = instance

    def assets(
        self, keys: Sequence[dg.AssetKey], window: SessionWindow, progress: Progress
    ) -> RunOutcome:
        """Materialize assets with their checks, for one session or a range.

        Whether the session that is due is present is not asked here: it is a question about the
        calendar, not about the rows of the run.
        """
        known = self.definitions.resolve_asset_graph().asset_check_keys
        calendar = [key for key in known if key.name == FRESHNESS and key.asset_key in keys]
        selection = dg.AssetSelection.assets(*keys) - dg.AssetSelection.checks(*calendar)
        return self.selection(selection, window, progress)

    def selection(
        self, selection: dg.AssetSelection, window: SessionWindow, progress: Progress
    ) -> RunOutcome:
        """Materialize and check exactly what is selected, for one session or a range."""
        return self._select(selection, _tags(window), progress)

    def checks(self, keys: Sequence[dg.AssetCheckKey], progress: Progress) -> RunOutcome:
        """Run checks without their assets."""
        if not keys:
            return RunOutcome(success=True)
        return self._select(dg.AssetSelection.checks(*keys), {}, progress)

    def job(
        self, name: str, run_config: Mapping[str, Any], progress: Progress = lambda _: None
    ) -> RunOutcome:
        """Run a job by its name."""
        job = self.definitions.resolve_job_def(name)
        return self._follow(job, {}, run_config, progress)

    def _select(
        self, selection: dg.AssetSelection, tags: Mapping[str, str], progress: Progress
    ) -> RunOutcome:
        name = "selection"
        chosen = dg.Definitions(jobs=[dg.define_asset_job(name, selection=selection)])
        job = dg.Definitions.merge(self.definitions, chosen).resolve_job_def(name)
        return self._follow(job, tags, {}, progress)

    def clear_interrupted_runs(self) -> int:
        """Close the runs of a process that was killed, and give back what they held.

        Returns:
            How many there were.
        """
        open_runs = self.instance.get_runs(
            dg.RunsFilter(
                statuses=[
                    dg.DagsterRunStatus.STARTED,
                    dg.DagsterRunStatus.STARTING,
                    dg.DagsterRunStatus.QUEUED,
                    dg.DagsterRunStatus.CANCELING,
                ]
            )
        )
        for run in open_runs:
            self.instance.report_run_failed(run, "The process that ran it was stopped.")
            self.instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        return len(open_runs)

    def _follow(
        self,
        job: dg.JobDefinition,
        tags: Mapping[str, str],
        run_config: Mapping[str, Any],
        progress: Progress,
    ) -> RunOutcome:
        run_id = str(uuid.uuid4())
        results: list[dg.ExecuteInProcessResult] = []
        problems: list[BaseException] = []

        def work() -> None:
            try:
                result = job.execute_in_process(
                    run_config={**run_config, **QUIET},
                    tags=dict(tags),
                    instance=self.instance,
                    raise_on_error=False,
                    run_id=run_id,
                )
                results.append(result)
            except BaseException as error:  # noqa: BLE001  handed to the caller's thread
                problems.append(error)

        thread = threading.Thread(target=work, name="dagster-run", daemon=True)
        thread.start()
        done, cursor = 0, None
        while thread.is_alive():
            thread.join(LOOK_SECONDS)
            found, cursor = self._news(run_id, cursor)
            done += found
            progress(done)
        if problems:
            raise problems[0]
        return outcome_of(results[0])

    def _news(self, run_id: str, cursor: str | None) -> tuple[int, str | None]:
        """How much was done since the last look, and where the next look begins."""
        if cursor is None and self.instance.get_run_by_id(run_id) is None:
            return 0, None
        news = self.instance.get_records_for_run(run_id, cursor=cursor, of_type=DONE)
        return len(news.records), news.cursor


def _tags(window: SessionWindow) -> dict[str, str]:
    if window.first == window.last:
        return {PARTITION_TAG: str(window.first), SESSION_TAG: str(window.first)}
    return {RANGE_START_TAG: str(window.first), RANGE_END_TAG: str(window.last)}
