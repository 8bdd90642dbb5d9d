"""The vendor's clock: New York wall time, or the time of a replay."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

from polygon_assets.sessions import NEW_YORK

_LONGEST_SLEEP_SECONDS = 30.0


class Clock:
    """Tells the time in UTC epoch milliseconds.

    Args:
        wall: Seconds since the epoch.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._market_ms = 0.0
        self._wall_ms = 0.0
        self._speed = 1.0
        self._hold_at: float | None = None
        self._follows_wall = True

    def now_ms(self) -> float:
        """UTC epoch milliseconds."""
        if self._follows_wall:
            return self._wall() * 1000
        now = self._market_ms + (self._wall() * 1000 - self._wall_ms) * self._speed
        return now if self._hold_at is None else min(now, self._hold_at)

    def now(self) -> datetime:
        """The time in New York."""
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC).astimezone(NEW_YORK)

    def today(self) -> date:
        """The New York date."""
        return self.now().date()

    def follow_wall(self) -> None:
        """Show wall time again."""
        self._follows_wall = True

    def stand_at(self, market_ms: float) -> None:
        """Show this time until told otherwise."""
        self._start(market_ms, 1.0, hold_at=market_ms)

    def run_from(self, market_ms: float, speed: float, hold_at: float) -> float:
        """Run ``speed`` times as fast as wall time, and stand still at ``hold_at``.

        Returns:
            The wall time at this moment, in epoch milliseconds.
        """
        return self._start(market_ms, speed, hold_at)

    def set(self, market_ms: float) -> None:
        """Show this time, and run on at wall speed."""
        self._start(market_ms, 1.0, hold_at=None)

    def run_on(self) -> None:
        """Run on at wall speed from what the clock shows."""
        self._start(self.now_ms(), 1.0, hold_at=None)

    def _start(self, market_ms: float, speed: float, hold_at: float | None) -> float:
        self._market_ms, self._wall_ms = market_ms, self._wall() * 1000
        self._speed, self._hold_at, self._follows_wall = speed, hold_at, False
        return self._wall_ms

    async def wait_until(self, market_ms: float) -> None:
        """Return when the clock has reached a time; give others a turn in any case."""
        speed = 1.0 if self._follows_wall else self._speed
        while (remaining := (market_ms - self.now_ms()) / 1000 / speed) > 0:
            await asyncio.sleep(min(remaining, _LONGEST_SLEEP_SECONDS))
        await asyncio.sleep(0)
