"""When the stream runs: single moments, then every tick of a year against another calendar."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import pandas as pd
import pandas_market_calendars as pmc
import pytest

from polygon_assets.defs.ticks.control import (
    BEFORE_OPEN,
    LATE_BARS,
    producer_step,
    session_complete,
    stream_window,
)
from polygon_assets.sessions import current_or_previous_session, session
from polygon_assets.settings import StreamHours

HOURS: list[StreamHours] = ["regular", "extended"]
YEAR = 2025
"""Three half days, both changes of the clocks, and a day of mourning that no rule foresees."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def wanted(now: datetime, hours: StreamHours) -> bool:
    return stream_window(current_or_previous_session(now), hours).contains(now)


@pytest.mark.parametrize(
    ("now", "regular", "extended"),
    [
        ("2005-02-28T03:49:59-05:00", False, False),
        ("2005-02-28T03:50:00-05:00", False, True),
        ("2005-02-28T09:19:59-05:00", False, True),
        ("2005-02-28T09:20:00-05:00", True, True),
        ("2005-02-28T16:15:29-05:00", True, True),
        ("2005-02-28T16:15:30-05:00", False, True),
        ("2005-02-28T20:15:29-05:00", False, True),
        ("2005-02-28T20:15:30-05:00", False, False),
        ("2005-02-26T11:00:00-05:00", False, False),  # Saturday
        ("2005-02-21T11:00:00-05:00", False, False),  # Presidents' Day
        ("2012-11-23T13:15:29-05:00", True, True),  # half day
        ("2012-11-23T13:15:30-05:00", False, True),
        ("2012-11-23T17:15:29-05:00", False, True),
        ("2012-11-23T17:15:30-05:00", False, False),
        ("2012-10-29T11:00:00-04:00", False, False),  # hurricane
        ("2025-01-09T11:00:00-05:00", False, False),  # day of mourning
    ],
)
def test_hours(now: str, regular: bool, extended: bool) -> None:
    assert (wanted(at(now), "regular"), wanted(at(now), "extended")) == (regular, extended)


def test_session_is_complete_when_late_bars_are_in() -> None:
    day = session(date(2005, 2, 28))
    assert not session_complete(at("2005-02-28T16:15:00-05:00"), day, "regular", 0)
    assert not session_complete(at("2005-02-28T16:16:00-05:00"), day, "regular", 1)
    assert session_complete(at("2005-02-28T16:16:00-05:00"), day, "regular", 0)
    assert not session_complete(at("2005-02-28T16:16:00-05:00"), day, "extended", 0)
    assert session_complete(at("2005-02-28T20:16:00-05:00"), day, "extended", 0)


@pytest.mark.parametrize(
    ("wants", "desired", "stopping", "count"),
    [
        (True, 0, 0, 1),
        (True, 1, 0, None),
        (False, 1, 0, 0),
        (False, 0, 0, None),
        (False, 0, 1, None),
        (True, 0, 1, None),  # the one before would run beside it
        (True, 1, 1, None),
        (True, 2, 0, 1),  # somebody asked for two
    ],
)
def test_producer_step(wants: bool, desired: int, stopping: int, count: int | None) -> None:
    assert producer_step(wants, desired, stopping).count == count


# ---- a whole year, against pandas_market_calendars


@lru_cache
def oracle(hours: StreamHours) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Start and end of the stream for every session of the year, from another calendar."""
    edges = {"regular": ("market_open", "market_close"), "extended": ("pre", "post")}[hours]
    nyse = pmc.get_calendar("NYSE")
    schedule = nyse.schedule(f"{YEAR}-01-01", f"{YEAR}-12-31", market_times=list(edges))
    return [
        (opens - BEFORE_OPEN, closes + LATE_BARS)
        for opens, closes in zip(schedule[edges[0]], schedule[edges[1]], strict=True)
    ]


def ticks(hours: StreamHours) -> Iterator[datetime]:
    """Every five minutes of the year; every half minute within ten minutes of an edge."""
    edges = sorted(edge.to_pydatetime() for pair in oracle(hours) for edge in pair)
    now = datetime(YEAR, 1, 1, 6, tzinfo=UTC)
    while now < datetime(YEAR + 1, 1, 1, 6, tzinfo=UTC):
        yield now
        while edges and edges[0] < now - timedelta(minutes=10):
            edges.pop(0)
        near = bool(edges) and abs(edges[0] - now) <= timedelta(minutes=15)
        now += timedelta(seconds=30) if near else timedelta(minutes=5)


@pytest.mark.parametrize("hours", HOURS)
def test_every_tick_of_a_year(hours: StreamHours) -> None:
    """The sensor's loop on a frozen clock: what it changes, and when."""
    desired, changes = 0, []
    count = 0
    for now in ticks(hours):
        count += 1
        step = producer_step(wanted(now, hours), desired, 0)
        if step.count is not None:
            changes.append((now, step.count))
            desired = step.count
    expected = [(edge, run) for start, end in oracle(hours) for edge, run in ((start, 1), (end, 0))]
    assert count > 110_000
    assert len(changes) == len(expected) == 2 * 250, "one start and one stop a session, no flapping"
    for (changed, run), (edge, should) in zip(changes, expected, strict=True):
        assert run == should
        assert edge <= changed < edge + timedelta(seconds=30), (
            f"{changed} is not the tick of {edge}"
        )


def test_the_year_has_what_it_is_chosen_for() -> None:
    days = {start.tz_convert("America/New_York").date() for start, _ in oracle("regular")}
    lengths = {(end - start) for start, end in oracle("regular")}
    assert date(2025, 1, 9) not in days
    assert len(lengths) == 2, "full days and half days"
    opens = {start.tz_convert("UTC").time() for start, _ in oracle("regular")}
    assert len(opens) == 2, "winter and summer"


@pytest.mark.parametrize("year", range(2007, 2027))
def test_every_session_of_twenty_years(year: int) -> None:
    schedule = pmc.get_calendar("NYSE").schedule(
        f"{year}-01-01",
        f"{year}-12-31",
        market_times=["pre", "market_open", "market_close", "post"],
    )
    for day, row in schedule.iterrows():
        one = session(pd.Timestamp(str(day)).date())
        regular, extended = stream_window(one, "regular"), stream_window(one, "extended")
        assert (regular.start, regular.end) == (
            row["market_open"] - BEFORE_OPEN,
            row["market_close"] + LATE_BARS,
        )
        assert (extended.start, extended.end) == (row["pre"] - BEFORE_OPEN, row["post"] + LATE_BARS)
