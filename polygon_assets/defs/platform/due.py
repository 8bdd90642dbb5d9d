"""When a session is asked for, when its tables must be there, and when that is looked at.

Functions of the calendar and a moment: half days, holidays and the change of the clocks come from
the calendar.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from polygon_assets.defs.ticks.control import stream_window
from polygon_assets.sessions import NEW_YORK, Session, due_session, last_session, session
from polygon_assets.settings import StreamHours

AFTER_CLOSE = timedelta(hours=1, minutes=30)
"""From the close to the session's run: the vendor's official bars are there."""

RUN_TAKES = timedelta(hours=1)
"""What a run may take, from the moment it is asked for until its tables count as missing."""

NEXT_DAY_GRACE = timedelta(hours=25)
"""The vendor publishes the flat files at 11:00 New York on the next day, 22 hours after the close
of a half day; half an hour later they are asked for."""

LOOK_EVERY = timedelta(minutes=30)
"""Between two ticks of the freshness schedule: so late a missing session is seen at most."""

EVENING_LOOK = time(20)
"""New York; on closed days, too, so that what was repaired on a Saturday counts on Saturday."""


@dataclass(frozen=True)
class Cadence:
    """Assets that are due at the same time.

    Attributes:
        name: A word for it.
        grace: From the close of a session until it must be there.
    """

    name: str
    grace: timedelta

    def due(self, now: datetime) -> Session:
        """The newest session that must be there at a moment."""
        return due_session(now, self.grace)


EVENING = Cadence("evening", AFTER_CLOSE + RUN_TAKES)
"""What the session's run computes."""


def cadences(hours: StreamHours) -> Mapping[str, Cadence]:
    """Name -> cadence, for the part of the day that is streamed.

    - ``evening``: what the session's run computes.
    - ``stream``: what the stream writes; in extended hours it ends four hours after the close.
    - ``next_day``: what the vendor publishes on the next day.
    """
    # Any session will do: its stream ends the same time after every close.
    some = session(last_session())
    streamed = stream_window(some, hours).end - some.close_at
    found = (
        EVENING,
        Cadence("stream", max(EVENING.grace, streamed + RUN_TAKES)),
        Cadence("next_day", NEXT_DAY_GRACE),
    )
    return {one.name: one for one in found}


def is_over(day: Session, now: datetime) -> bool:
    """Whether the session's run may be asked for."""
    return now >= day.close_at + AFTER_CLOSE


def look_at(now: datetime, known: Mapping[str, Cadence]) -> str:
    """Why the freshness of the sessions is looked at, at a tick; empty where it is not.

    Args:
        now: The tick; the one before was ``LOOK_EVERY`` earlier.
        known: The cadences.
    """
    fell_due = [
        f"session {one.due(now).session_date} is due ({one.name})"
        for one in known.values()
        if one.due(now) != one.due(now - LOOK_EVERY)
    ]
    if now.astimezone(NEW_YORK).time() == EVENING_LOOK:
        fell_due.append("it is evening")
    return "; ".join(fell_due)


AGAIN_HOURS = (19, 21, 8)
"""New York hours at which what is still missing of a session is asked for again."""


def asked_again(now: datetime, evening: Cadence) -> Session | None:
    """The session whose missing tables are asked for again at a tick; None once it is too old.

    It is asked for until the evening of the next day: three times, five times before a closed day.
    """
    due = evening.due(now)
    age = now.astimezone(NEW_YORK).date() - due.session_date
    return due if age <= timedelta(days=1) else None
