"""What went wrong, and what is right again, since the last look at Dagster's event log.

Three cursors, so three small queries a look, however many checks there are: runs that failed, runs
that succeeded, and events outside of runs (checks that sensors report, changes of freshness). The
checks of a run are read once, when the run has ended.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.event_api import EventLogCursor
from dagster._core.events import DagsterEventType, JobFailureData
from dagster._core.instance.utils import RUNLESS_RUN_ID
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG as LAST_TAG
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_START_TAG as FIRST_TAG
from dagster._core.storage.tags import PARTITION_NAME_TAG, WILL_RETRY_TAG
from pydantic import BaseModel

from polygon_assets.alerts.runbook import NOT_FRESH, RUN_FAILED, entry_of_check
from polygon_assets.foreign_text import one_line

MOST_AT_ONCE = 50
"""Runs, and events outside of runs, that one look reads; the next look goes on from there."""

MOST_CHARACTERS = 240
"""Of a reason: a message is read on a telephone, and the rest is one link away."""

_OUTSIDE_OF_RUNS = {
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.FRESHNESS_STATE_CHANGE,
}
_BEFORE_EVERYTHING = EventLogCursor.from_storage_id(-1).to_string()


class Cursors(BaseModel):
    """How far the event log was read."""

    failures: str
    successes: str
    outside: str


class Problem(BaseModel, frozen=True):
    """Something that a person should look at.

    Attributes:
        name: Of the problem, the same as long as it is the same one, without its sessions.
        title: What is wrong, in a few words.
        reason: Why, as far as it is known.
        path: Where Dagster's UI shows it.
        entry: The runbook's entry.
        first: First session that it is about; empty where it is about no sessions.
        last: The last one.
    """

    name: str
    title: str
    reason: str = ""
    path: str = ""
    entry: str = ""
    first: str = ""
    last: str = ""

    @property
    def key(self) -> str:
        """The name with the sessions."""
        return f"{self.name} {self.first} {self.last}".rstrip()

    def covers(self, other: "Problem") -> bool:
        """Whether what is right here makes another one right: the same, of no more sessions."""
        if self.name != other.name:
            return False
        return not self.first or (
            bool(other.first) and self.first <= other.first <= other.last <= self.last
        )


@dataclass(frozen=True)
class Change:
    """A problem that came up, or one that is over.

    Attributes:
        at: When, seconds since 1970.
        problem: Which one.
        over: Whether it is over.
    """

    at: float
    problem: Problem
    over: bool


def newest(instance: dg.DagsterInstance) -> Cursors:
    """Cursors behind everything that has happened."""
    outside = instance.get_records_for_run(
        RUNLESS_RUN_ID, of_type=_OUTSIDE_OF_RUNS, limit=1, ascending=False
    )
    return Cursors(
        failures=_newest_run(instance, DagsterEventType.RUN_FAILURE),
        successes=_newest_run(instance, DagsterEventType.RUN_SUCCESS),
        outside=outside.cursor if outside.records else _BEFORE_EVERYTHING,
    )


def read(instance: dg.DagsterInstance, since: Cursors) -> tuple[list[Change], Cursors]:
    """What has changed since, in the order in which it happened, and how far it was read."""
    failures = instance.fetch_run_status_changes(
        DagsterEventType.RUN_FAILURE, MOST_AT_ONCE, since.failures, ascending=True
    )
    successes = instance.fetch_run_status_changes(
        DagsterEventType.RUN_SUCCESS, MOST_AT_ONCE, since.successes, ascending=True
    )
    outside = instance.get_records_for_run(
        RUNLESS_RUN_ID, since.outside, of_type=_OUTSIDE_OF_RUNS, limit=MOST_AT_ONCE
    )
    ended = [record.event_log_entry for record in (*failures.records, *successes.records)]
    changes = [*_of_runs(instance, ended), *_of_events(outside.records, "", "")]
    reached = Cursors(
        failures=failures.cursor,
        successes=successes.cursor,
        outside=outside.cursor if outside.records else since.outside,
    )
    return sorted(changes, key=lambda change: change.at), reached


def _newest_run(instance: dg.DagsterInstance, event_type: DagsterEventType) -> str:
    return instance.fetch_run_status_changes(event_type, limit=1).cursor


def _of_runs(instance: dg.DagsterInstance, ended: Sequence[dg.EventLogEntry]) -> Iterator[Change]:
    ids = list(dict.fromkeys(entry.run_id for entry in ended))
    found = instance.get_runs(dg.RunsFilter(run_ids=ids)) if ids else []
    runs = {run.run_id: run for run in found}
    for entry in ended:
        run = runs.get(entry.run_id)
        if run is None:  # deleted meanwhile
            continue
        first = run.tags.get(PARTITION_NAME_TAG) or run.tags.get(FIRST_TAG, "")
        last = run.tags.get(PARTITION_NAME_TAG) or run.tags.get(LAST_TAG, "")
        failed = entry.dagster_event_type == DagsterEventType.RUN_FAILURE
        if not (failed and run.tags.get(WILL_RETRY_TAG) == "true"):
            problem = _run_problem(run, entry, first, last)
            yield Change(entry.timestamp, problem, over=not failed)
        checks = instance.get_records_for_run(
            run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION
        )
        yield from _of_events(checks.records, first, last)


def _run_problem(run: dg.DagsterRun, entry: dg.EventLogEntry, first: str, last: str) -> Problem:
    """A run's problem is its job's, and for runs that were asked for by hand its assets'."""
    name = run.job_name
    if name.startswith("__"):
        chosen = sorted(key.to_user_string() for key in run.asset_selection or ())
        name = ", ".join(chosen[:3]) + (f" and {len(chosen) - 3} more" if len(chosen) > 3 else "")
    return Problem(
        name=f"run of {name}",
        title=f"Run failed: {name}",
        reason=_reason_of(entry),
        path=f"/runs/{run.run_id}",
        entry=RUN_FAILED,
        first=first,
        last=last,
    )


def _reason_of(entry: dg.EventLogEntry) -> str:
    """The error of the step that failed first, in its own words, else Dagster's."""
    event = entry.dagster_event
    data = event.event_specific_data if event else None
    step = data.first_step_failure_event if isinstance(data, JobFailureData) else None
    if step is not None and (error := step.step_failure_data.error) is not None:
        return _short((error.cause or error).message)
    return _short(event.message if event and event.message else "")


def _of_events(records: Sequence[Any], first: str, last: str) -> Iterator[Change]:
    """The changes of checks and of freshness."""
    for record in records:
        entry: dg.EventLogEntry = record.event_log_entry
        event = entry.dagster_event
        if event is None:
            continue
        if entry.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            failed = not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR
            session = evaluation.partition or ""
            problem = _check_problem(evaluation, session or first, session or last)
            yield Change(entry.timestamp, problem, over=not failed)
        else:
            change = event.asset_freshness_state_change_data
            if change.new_state in (FreshnessState.FAIL, FreshnessState.PASS):
                fresh = change.new_state == FreshnessState.PASS
                yield Change(entry.timestamp, _freshness_problem(change.key), over=fresh)


def _check_problem(evaluation: dg.AssetCheckEvaluation, first: str, last: str) -> Problem:
    asset, name = evaluation.asset_key.to_user_string(), evaluation.check_name
    return Problem(
        name=f"check {name} of {asset}",
        title=f"Check failed: {name} of {asset}",
        reason=_short(evaluation.description or ""),
        path=f"/assets/{asset}?view=checks&checkDetail={name}",
        entry=entry_of_check(name),
        first=first,
        last=last,
    )


def _freshness_problem(key: dg.AssetKey) -> Problem:
    asset = key.to_user_string()
    return Problem(
        name=f"freshness of {asset}",
        title=f"Not fresh: {asset}",
        reason="Nothing has materialized it for longer than its freshness policy allows.",
        path=f"/assets/{asset}",
        entry=NOT_FRESH,
    )


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"
