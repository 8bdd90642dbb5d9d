"""No false alarm and no missed session in the ten years that hold hurricane Sandy, and in ten more.

Pure functions over the calendar: every tick of the schedules, no run.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from orchestration.ticks import ticks

from polygon_assets.defs.platform.due import (
    AFTER_CLOSE,
    LOOK_EVERY,
    RUN_TAKES,
    cadences,
    is_over,
    look_at,
)
from polygon_assets.defs.ticks.control import stream_window
from polygon_assets.policies import MONTHLY_FRESHNESS, SESSION_FRESHNESS
from polygon_assets.sessions import Session, is_session, session, sessions_between
from polygon_assets.settings import StreamHours

DECADES = [("2009-01-01", "2019-01-01"), ("2020-01-01", "2030-01-01")]
FLAT_FILES_TAKE = timedelta(hours=2)

pytestmark = pytest.mark.xdist_group("ten_years")


def sessions(decade: tuple[str, str]) -> list[Session]:
    first, last = map(date.fromisoformat, decade)
    return [session(day) for day in sessions_between(first, last - timedelta(days=1))]


def asked_at(repository: Any, decade: tuple[str, str], name: str) -> dict[date, datetime]:
    """Session -> the first tick at which a schedule asks for it, by the product's own rules."""
    found: dict[date, datetime] = {}
    end = date.fromisoformat(decade[1])
    for tick in ticks(repository, name, decade[0], str(end + timedelta(days=2))):
        day = tick.date() - timedelta(days=0 if name == "after_close" else 1)
        if day < end and is_session(day) and (name != "after_close" or is_over(session(day), tick)):
            found.setdefault(day, tick)
    return found


def present_at(repository: Any, decade: tuple[str, str], hours: StreamHours) -> dict[str, Any]:
    """Cadence -> session -> when its assets are there at the latest if nothing goes wrong."""
    computed = asked_at(repository, decade, "after_close")
    files = asked_at(repository, decade, "flat_files_next_day")
    return {
        "evening": {day: tick + RUN_TAKES for day, tick in computed.items()},
        "stream": {
            one.session_date: stream_window(one, hours).end + RUN_TAKES for one in sessions(decade)
        },
        "next_day": {day: tick + FLAT_FILES_TAKE for day, tick in files.items()},
    }


@pytest.mark.parametrize("decade", DECADES)
@pytest.mark.parametrize("hours", ["regular", "extended"])
def test_no_false_alarm_on_any_day(
    repository: Any, decade: tuple[str, str], hours: StreamHours
) -> None:
    present = present_at(repository, decade, hours)
    known = cadences(hours)
    for name, cadence in known.items():
        for one in sessions(decade):
            due = one.close_at + cadence.grace
            assert present[name][one.session_date] <= due, (name, one)
            # Whatever the day of the week: at that moment, and not before, it is asked for.
            assert cadence.due(due).session_date == one.session_date
            assert cadence.due(due - timedelta(seconds=1)).session_date < one.session_date


@pytest.mark.parametrize("decade", DECADES)
def test_every_missed_session_is_seen_within_half_an_hour_of_its_grace(
    decade: tuple[str, str],
) -> None:
    for hours in ("regular", "extended"):
        known = cadences(hours)
        for name, cadence in known.items():
            for one in sessions(decade):
                due = one.close_at + cadence.grace
                look = half_hour_after(due)
                assert look - due < LOOK_EVERY
                assert f"session {one.session_date} is due ({name})" in look_at(look, known)
                assert cadence.due(look).session_date == one.session_date


def half_hour_after(moment: datetime) -> datetime:
    """The first full half hour that is not before a moment."""
    late = timedelta(minutes=moment.minute % 30, seconds=moment.second)
    return moment + (LOOK_EVERY - late if late else timedelta())


def test_there_is_a_tick_at_every_half_hour_when_the_clocks_change_too(repository: Any) -> None:
    found = list(ticks(repository, "freshness", "2025-01-01", "2026-01-01"))
    assert {after - before for before, after in pairwise(found)} == {LOOK_EVERY}
    assert {(tick.minute % 30, tick.second) for tick in found} == {(0, 0)}
    known = cadences("regular")
    looks = [tick for tick in found if look_at(tick, known)]
    assert 365 + 2 * 250 <= len(looks) <= 365 + 2 * 250 + 10, "no look without a reason"


def test_a_look_every_evening_and_at_each_deadline_of_a_week_with_a_half_day(
    repository: Any,
) -> None:
    known = cadences("regular")
    found = {
        f"{tick:%a %H:%M}": look_at(tick, known)
        for tick in ticks(repository, "freshness", "2025-11-26", "2025-11-30")
        if look_at(tick, known)
    }
    assert found == {
        # in UTC: New York is five hours behind
        "Wed 01:00": "it is evening",
        "Wed 22:00": "session 2025-11-25 is due (next_day)",
        "Wed 23:30": "session 2025-11-26 is due (evening); session 2025-11-26 is due (stream)",
        "Thu 01:00": "it is evening",
        "Thu 22:00": "session 2025-11-26 is due (next_day)",
        "Fri 01:00": "it is evening",
        "Fri 20:30": "session 2025-11-28 is due (evening); session 2025-11-28 is due (stream)",
        "Sat 01:00": "it is evening",
        "Sat 19:00": "session 2025-11-28 is due (next_day)",
    }


@pytest.mark.parametrize("decade", DECADES)
def test_the_session_is_asked_for_at_its_own_close_even_on_half_days(
    repository: Any, decade: tuple[str, str]
) -> None:
    asked = asked_at(repository, decade, "after_close")
    whole = sessions(decade)
    assert len(asked) == len(whole)
    assert {asked[one.session_date] - one.close_at for one in whole} == {AFTER_CLOSE}
    assert sum(one.is_half_day for one in whole) > 15


@pytest.mark.parametrize("decade", DECADES)
def test_native_policies_never_warn_while_the_schedules_run(
    repository: Any, decade: tuple[str, str]
) -> None:
    """The longest time between two materializations, the second one as late as it may be."""
    warn, fail = windows(SESSION_FRESHNESS)
    longest: dict[str, timedelta] = {}
    known = cadences("extended")
    first = {
        "evening": asked_at(repository, decade, "after_close"),
        "stream": {one.session_date: one.close_at for one in sessions(decade)},
        "next_day": asked_at(repository, decade, "flat_files_next_day"),
    }
    for name, made in first.items():
        longest[name] = max(
            session(after).close_at + known[name].grace - made[before]
            for before, after in pairwise(sorted(made))
        )
        assert longest[name] < warn < fail
    if decade[0] < "2012" < decade[1]:
        assert min(longest.values()) > timedelta(days=5), "hurricane Sandy"
        assert fail < max(longest.values()) + timedelta(hours=12), "not looser than it must be"


@pytest.mark.parametrize("decade", DECADES)
def test_reference_tables_are_made_more_often_than_their_policy_asks(
    decade: tuple[str, str],
) -> None:
    first, last = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in decade)
    months = [first]
    while months[-1] < last:
        months.append((months[-1] + timedelta(days=32)).replace(day=1))
    warn, fail = windows(MONTHLY_FRESHNESS)
    longest = max(after - before for before, after in pairwise(months)) + timedelta(hours=3)
    assert longest < warn < fail


def windows(policy: Any) -> tuple[timedelta, timedelta]:
    return policy.warn_window.to_timedelta(), policy.fail_window.to_timedelta()
