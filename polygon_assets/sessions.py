"""The NYSE calendar as plain functions.

A *session* is a trading day, named by its New York date. The calendar is the seed
``dim_trading_session`` of the dbt project, so that Python and SQL cannot disagree. Here it counts
from 2003-09-10, the first day of the vendor's history, to 2030-12-31.
"""

import csv
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from polygon_assets.env import PROJECT_ROOT

NEW_YORK = ZoneInfo("America/New_York")
HISTORY_BEGINS = date(2003, 9, 10)
CALENDAR_FILE = PROJECT_ROOT / "dbt_polygon" / "seeds" / "dim_trading_session.csv"


class NotASessionError(ValueError):
    """A date on which the New York Stock Exchange does not trade, or outside the calendar."""

    def __init__(self, day: date) -> None:
        first, last = first_session(), last_session()
        super().__init__(
            f"{day} is not an NYSE session: choose a trading day between {first} and {last}."
        )


@dataclass(frozen=True)
class Session:
    """One trading day: its New York date and its opening and closing time in UTC."""

    session_date: date
    open_at: datetime
    close_at: datetime
    is_half_day: bool


@lru_cache(maxsize=1)
def _calendar() -> dict[date, Session]:
    with CALENDAR_FILE.open(newline="") as file:
        parsed = map(_parse, csv.DictReader(file))
        return {one.session_date: one for one in parsed if one.session_date >= HISTORY_BEGINS}


def _parse(row: dict[str, str]) -> Session:
    return Session(
        session_date=date.fromisoformat(row["session_date"]),
        open_at=datetime.fromisoformat(row["open_at"]).replace(tzinfo=UTC),
        close_at=datetime.fromisoformat(row["close_at"]).replace(tzinfo=UTC),
        is_half_day=row["is_half_day"] == "true",
    )


@lru_cache(maxsize=1)
def all_sessions() -> tuple[date, ...]:
    """Every session of the calendar, ascending."""
    return tuple(sorted(_calendar()))


def first_session() -> date:
    """The first session of the calendar."""
    return all_sessions()[0]


def last_session() -> date:
    """The last session of the calendar."""
    return all_sessions()[-1]


def is_session(day: date) -> bool:
    """Whether the exchange trades on this New York date."""
    return day in _calendar()


def session(day: date) -> Session:
    """The session of this New York date.

    Raises:
        NotASessionError: The exchange does not trade on that date.
    """
    try:
        return _calendar()[day]
    except KeyError:
        raise NotASessionError(day) from None


def sessions_between(first: date, last: date) -> list[date]:
    """The sessions from ``first`` to ``last``, both included."""
    days = all_sessions()
    return list(days[bisect_left(days, first) : bisect_right(days, last)])


def sessions_ending(last: date, count: int) -> list[date]:
    """``count`` consecutive sessions, the last of which is ``last``.

    Raises:
        NotASessionError: ``last`` is not a session.
        ValueError: The calendar holds fewer sessions before it.
    """
    days = all_sessions()
    end = bisect_right(days, session(last).session_date)
    if not 1 <= count <= end:
        raise ValueError(f"the calendar has {end} sessions up to {last}, not {count}")
    return list(days[end - count : end])


def current_or_previous_session(now: datetime) -> Session:
    """The session of the New York date of ``now``, or the last one before it."""
    days = all_sessions()
    index = bisect_right(days, now.astimezone(NEW_YORK).date()) - 1
    return _calendar()[days[max(index, 0)]]


def due_session(now: datetime, grace: timedelta) -> Session:
    """The newest session whose close is at least ``grace`` before ``now``.

    This is the session that must be complete by now: holidays, weekends and half days included.
    """
    found = current_or_previous_session(now)
    while found.close_at + grace > now:
        previous = bisect_left(all_sessions(), found.session_date) - 1
        found = _calendar()[all_sessions()[previous]]
    return found


def weekday_closures() -> list[date]:
    """The weekdays inside the calendar on which the exchange does not trade, ascending."""
    open_days = _calendar()
    span = (last_session() - first_session()).days + 1
    days = (first_session() + timedelta(days=n) for n in range(span))
    return [day for day in days if day.weekday() < 5 and day not in open_days]
