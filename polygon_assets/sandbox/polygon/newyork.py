"""New York dates as UTC epoch milliseconds."""

from datetime import UTC, date, datetime, time
from functools import lru_cache

from polygon_assets.sessions import NEW_YORK


@lru_cache(maxsize=16_384)
def midnight_ms(day: date) -> int:
    """The start of a New York date: ``t`` of the vendor's day bars by ticker."""
    return _at(day, time(0))


@lru_cache(maxsize=16_384)
def four_pm_ms(day: date) -> int:
    """16:00 in New York, half days included: ``t`` of the vendor's grouped and previous bars."""
    return _at(day, time(16))


def date_of(epoch_ms: float) -> date:
    """The New York date of a moment."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).astimezone(NEW_YORK).date()


def _at(day: date, clock: time) -> int:
    return int(datetime.combine(day, clock, NEW_YORK).timestamp() * 1000)
