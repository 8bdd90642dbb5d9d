"""The simulator's own endpoints: health, replay and faults. They need no API key."""

from datetime import UTC, date, datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polygon_assets.sandbox.polygon.errors import json_response
from polygon_assets.sandbox.polygon.faults import Fault, Faults
from polygon_assets.sandbox.polygon.feed import Feed, ReplayError
from polygon_assets.sandbox.polygon.paths import HEALTH, PREFIX


class ReplayRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /sandbox/replay``."""

    session: date
    speed: float = 1.0
    wait_for_subscriber: bool = True


class ClockRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /sandbox/clock``: a moment with its time zone."""

    now: Annotated[datetime, msgspec.Meta(tz=True)]


class ControlEndpoints:
    """Lets the sandbox move the clock.

    Args:
        feed: Plays replays.
        faults: Switched on and off.
    """

    def __init__(self, feed: Feed, faults: Faults) -> None:
        self._feed, self._faults = feed, faults

    def routes(self) -> list[Route]:
        """Routes of this group."""
        return [
            Route(HEALTH, self._health),
            Route(f"{PREFIX}replay", self._replay, methods=["GET", "POST", "DELETE"]),
            Route(f"{PREFIX}clock", self._clock, methods=["POST"]),
            Route(f"{PREFIX}faults", self._fault, methods=["GET", "POST", "DELETE"]),
        ]

    async def _health(self, _request: Request) -> Response:
        return json_response(
            {
                "status": "ok",
                "symbols": len(self._feed.market.symbols),
                "replay": self._status()["state"],
            }
        )

    async def _replay(self, request: Request) -> Response:
        if request.method == "DELETE":
            await self._feed.stop_replay()
        elif request.method == "POST":
            try:
                wanted = msgspec.json.decode(await request.body(), type=ReplayRequest)
                await self._feed.start_replay(
                    wanted.session, wanted.speed, wanted.wait_for_subscriber
                )
            except (msgspec.DecodeError, ReplayError) as error:
                return json_response({"error": str(error)}, 400)
        return json_response(self._status())

    async def _clock(self, request: Request) -> Response:
        try:
            wanted = msgspec.json.decode(await request.body(), type=ClockRequest)
        except msgspec.DecodeError as error:
            return json_response({"error": str(error)}, 400)
        await self._feed.set_clock(wanted.now)
        return json_response(self._status())

    async def _fault(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._faults.active.clear()
        elif request.method == "POST":
            try:
                self._faults.add(msgspec.json.decode(await request.body(), type=Fault))
            except (msgspec.DecodeError, ValueError) as error:
                return json_response({"error": str(error)}, 400)
        return json_response({"faults": self._faults.active})

    def _status(self) -> dict[str, object]:
        replay = self._feed.replay
        market_time = datetime.fromtimestamp(self._feed.clock.now_ms() / 1000, UTC)
        return {
            "state": replay.state if replay else "off",
            "session": replay.session.isoformat() if replay else None,
            "speed": replay.speed if replay else None,
            "sim_time": market_time.isoformat(timespec="milliseconds"),
            "events_sent": replay.events_sent if replay else 0,
            "events_total": replay.events_total if replay else 0,
            "sim_start_ms": replay.sim_start_ms if replay else None,
            "wall_start_ms": replay.wall_start_ms if replay else None,
        }
