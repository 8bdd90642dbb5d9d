"""The calendar as functions."""

from datetime import UTC, date, datetime, timedelta

import pytest

from polygon_assets.sessions import (
    NotASessionError,
    all_sessions,
    current_or_previous_session,
    due_session,
    is_session,
    session,
    sessions_between,
    sessions_ending,
    weekday_closures,
)

GRACE = timedelta(hours=2, minutes=30)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_span_of_the_calendar() -> None:
    assert all_sessions()[0] == date(2003, 9, 10)
    assert all_sessions()[-1] == date(2030, 12, 31)


@pytest.mark.parametrize(
    "closed",
    ["2005-02-21", "2012-10-29", "2012-10-30", "2025-01-09", "2024-12-25", "2005-02-26"],
)
def test_closed_days_are_no_sessions(closed: str) -> None:
    assert not is_session(date.fromisoformat(closed))
    with pytest.raises(NotASessionError, match=closed):
        session(date.fromisoformat(closed))


def test_half_day_closes_early() -> None:
    half = session(date(2012, 11, 23))
    assert half.is_half_day
    assert half.close_at == at("2012-11-23T13:00:00-05:00")


@pytest.mark.parametrize(
    ("day", "opens"), [("2005-02-28", "14:30"), ("2005-04-04", "13:30"), ("2025-11-03", "14:30")]
)
def test_open_follows_daylight_saving(day: str, opens: str) -> None:
    assert session(date.fromisoformat(day)).open_at.strftime("%H:%M") == opens


def test_ten_sessions_skip_the_holiday() -> None:
    found = sessions_ending(date(2005, 2, 28), 10)
    assert found == sessions_between(date(2005, 2, 14), date(2005, 2, 28))
    assert len(found) == 10
    assert date(2005, 2, 21) not in found


def test_sessions_ending_refuses_what_the_calendar_lacks() -> None:
    with pytest.raises(ValueError, match="sessions up to 2003-09-11"):
        sessions_ending(date(2003, 9, 11), 3)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2025-11-26T18:29:00-05:00", "2025-11-25"),
        ("2025-11-26T18:31:00-05:00", "2025-11-26"),
        ("2025-11-27T20:00:00-05:00", "2025-11-26"),  # Thanksgiving
        ("2025-11-28T15:31:00-05:00", "2025-11-28"),  # half day
        ("2025-11-30T12:00:00-05:00", "2025-11-28"),  # Sunday
    ],
)
def test_due_session_follows_the_calendar(now: str, due: str) -> None:
    assert str(due_session(at(now), GRACE).session_date) == due


def test_current_session_is_of_the_new_york_date() -> None:
    after_midnight_utc = at("2005-02-28T22:00:00-05:00")
    assert after_midnight_utc.date() == date(2005, 3, 1)
    assert current_or_previous_session(after_midnight_utc).session_date == date(2005, 2, 28)


def test_weekday_closures_and_sessions_are_all_weekdays() -> None:
    closed = set(weekday_closures())
    assert date(2012, 10, 29) in closed
    assert not closed & set(all_sessions())
    span = (all_sessions()[-1] - all_sessions()[0]).days + 1
    weekdays = [all_sessions()[0] + timedelta(days=n) for n in range(span)]
    assert len(closed) + len(all_sessions()) == sum(day.weekday() < 5 for day in weekdays)
