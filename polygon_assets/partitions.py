"""The session partitions: one partition per NYSE session, keyed by its New York date.

Nothing is partitioned more finely: the hours of a session are rebuilt together, and minutes are
more keys than Dagster shows. Reference data is a snapshot per session like everything else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import dagster as dg

from polygon_assets.sessions import (
    NEW_YORK,
    first_session,
    is_session,
    last_session,
    sessions_between,
    weekday_closures,
)


class SessionPartitions(dg.DailyPartitionsDefinition):
    """Daily partitions that take their keys from the calendar.

    Dagster asks for all of them at each check of a run without a partition, and would count
    through twenty years of days every time.
    """

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: Any = None
    ) -> Sequence[str]:
        """The keys up to a time, ascending; now, if none is given."""
        with dg.partition_loading_context(current_time, dynamic_partitions_store):
            last = self.get_last_partition_key()
        if last is None:
            return []
        return [str(day) for day in sessions_between(first_session(), date.fromisoformat(last))]


NYSE_SESSIONS = SessionPartitions(
    start_date=first_session().isoformat(),
    # The calendar's end: beyond it nobody knows the holidays. Fixed, so that the definition is the
    # same every day and in every deployment.
    end_date=(last_session() + timedelta(days=1)).isoformat(),
    timezone=NEW_YORK.key,
    # Today's session is a valid key during the day: the stream writes to it. On closed days the
    # newest key is then the *next* session, so nobody asks Dagster for "the latest partition":
    # the calendar is asked, and the key is passed explicitly.
    end_offset=1,
    exclusions=["0 0 * * 6,0", *(datetime.combine(day, time()) for day in weekday_closures())],
)


def earlier_sessions(count: int) -> dg.TimeWindowPartitionMapping:
    """The mapping of what reads the ``count`` sessions before its own: 1 = the previous session.

    It counts partitions, so weekends and holidays do not count.
    """
    return dg.TimeWindowPartitionMapping(start_offset=-count, end_offset=-1)


SESSION_TAG = "market/session"
"""Tag of a run that is about one session, partitioned or not; Dagster's own tags say who asked."""

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class SessionWindow:
    """The sessions of one run, from ``first`` to ``last``, both included."""

    first: date
    last: date

    @property
    def sessions(self) -> list[date]:
        """The sessions in the window, ascending."""
        return sessions_between(self.first, self.last)

    @property
    def first_day(self) -> date:
        """The first of the closed days right before the window, or its first session.

        News and filings come on closed days, too: they belong to the session that follows.
        """
        before = sessions_between(first_session(), self.first - timedelta(days=1))
        return before[-1] + timedelta(days=1) if before else self.first

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


EVERY_SESSION = SessionWindow(first_session(), last_session())


def chosen_window(tags: Mapping[str, str]) -> SessionWindow:
    """The sessions of a run that reads from the vendor, which nobody wants for every session.

    Raises:
        ValueError: The run has no partition, or one that is not a session.
    """
    if PARTITION_TAG not in tags and RANGE_START_TAG not in tags:
        raise ValueError("the run has no partition: choose the sessions to load.")
    return run_window(tags)


def run_window(tags: Mapping[str, str]) -> SessionWindow:
    """The sessions that a run is about: its partition, its range, or every session.

    Raises:
        ValueError: A key that is not a session, which Dagster accepts silently as an end of a
            range; half a range, or one that ends before it starts.
    """
    first = tags.get(PARTITION_TAG) or tags.get(RANGE_START_TAG)
    last = tags.get(PARTITION_TAG) or tags.get(RANGE_END_TAG)
    if first is None and last is None:
        return EVERY_SESSION
    if first is None or last is None:
        raise ValueError(f"the range {first or '?'} to {last or '?'} lacks an end: give both.")
    window = SessionWindow(_session_of(first), _session_of(last))
    if window.last < window.first:
        raise ValueError(f"the range {window} ends before it starts: swap its ends.")
    return window


def _session_of(key: str) -> date:
    try:
        day = date.fromisoformat(key)
    except ValueError:
        raise ValueError(f"partition {key!r} is not a date: write it as in 2005-02-28.") from None
    if not is_session(day):
        raise ValueError(f"partition {day} is not an NYSE session: choose a trading day.")
    return day


def request_session(
    context: dg.ScheduleEvaluationContext, purpose: str, *, days_before: int = 0
) -> dg.RunRequest | dg.SkipReason:
    """What a schedule asks for: the session of its tick's New York date, or of a day before it.

    Args:
        context: Of the tick.
        purpose: In front of the run key, so that each schedule asks once for each session.
        days_before: How many days before the tick; on Saturdays one day before is Friday.

    Returns:
        The request for that session's partition; a reason to skip where the day is no session.
    """
    tick = context.scheduled_execution_time.astimezone(NEW_YORK)
    day = tick.date() - timedelta(days=days_before)
    if not is_session(day):
        return dg.SkipReason(f"{day} is not an NYSE session")
    return dg.RunRequest(
        run_key=f"{purpose}-{day}", partition_key=str(day), tags={SESSION_TAG: str(day)}
    )
