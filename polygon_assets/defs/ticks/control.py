"""When the stream runs: decisions without side effects.

The producer runs from ten minutes before the open until the last late bar, which the vendor may
send fifteen minutes after the close. Half days close early by themselves: the times come from the
calendar.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from polygon_assets.sessions import Session

BEFORE_OPEN = timedelta(minutes=10)
LATE_BARS = timedelta(minutes=15, seconds=30)

BREACHES_BEFORE_RESTART = 3
MAX_LAG = 100_000
"""Messages: half a minute of the whole market's peak, far above a healthy sink's backlog."""


@dataclass(frozen=True)
class DesiredCounts:
    """How many tasks each service of the stream should run."""

    producer: int
    sink: int


def producer_wanted(now: datetime, session: Session) -> bool:
    """Whether the producer should run at ``now`` for the session of that day."""
    return session.open_at - BEFORE_OPEN <= now < session.close_at + LATE_BARS


def desired_counts(now: datetime, session: Session, lag: int) -> DesiredCounts:
    """What should run at ``now``.

    Args:
        now: The market's clock, UTC.
        session: The session of the day, or the last one before it.
        lag: Messages that the sink has not settled; it runs on until there are none.
    """
    producer = producer_wanted(now, session)
    return DesiredCounts(producer=int(producer), sink=int(producer or lag > 0))


def session_complete(now: datetime, session: Session, lag: int) -> bool:
    """Whether the session is over and everything it sent can be queried."""
    return now >= session.close_at + LATE_BARS and lag == 0


@dataclass(frozen=True)
class LagVerdict:
    """What the lag of one look means, given the looks before."""

    breaches: int
    restart: bool


def judge_lag(lag: int, breaches_before: int) -> LagVerdict:
    """Count looks in a row with too much lag; ask for one restart after the third.

    The count starts again after a restart, which gives the sink time to catch up.
    """
    if lag <= MAX_LAG:
        return LagVerdict(0, restart=False)
    breaches = breaches_before + 1
    if breaches >= BREACHES_BEFORE_RESTART:
        return LagVerdict(0, restart=True)
    return LagVerdict(breaches, restart=False)
