"""Plays sessions by the clock: the live one, or the one that a replay asks for."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.hub import Hub
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sandbox.polygon.synthesis import second_bars
from polygon_assets.sandbox.polygon.tape import REVISION_SECONDS, SECOND_BARS, Tape
from polygon_assets.sandbox.polygon.ticks import OTHER_TAPE, TAPES

ARMED_BEFORE_OPEN = timedelta(minutes=10)
START_BEFORE_OPEN = timedelta(seconds=10)
END_AFTER_CLOSE = timedelta(minutes=16)


class ReplayError(ValueError):
    """A replay that cannot be played; says why."""


@dataclass
class Replay:
    """A replay and how far it is.

    Attributes:
        state: ``armed`` until the first subscription, ``running``, then ``finished``.
        events_total: Second bars that it will send, revisions included.
        sim_start_ms: Market time at which it starts, UTC epoch milliseconds.
        wall_start_ms: Wall time at which it started; None while armed.
        events_sent: Second bars that it has sent, whoever received them.
    """

    session: date
    speed: float
    state: str
    events_total: int
    sim_start_ms: int
    wall_start_ms: float | None = None
    events_sent: int = 0


class Feed:
    """Sends the market's events to the hub when the clock reaches them.

    Args:
        market: What is traded.
        clock: Moved by replays.
        hub: Takes the events.
    """

    def __init__(self, market: Market, clock: Clock, hub: Hub) -> None:
        self.market, self.clock, self.hub = market, clock, hub
        self.replay: Replay | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Play the live session, and each one after it."""
        self._task = asyncio.create_task(self._live())

    async def stop(self) -> None:
        """Send nothing more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def start_replay(self, day: date, speed: float, wait_for_subscriber: bool) -> None:
        """Prepare a session and play it; replaces a replay that is under way.

        Args:
            day: An NYSE session of which the market has bars.
            speed: Seconds of market time per second of wall time.
            wait_for_subscriber: Whether the clock stands until somebody is subscribed.

        Raises:
            ReplayError: Not a session, no bars, or no speed.
        """
        if not 0 < speed <= 1_000_000:
            raise ReplayError(f"speed {speed}: choose more than 0 and at most 1000000.")
        if not sessions.is_session(day):
            raise ReplayError(str(sessions.NotASessionError(day)))
        tape = await asyncio.to_thread(prepare, self.market, day)
        if not tape.events:
            raise ReplayError(f"none of the {len(self.market.symbols)} symbols has a bar on {day}.")
        await self.stop()
        session = sessions.session(day)
        self.replay = Replay(
            session=day,
            speed=speed,
            state="armed",
            events_total=tape.events,
            sim_start_ms=_ms(session.open_at - START_BEFORE_OPEN),
        )
        self.clock.stand_at(_ms(session.open_at - ARMED_BEFORE_OPEN))
        if not wait_for_subscriber:
            self._run(self.replay)
        self._task = asyncio.create_task(self._play_replay(self.replay, tape))

    async def stop_replay(self) -> None:
        """Forget the replay: the clock shows wall time again."""
        await self.stop()
        self.replay = None
        self.clock.follow_wall()
        self.start()

    async def set_clock(self, now: datetime) -> None:
        """Put the clock to a moment, from which it runs on at wall speed; ends a replay."""
        await self.stop()
        self.replay = None
        self.clock.set(_ms(now))
        self.start()

    async def _play_replay(self, replay: Replay, tape: Tape) -> None:
        if replay.state == "armed":
            await self.hub.wait_for_subscriber()
            self._run(replay)
        await self._play(tape, after=-1, replay=replay)
        await self.clock.wait_until(_end_ms(replay.session))
        replay.state = "finished"
        self.clock.run_on()
        await self._live()

    def _run(self, replay: Replay) -> None:
        replay.state = "running"
        replay.wall_start_ms = self.clock.run_from(
            replay.sim_start_ms, replay.speed, hold_at=_end_ms(replay.session)
        )

    async def _live(self) -> None:
        """Play the session of the clock's day and those after it, while somebody listens."""
        while (day := self._next_session()) is not None:
            await self.clock.wait_until(_ms(sessions.session(day).open_at))
            await self.hub.wait_for_subscriber()
            tape = await asyncio.to_thread(prepare, self.market, day)
            await self._play(tape, after=int(self.clock.now_ms() - tape.open_ms) // 1000)
            await self.clock.wait_until(_end_ms(day) + 1)

    def _next_session(self) -> date | None:
        today = self.clock.today()
        later = sessions.sessions_between(today, today + timedelta(days=14))
        return next((day for day in later if self.clock.now_ms() <= _end_ms(day)), None)

    async def _play(self, tape: Tape, after: int, replay: Replay | None = None) -> None:
        """Send a tape's events, from the first one after a second of the session."""
        for moment in tape.moments(after, self.hub.wants):
            await self.clock.wait_until(tape.open_ms + moment.at * 1000)
            self.hub.publish(moment)
            if replay is not None and moment.channel == SECOND_BARS:
                replay.events_sent += len(moment.events)


def prepare(market: Market, day: date) -> Tape:
    """A session of the whole market, ready to be sent."""
    session = sessions.session(day)
    open_ms = _ms(session.open_at)
    seconds = int((session.close_at - session.open_at).total_seconds())
    bars = (second_bars(daily, open_ms, seconds, market.seed) for daily in market.session_bars(day))

    def tape_of(symbol: str) -> int:
        security = market.security(symbol, day)
        return OTHER_TAPE if security is None else TAPES.get(security.exchange, OTHER_TAPE)

    return Tape(bars, open_ms, seconds, market.seed, tape_of)


def _end_ms(day: date) -> int:
    return _ms(sessions.session(day).close_at + END_AFTER_CLOSE)


def _ms(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)


assert END_AFTER_CLOSE.total_seconds() > REVISION_SECONDS
