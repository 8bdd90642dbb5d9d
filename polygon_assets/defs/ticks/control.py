"""When the stream runs: decisions without side effects.

In regular hours the producer runs from ten minutes before the open until the last late bar, which
the vendor may send fifteen minutes after the close. In extended hours it runs from ten minutes
before the pre-market's first trade (04:00 in New York) until the last late bar of the
post-market, which ends four hours after the close: 20:00, on half days 17:00. Holidays, half days
and the change of the clocks come from the calendar.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from polygon_assets.sessions import NEW_YORK, Session
from polygon_assets.settings import StreamHours

BEFORE_OPEN = timedelta(minutes=10)
LATE_BARS = timedelta(minutes=15, seconds=30)
PRE_MARKET_OPENS = time(4)
POST_MARKET = timedelta(hours=4)


@dataclass(frozen=True)
class StreamWindow:
    """The time in which the producer runs: from ``start`` up to but not including ``end``, UTC."""

    start: datetime
    end: datetime

    def contains(self, now: datetime) -> bool:
        """Whether the producer should run at ``now``."""
        return self.start <= now < self.end


def stream_window(session: Session, hours: StreamHours) -> StreamWindow:
    """When the producer runs for a session."""
    if hours == "regular":
        opens, closes = session.open_at, session.close_at
    else:
        first = datetime.combine(session.session_date, PRE_MARKET_OPENS, NEW_YORK)
        opens, closes = first.astimezone(UTC), session.close_at + POST_MARKET
    return StreamWindow(opens - BEFORE_OPEN, closes + LATE_BARS)


@dataclass(frozen=True)
class ProducerStep:
    """What to do about the producer at one look.

    Attributes:
        count: The desired count to set; None where nothing is to be done.
        reason: Why, in one sentence.
    """

    count: int | None
    reason: str


def producer_step(wanted: bool, desired: int, stopping: int) -> ProducerStep:
    """Compare what should run with what is asked to run.

    Args:
        wanted: Whether the market's hours ask for a producer.
        desired: Tasks that the service is asked to run.
        stopping: Its tasks that were told to stop and have not ended yet. ECS does not count them,
            so a producer that is started now would run beside them.
    """
    want = int(wanted)
    if desired == want:
        return ProducerStep(None, f"{want} of 1 producer is wanted, which is what runs")
    if want and stopping:
        return ProducerStep(None, "the producer before is still stopping")
    return ProducerStep(want, f"{want} of 1 producer is wanted, {desired} asked for")


def session_complete(now: datetime, session: Session, hours: StreamHours, lag: int) -> bool:
    """Whether the session is over and everything it sent can be queried."""
    return now >= stream_window(session, hours).end and lag == 0
