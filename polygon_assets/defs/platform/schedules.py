"""What runs after every session: the session's assets, then the question whether they came."""

from datetime import datetime

import dagster as dg

from polygon_assets.defs.platform.due import (
    AGAIN_HOURS,
    Cadence,
    asked_again,
    is_over,
    look_at,
)
from polygon_assets.defs.platform.freshness import missing_of
from polygon_assets.partitions import SESSION_TAG, request_session
from polygon_assets.policies import SCHEDULE_STATUS
from polygon_assets.sessions import NEW_YORK, session

SESSION_JOB = "session"
FRESHNESS_JOB = "session_freshness"


@dg.schedule(
    job_name=SESSION_JOB,
    # An hour and a half after the close of a half day, and of a full day.
    cron_schedule=["30 14 * * 1-5", "30 17 * * 1-5"],
    execution_timezone=NEW_YORK.key,
    default_status=SCHEDULE_STATUS,
    description="The session of the day, an hour and a half after its close.",
)
def after_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for the session of the tick's New York date; the calendar says whether there is one.

    The second tick of a half day asks for the same run, which Dagster then has already.

    A vendor plan with end-of-day data publishes the official bar after midnight only. The run then
    fails and names the missing session; `late_data` asks again the next morning.
    """
    now = context.scheduled_execution_time
    day = now.astimezone(NEW_YORK).date()
    request = request_session(context, "session")
    if isinstance(request, dg.RunRequest) and not is_over(session(day), now):
        closes = session(day).close_at.astimezone(NEW_YORK)
        return dg.SkipReason(f"{day} closes at {closes:%H:%M}, and is asked for later")
    return request


def late_data_schedule(computed: list[dg.AssetKey], evening: Cadence) -> dg.ScheduleDefinition:
    """The schedule that asks again for what a session still lacks.

    Args:
        computed: The assets of the session's run.
        evening: When they are due.
    """

    @dg.schedule(
        name="late_data",
        job_name=SESSION_JOB,
        cron_schedule=f"0 {','.join(str(hour) for hour in sorted(AGAIN_HOURS))} * * *",
        execution_timezone=NEW_YORK.key,
        default_status=SCHEDULE_STATUS,
        description="Asks again for what the session that is due still lacks, until the evening "
        "of the next day.",
    )
    def late_data(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time
        due = asked_again(now, evening)
        if due is None:
            return dg.SkipReason("the last session has been asked for often enough")
        day = str(due.session_date)
        if _under_way(context.instance, day):
            return dg.SkipReason(f"a run of session {day} is under way")
        missing = missing_of(context.instance, computed, day)
        if not missing:
            return dg.SkipReason(f"session {day} is whole")
        return dg.RunRequest(
            run_key=f"late-{day}-{now.astimezone(NEW_YORK):%Y-%m-%dT%H}",
            partition_key=day,
            asset_selection=_with_all_above(context, missing, computed),
            tags={SESSION_TAG: day},
        )

    return late_data


def _under_way(instance: dg.DagsterInstance, day: str) -> bool:
    status = dg.DagsterRunStatus
    pending = [status.QUEUED, status.NOT_STARTED, status.STARTING, status.STARTED]
    found = dg.RunsFilter(job_name=SESSION_JOB, tags={SESSION_TAG: day}, statuses=pending)
    return instance.get_runs_count(found) > 0


def _with_all_above(
    context: dg.ScheduleEvaluationContext,
    missing: list[dg.AssetKey],
    computed: list[dg.AssetKey],
) -> list[dg.AssetKey]:
    """The missing assets and what they are made from: its checks may be why they are missing."""
    repository = context.repository_def
    assert repository is not None
    above = dg.AssetSelection.assets(*missing).upstream()
    return sorted(above.resolve(repository.asset_graph) & set(computed))


def freshness_schedule(known: dict[str, Cadence]) -> dg.ScheduleDefinition:
    """The schedule that looks whether the sessions that are due are present."""

    @dg.schedule(
        name="freshness",
        job_name=FRESHNESS_JOB,
        cron_schedule="0,30 * * * *",
        execution_timezone=NEW_YORK.key,
        default_status=SCHEDULE_STATUS,
        description="Looks as soon as a session is due, and every evening on closed days too.",
    )
    def freshness(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now: datetime = context.scheduled_execution_time
        reason = look_at(now, known)
        if not reason:
            return dg.SkipReason("no session has fallen due")
        return dg.RunRequest(
            run_key=f"freshness-{now.timestamp():.0f}", tags={"freshness/reason": reason}
        )

    return freshness
