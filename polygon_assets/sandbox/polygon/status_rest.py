"""REST: whether the market is open, and when it will not be."""

from datetime import date, datetime, time, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.errors import json_response

UPCOMING = timedelta(days=365)
_PRE_MARKET = time(4)
_AFTER_HOURS = timedelta(hours=4)
_EXCHANGES = ("NYSE", "NASDAQ")
_BY_MONTH_AND_WEEK = {
    (1, 1): "New Years Day",
    (1, 3): "Martin Luther King, Jr. Day",
    (2, 3): "Washington's Birthday",
    (9, 1): "Labor Day",
}


class StatusEndpoints:
    """The market's status on the clock.

    Args:
        clock: Tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def routes(self) -> list[Route]:
        """Routes of this group."""
        return [
            Route("/v1/marketstatus/now", self._now),
            Route("/v1/marketstatus/upcoming", self._upcoming),
        ]

    async def _now(self, _request: Request) -> Response:
        now = self._clock.now()
        phase = _phase(now)
        stocks = {"open": "open", "early": "extended-hours", "late": "extended-hours"}.get(
            phase, "closed"
        )
        return json_response(
            {
                "afterHours": phase == "late",
                "currencies": {"crypto": "open", "fx": "open" if now.weekday() < 5 else "closed"},
                "earlyHours": phase == "early",
                "exchanges": {"nasdaq": stocks, "nyse": stocks, "otc": stocks},
                "market": stocks,
                "serverTime": now.isoformat(timespec="seconds"),
            }
        )

    async def _upcoming(self, _request: Request) -> Response:
        return json_response(upcoming_closures(self._clock.today()))


def _phase(now: datetime) -> str:
    """``early``, ``open``, ``late`` or ``closed``."""
    if not sessions.is_session(now.date()):
        return "closed"
    session = sessions.session(now.date())
    if session.open_at <= now < session.close_at:
        return "open"
    if session.close_at <= now < session.close_at + _AFTER_HOURS:
        return "late"
    return "early" if now.time() >= _PRE_MARKET and now < session.open_at else "closed"


def upcoming_closures(today: date) -> list[dict[str, Any]]:
    """Closures and early closes of the year after ``today``, one row per exchange.

    Dates after the calendar's end are left out.
    """
    last = min(today + UPCOMING, sessions.last_session())
    rows: list[dict[str, Any]] = []
    for days in range((last - today).days + 1):
        day = today + timedelta(days=days)
        common: dict[str, Any] = {"date": day.isoformat(), "name": closure_name(day)}
        if sessions.is_session(day) and sessions.session(day).is_half_day:
            session = sessions.session(day)
            common |= {
                "status": "early-close",
                "open": _utc(session.open_at),
                "close": _utc(session.close_at),
            }
        elif day.weekday() < 5 and not sessions.is_session(day):
            common["status"] = "closed"
        else:
            continue
        rows += [{"exchange": exchange, **common} for exchange in _EXCHANGES]
    return rows


def closure_name(day: date) -> str:
    """The holiday of a weekday closure or early close; ``Market holiday`` for any other closure."""
    week = (day.day - 1) // 7 + 1
    if day.month == 7 and day.day <= 5:
        return "Independence Day"
    if day.month == 6 and 17 <= day.day <= 20:
        return "Juneteenth"
    if day.month == 12 and 24 <= day.day <= 26:
        return "Christmas"
    if day.month in (3, 4) and day.weekday() == 4:
        return "Good Friday"
    if day.month == 5 and day.weekday() == 0:
        return "Memorial Day"
    if day.month == 11 and day.weekday() in (3, 4) and 22 <= day.day <= 29:
        return "Thanksgiving"
    return _BY_MONTH_AND_WEEK.get((day.month, week), "Market holiday")


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
