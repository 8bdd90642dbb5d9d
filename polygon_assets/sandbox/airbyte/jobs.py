"""Run jobs, one thread each, and write down how each one ended."""

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from polygon_assets.sandbox.airbyte.connector import ConnectorRun
from polygon_assets.sandbox.airbyte.destination import snowflake_target
from polygon_assets.sandbox.airbyte.joblog import JobLog
from polygon_assets.sandbox.airbyte.objects import Connection, Destination, Source
from polygon_assets.sandbox.airbyte.problems import RefusedError
from polygon_assets.sandbox.airbyte.protocol import ProtocolError, stream_state
from polygon_assets.sandbox.airbyte.store import LOST_JOB, Job, Store
from polygon_assets.sandbox.airbyte.sync import Sync, SyncFailure, sync_folder
from polygon_assets.sandbox.airbyte.warehouse import LoadError, Warehouse
from polygon_assets.sandbox.airbyte.workspace import Workspace

_log = logging.getLogger("airbyte")

_CANCEL_SECONDS = 10.0
_STOP_SECONDS = 1.5


class _CancelledError(Exception):
    """The job was cancelled."""


class JobRunner:
    """Starts and cancels jobs.

    Args:
        command: The connector's command.
        workspace: The connections and their settings.
        store: Where jobs are written down.
    """

    def __init__(self, command: list[str], workspace: Workspace, store: Store) -> None:
        self._command = command
        self._workspace = workspace
        self._store = store
        self._running: dict[int, _RunningJob] = {}

    def start(self, connection: Connection) -> Job:
        """Start a sync.

        Raises:
            JobRunningError: The connection has a job that is not finished.
        """
        job = self._store.start_job(connection.id)
        running = _RunningJob(job)
        self._running[job.job_id] = running
        running.thread = threading.Thread(
            target=self._run, args=(running, connection), name=f"job-{job.job_id}", daemon=True
        )
        running.thread.start()
        return job

    def cancel(self, job_id: int) -> None:
        """End a job, if it still runs, and wait until it has ended. What it committed stays."""
        running = self._running.get(job_id)
        if running is not None:
            running.cancel("cancelled")
            running.join(_CANCEL_SECONDS)

    def cancel_of(self, connection_id: str) -> None:
        """End the job of a connection, if one runs."""
        for running in list(self._running.values()):
            if running.job.connection_id == connection_id:
                self.cancel(running.job.job_id)

    def stop(self) -> None:
        """End all jobs as failed, because the server stops."""
        alive = list(self._running.values())
        for running in alive:
            running.cancel("failed")
        for running in alive:
            running.join(_STOP_SECONDS)

    def _run(self, running: "_RunningJob", connection: Connection) -> None:
        try:
            status, failures = self._sync(running, connection)
        except _CancelledError:
            status, failures = running.end_as, []
            if status == "failed":
                failures = [SyncFailure("airbyte_platform", "system_error", LOST_JOB)]
        except (ProtocolError, LoadError, RefusedError, OSError) as error:
            status, failures = "failed", [SyncFailure("replication", "system_error", str(error))]
        except Exception as error:  # noqa: BLE001 - the job failed, whatever it was; say so
            message = f"{type(error).__name__}: {error}"
            status, failures = "failed", [SyncFailure("destination", "system_error", message)]
        failures = [*failures, *running.failures()] if status == "failed" else failures
        for failure in failures:
            _log.warning("job %d failed: %s", running.job.job_id, failure.message)
        self._store.update(
            running.job,
            status=status,
            rows=running.total("committed"),
            size=running.total("emitted_bytes"),
            attempt={
                "failures": [asdict(failure) for failure in failures],
                "streams": running.stream_counts(),
                "log": running.log.lines(),
            },
        )
        self._running.pop(running.job.job_id, None)

    def _sync(
        self, running: "_RunningJob", connection: Connection
    ) -> tuple[str, list[SyncFailure]]:
        destination = self._workspace.get(Destination, connection.destination_id)
        target = snowflake_target(destination.configuration)
        streams = self._workspace.streams(connection)
        warehouse = Warehouse(target, connection.id, running.job.job_id)
        try:
            warehouse.prepare(streams)
            with sync_folder() as folder:
                sync = Sync(streams, Path(folder), warehouse.load, running.log)
                running.sync = sync
                try:
                    return self._read(running, connection, warehouse.states(), sync)
                finally:
                    sync.close()
        finally:
            warehouse.close()

    def _read(
        self,
        running: "_RunningJob",
        connection: Connection,
        states: dict[str, str],
        sync: Sync,
    ) -> tuple[str, list[SyncFailure]]:
        source = self._workspace.get(Source, connection.source_id)
        streams = [progress.stream for progress in sync.progress.values()]
        run = ConnectorRun(
            self._command,
            self._workspace.definition_of(source).manifest,
            source.configuration,
            {"streams": [stream.configured() for stream in streams]},
            [
                stream_state(stream.name, states[stream.name])
                for stream in streams
                if stream.is_incremental and stream.name in states
            ],
        )
        try:
            running.attach(run.stop)
            for line in run.lines():
                sync.take(line)
            running.raise_if_cancelled()
            sync.finish()
            return _outcome(run, sync)
        except ProtocolError:
            running.raise_if_cancelled()
            raise
        finally:
            run.close()


class _RunningJob:
    """What the server knows of a job that runs."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.log = JobLog()
        self.thread: threading.Thread | None = None
        self.sync: Sync | None = None
        self.end_as = ""
        self._lock = threading.Lock()
        self._stop: Callable[[], None] | None = None

    def attach(self, stop: Callable[[], None]) -> None:
        """Tell how to stop the connector; stops it at once if the job was cancelled before."""
        with self._lock:
            self._stop = stop
        self.raise_if_cancelled()

    def cancel(self, end_as: str) -> None:
        """Stop the connector; the job then ends with the given status."""
        with self._lock:
            self.end_as = self.end_as or end_as
            if self._stop is not None:
                self._stop()

    def raise_if_cancelled(self) -> None:
        """Leave the job if it was cancelled."""
        if self.end_as:
            raise _CancelledError

    def join(self, seconds: float) -> None:
        """Wait until the job has ended, at most so many seconds."""
        if self.thread is not None:
            self.thread.join(seconds)

    def failures(self) -> list[SyncFailure]:
        """What the connector itself reported."""
        return self.sync.failures if self.sync else []

    def total(self, counter: str) -> int:
        """The sum of a counter over all streams."""
        progress = self.sync.progress.values() if self.sync else ()
        return sum(int(getattr(each, counter)) for each in progress)

    def stream_counts(self) -> list[dict[str, Any]]:
        """The counters of each stream."""
        return [
            {
                "stream": name,
                "emitted": found.emitted,
                "committed": found.committed,
                "bytes": found.emitted_bytes,
                "states": found.states,
            }
            for name, found in (self.sync.progress.items() if self.sync else ())
        ]


def _outcome(run: ConnectorRun, sync: Sync) -> tuple[str, list[SyncFailure]]:
    """Succeeded, if the connector says so in every way that it can."""
    incomplete = sync.incomplete()
    if run.exit_code == 0 and not incomplete:
        return "succeeded", []
    if sync.failures:
        return "failed", []
    reason = f"The connector ended with exit code {run.exit_code}"
    if incomplete:
        reason += f" before these streams were complete: {', '.join(incomplete)}"
    if errors := run.error_output():
        reason += f". Its last words: {errors}"
    return "failed", [SyncFailure("source", "system_error", reason)]
