"""Jobs, so that they outlive the server."""

import sqlite3
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from polygon_assets.sandbox.airbyte.database import Database, Row

LOST_JOB = "The sandbox's Airbyte stopped while this job was running; start the sync again."

_SCHEMA = """
create table if not exists jobs (
    job_id integer primary key autoincrement,
    connection_id text not null,
    status text not null,
    started_at text not null,
    updated_at text not null,
    rows integer not null default 0,
    bytes integer not null default 0,
    attempt text not null default '{}'
);
create unique index if not exists one_running_job
    on jobs (connection_id) where status = 'running';
"""


class JobRunningError(Exception):
    """The connection has a job that is not finished."""


@dataclass(frozen=True)
class Job:
    """One sync of one connection.

    Attributes:
        job_id: Number, counted from 1.
        connection_id: The connection.
        status: running, succeeded, failed or cancelled.
        started_at: UTC.
        updated_at: UTC; the end, once it is finished.
        rows: Records that the warehouse committed.
        bytes: Size of the records, as the connector printed them.
        attempt: ``failures`` (a list of origin, kind, message, stream), ``streams`` (counts) and
            ``log`` (lines).
    """

    job_id: int
    connection_id: str
    status: str
    started_at: datetime
    updated_at: datetime
    rows: int = 0
    bytes: int = 0
    attempt: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status != "running"


class Store:
    """Every job that there was. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(_SCHEMA)

    def fail_lost_jobs(self) -> int:
        """Fail the jobs that were running when an earlier server ended; returns how many."""
        lost = [job for job in self.jobs() if not job.finished]
        failure = {"origin": "airbyte_platform", "kind": "system_error", "message": LOST_JOB}
        for job in lost:
            self.update(job, status="failed", attempt={"failures": [failure]})
        return len(lost)

    def start_job(self, connection_id: str) -> Job:
        """Add a running job.

        Raises:
            JobRunningError: The connection has one already.
        """
        now = _now().isoformat()
        try:
            rows = self._database.execute(
                "insert into jobs (connection_id, status, started_at, updated_at)"
                " values (?, 'running', ?, ?) returning *",
                (connection_id, now, now),
            )
        except sqlite3.IntegrityError as error:
            raise JobRunningError(connection_id) from error
        return _job(rows[0])

    def update(
        self,
        job: Job,
        *,
        status: str | None = None,
        rows: int | None = None,
        size: int | None = None,
        attempt: dict[str, Any] | None = None,
    ) -> Job:
        """Save what changed and return the job as it is after that."""
        changed = replace(
            job,
            status=job.status if status is None else status,
            rows=job.rows if rows is None else rows,
            bytes=job.bytes if size is None else size,
            attempt=job.attempt if attempt is None else attempt,
            updated_at=_now(),
        )
        self._database.execute(
            "update jobs set status = ?, rows = ?, bytes = ?, attempt = ?, updated_at = ?"
            " where job_id = ?",
            (
                changed.status,
                changed.rows,
                changed.bytes,
                msgspec.json.encode(changed.attempt).decode(),
                changed.updated_at.isoformat(),
                changed.job_id,
            ),
        )
        return changed

    def job(self, job_id: int) -> Job | None:
        """The job with this number, if there is one."""
        rows = self._database.execute("select * from jobs where job_id = ?", (job_id,))
        return _job(rows[0]) if rows else None

    def jobs(self) -> list[Job]:
        """All jobs, the latest first, without their attempts: the logs in them are long."""
        rows = self._database.execute(
            "select job_id, connection_id, status, started_at, updated_at, rows, bytes, '{}'"
            " from jobs order by job_id desc"
        )
        return [_job(row) for row in rows]


def _job(row: Row) -> Job:
    job_id, connection_id, status, started_at, updated_at, rows, size, attempt = row
    return Job(
        job_id=job_id,
        connection_id=connection_id,
        status=status,
        started_at=datetime.fromisoformat(started_at),
        updated_at=datetime.fromisoformat(updated_at),
        rows=rows,
        bytes=size,
        attempt=msgspec.json.decode(attempt, type=dict[str, Any]),
    )


def _now() -> datetime:
    return datetime.now(UTC)
