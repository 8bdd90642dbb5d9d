"""When the stream runs."""

from datetime import UTC, date, datetime

import pytest

from polygon_assets.defs.ticks.control import (
    BREACHES_BEFORE_RESTART,
    MAX_LAG,
    DesiredCounts,
    desired_counts,
    judge_lag,
    session_complete,
)
from polygon_assets.sessions import current_or_previous_session, session


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "lag", "producer", "sink"),
    [
        ("2005-02-28T09:19:59-05:00", 0, 0, 0),
        ("2005-02-28T09:20:00-05:00", 0, 1, 1),
        ("2005-02-28T16:15:29-05:00", 5, 1, 1),
        ("2005-02-28T16:15:30-05:00", 5, 0, 1),
        ("2005-02-28T16:15:30-05:00", 0, 0, 0),
        ("2005-02-26T11:00:00-05:00", 0, 0, 0),  # Saturday
        ("2005-02-21T11:00:00-05:00", 0, 0, 0),  # Presidents' Day
        ("2012-11-23T13:15:00-05:00", 0, 1, 1),  # half day
        ("2012-11-23T13:16:00-05:00", 0, 0, 0),
        ("2012-10-29T11:00:00-04:00", 0, 0, 0),  # hurricane
    ],
)
def test_desired_counts(now: str, lag: int, producer: int, sink: int) -> None:
    moment = at(now)
    found = desired_counts(moment, current_or_previous_session(moment), lag)
    assert found == DesiredCounts(producer, sink)


def test_session_is_complete_when_late_bars_are_in() -> None:
    day = session(date(2005, 2, 28))
    assert not session_complete(at("2005-02-28T16:15:00-05:00"), day, 0)
    assert not session_complete(at("2005-02-28T16:16:00-05:00"), day, 1)
    assert session_complete(at("2005-02-28T16:16:00-05:00"), day, 0)


def test_lag_restarts_once_after_several_breaches_in_a_row() -> None:
    breaches, restarts = 0, []
    for _ in range(2 * BREACHES_BEFORE_RESTART):
        verdict = judge_lag(MAX_LAG + 1, breaches)
        breaches = verdict.breaches
        restarts.append(verdict.restart)
    assert restarts == [False, False, True, False, False, True]


def test_one_good_look_forgets_the_breaches() -> None:
    assert judge_lag(MAX_LAG, 2).breaches == 0
