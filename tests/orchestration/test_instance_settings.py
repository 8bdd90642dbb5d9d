"""The instance settings that the sandbox and production share, as Dagster's own daemon has them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)
from orchestration.origins import origin

from polygon_assets.cli.prepare import write_dagster_config
from polygon_assets.defs.ticks.jobs import restart_stream_service, set_stream_service
from polygon_assets.defs.ticks.sensors import URGENT
from polygon_assets.partitions import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from polygon_assets.policies import LANE_TAG

pytestmark = pytest.mark.xdist_group("automation")

CONTROL = (set_stream_service.name, restart_stream_service.name)
FROM_UI = "dagster/from_ui"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk with the settings, as the sandbox has it."""
    write_dagster_config(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


def test_pools_retries_and_monitoring(home: dg.DagsterInstance) -> None:
    pools = home.get_concurrency_config().pool_config
    assert (pools.default_pool_limit, str(pools.pool_granularity)) == (1, "PoolGranularity.OP")
    assert home.run_retries_enabled
    assert home.run_retries_max_retries == 1
    assert not home.run_retries_retry_on_asset_or_op_failure
    assert home.run_monitoring_enabled
    assert home.run_monitoring_start_timeout_seconds == 300
    assert home.run_monitoring_max_runtime_seconds == 12 * 3600
    assert isinstance(home.run_coordinator, QueuedRunCoordinator)


class Queue:
    """Runs that wait, and Dagster's own choice of those that start."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)

    def ask(self, job: str, count: int = 1, **tags: str) -> None:
        """Put runs into the queue."""
        for _ in range(count):
            run = dg.DagsterRun(
                job_name=job,
                status=dg.DagsterRunStatus.QUEUED,
                tags=tags,
                remote_job_origin=origin(job),
            )
            self.instance.add_run(run)

    def start(self) -> list[dg.DagsterRun]:
        """Start what Dagster would start now; it then runs for ever."""
        config = self.instance.get_concurrency_config()
        chosen: list[dg.DagsterRun] = self.daemon._get_runs_to_dequeue(self.instance, config, None)
        for run in chosen:
            self.instance.delete_run(run.run_id)
            self.instance.add_run(run._replace(status=dg.DagsterRunStatus.STARTED))
        return chosen

    def flood(self) -> None:
        """Everything that a day of trouble asks for, many times over."""
        for day in range(1, 7):
            self.ask("session", **{PARTITION_TAG: f"2012-11-{day:02}", "dagster/backfill": "b"})
        ends = {RANGE_START_TAG: "2003-09-10", RANGE_END_TAG: "2012-11-21"}
        self.ask("__ASSET_JOB", 4, **ends)
        self.ask("__ASSET_JOB", 4, **ends, **{FROM_UI: "true"})
        self.ask("session_freshness", 4, **{LANE_TAG: "session_freshness"})
        self.ask("backfill_gaps", 4, **{LANE_TAG: "backfill_gaps"})
        self.ask("__ASSET_JOB", 4, **{LANE_TAG: "automation", PARTITION_TAG: "2012-11-21"})
        self.ask("__ASSET_JOB", 4, **{FROM_UI: "true"})
        self.ask("__ASSET_JOB", 4, **{FROM_UI: "true", PARTITION_TAG: "2012-11-20"})


def test_a_backfill_never_keeps_the_stream_waiting(home: dg.DagsterInstance) -> None:
    queue = Queue(home)
    queue.flood()
    while queue.start():
        pass
    running = home.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    config = home.get_concurrency_config().run_queue_config
    assert config is not None
    assert running == config.max_concurrent_runs - 1 == 6, "as much as there is room for"
    queue.ask(set_stream_service.name, **URGENT)
    assert [run.job_name for run in queue.start()] == [set_stream_service.name]


def test_the_stream_comes_first_when_all_wait(home: dg.DagsterInstance) -> None:
    queue = Queue(home)
    queue.flood()
    queue.ask(restart_stream_service.name, **URGENT)
    assert queue.start()[0].job_name == restart_stream_service.name


def test_every_job_is_counted_or_is_the_streams(definitions: dg.Definitions) -> None:
    """A job without a partition says so by its tag, so that the limits hold for every run."""
    jobs: list[Any] = definitions.get_repository_def().get_all_jobs()
    free = [
        job.name
        for job in jobs
        if job.partitions_def is None and LANE_TAG not in job.tags and job.name != "__ASSET_JOB"
    ]
    assert sorted(free) == sorted(CONTROL)


def test_other_settings_are_refused_by_dagster(tmp_path: Path) -> None:
    """The negative control: a typing error in the file does not pass in silence."""
    write_dagster_config(tmp_path)
    file = tmp_path / "dagster.yaml"
    file.write_text(file.read_text().replace("max_concurrent_runs", "max_concurrent_run"))
    with pytest.raises(Exception, match="max_concurrent_run"):
        dg.DagsterInstance.from_config(str(tmp_path))
