"""Ask the simulated vendor to live through a session, and see how far it is."""

import json
import urllib.request
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from polygon_assets.sandbox.layout import SandboxLayout

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Replay:
    """How far the simulated market is.

    Attributes:
        state: ``off``, ``armed`` (waits for a subscriber), ``running`` or ``finished``.
        events_sent: Events sent to subscribers so far.
        events_total: Events of the session.
        sim_start_ms: Market time at which the replay began, epoch milliseconds.
        wall_start_ms: Machine time of the same moment.
        speed: Market seconds per second.
    """

    state: str
    events_sent: int
    events_total: int
    sim_start_ms: float
    wall_start_ms: float
    speed: float


class SimulatedMarket:
    """The control side of the simulated vendor."""

    def __init__(self, layout: SandboxLayout) -> None:
        self._url = f"http://127.0.0.1:{layout.port('polygon')}/sandbox"

    def start(self, session: date, speed: float) -> None:
        """Replay a session as soon as someone subscribes."""
        self._call(
            "POST",
            "replay",
            {"session": str(session), "speed": speed, "wait_for_subscriber": True},
        )

    def replay(self) -> Replay:
        """The replay under way."""
        told = self._call("GET", "replay")
        return Replay(
            told["state"],
            told.get("events_sent") or 0,
            told.get("events_total") or 0,
            told.get("sim_start_ms") or 0,
            told.get("wall_start_ms") or 0,
            told.get("speed") or 1,
        )

    def set_clock(self, now: datetime) -> None:
        """Put the market's clock to a moment; it runs on from there at normal speed."""
        self._call("POST", "clock", {"now": now.isoformat()})

    def end(self) -> None:
        """Back to the machine's clock."""
        self._call("DELETE", "replay")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310  our own address
            f"{self._url}/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return json.loads(answer.read() or b"{}")
