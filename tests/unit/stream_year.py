"""A year of the stream without a stream: producers, partitions and sinks as numbers.

One step is one look of the sensor: half a minute while anything runs, twenty minutes at night.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from polygon_assets.defs.ticks.control import stream_window
from polygon_assets.defs.ticks.lag import Look, Memory, decide
from polygon_assets.resources.kafka import PartitionProgress
from polygon_assets.sessions import Session, session, sessions_between

PARTITIONS = 4
LOOK = timedelta(seconds=30)
STARTS_AFTER = 3
"""Looks until a new task works: image, network, taking over its partitions."""

Rate = Callable[[float], float]
"""Messages a second, by the hours since the open."""


def calm(_: float) -> float:
    return 1_500.0


@dataclass
class Trouble:
    """What goes wrong in a session.

    Attributes:
        rate: What the vendor sends.
        capacity: Messages a second that one sink settles.
        dead: From and until which look of the session nothing can be written.
        stuck_from: Look at which partition 2 stops, until its sink is replaced.
        poison_until: Look at which somebody repairs a partition that no restart helps.
    """

    rate: Rate = calm
    capacity: float = 5_000.0
    dead: tuple[int, int] = (0, 0)
    stuck_from: int | None = None
    poison_until: int | None = None


@dataclass
class Day:
    """What the decisions did in one session."""

    day: date
    sinks: list[int] = field(default_factory=list[int])
    changes: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    restarts: list[int] = field(default_factory=list[int])
    alarms: list[int] = field(default_factory=list[int])
    loud: int = 0
    left: int = 0
    idle_at: datetime | None = None
    recovered: int = 0


class Year:
    """The simulated stream; ``days`` runs it session by session."""

    def __init__(self, year: int, trouble: Callable[[int], Trouble], most: int = 4) -> None:
        self.year, self.trouble, self.most = year, trouble, most
        self.end = [0.0] * PARTITIONS
        self.settled = [0.0] * PARTITIONS
        self.sinks, self.working, self.starting = 0, 0, 0
        self.cursor: str | None = None
        self.replaced = False

    def days(self) -> Iterator[tuple[Day, Trouble]]:
        sessions = sessions_between(date(self.year, 1, 1), date(self.year, 12, 31))
        for number, one in enumerate(sessions):
            trouble = self.trouble(number)
            yield self._live(session(one), trouble), trouble

    def _live(self, one: Session, trouble: Trouble) -> Day:
        window, day = stream_window(one, "regular"), Day(one.session_date)
        now, look, idle = window.start - timedelta(minutes=10), 0, 0
        self.replaced = False
        while idle < 20:
            needed = window.contains(now)
            hours = (now - one.open_at) / timedelta(hours=1)
            sending = trouble.rate(hours) if one.open_at <= now < one.close_at else 0.0
            self._flow(sending, trouble, look if needed or day.sinks else -1)
            self._decide(day, needed, look)
            day.sinks.append(self.sinks)
            idle = idle + 1 if now > window.end and self.sinks == 0 else 0
            day.idle_at = day.idle_at or (now if idle else None)
            now, look = now + LOOK, look + 1
            assert look < 5_000, f"{one.session_date}: the sinks never stop"
        day.left = int(sum(self.end) - sum(self.settled))
        return day

    def _flow(self, sending: float, trouble: Trouble, look: int) -> None:
        """Half a minute of producing and settling."""
        seconds = LOOK.total_seconds()
        for number in range(PARTITIONS):
            self.end[number] += int(sending * seconds / PARTITIONS)
        if self.starting:
            self.starting -= 1
            self.working = 0 if self.starting else self.sinks
        dead = trouble.dead[0] <= look < trouble.dead[1]
        if not self.working or dead:
            return
        share = trouble.capacity * seconds * self.working / PARTITIONS
        for number in range(PARTITIONS):
            if number == 2 and self._stands_still(trouble, look):
                continue
            self.settled[number] = min(self.end[number], self.settled[number] + share)

    def _stands_still(self, trouble: Trouble, look: int) -> bool:
        if trouble.stuck_from is not None:
            return look >= trouble.stuck_from and not self.replaced
        return trouble.poison_until is not None and 100 <= look < trouble.poison_until

    def _decide(self, day: Day, needed: bool, look: int) -> None:
        progress = {
            f"bars/{number}": PartitionProgress(int(self.settled[number]), int(self.end[number]))
            for number in range(PARTITIONS)
        }
        before = Memory.load(self.cursor)
        decision = decide(Look(progress, needed, self.sinks, self.most), before)
        if before.gave_up and decision.memory.gave_up:
            day.loud += 1  # the sensor raises, and its cursor stays
            return
        self.cursor = decision.memory.dump()
        day.recovered += before.gave_up and not decision.memory.gave_up
        if decision.memory.gave_up and not before.gave_up:
            day.alarms.append(look)
        if decision.restart:
            day.restarts.append(look)
            self.replaced, self.working, self.starting = True, 0, STARTS_AFTER
        if decision.sinks != self.sinks:
            day.changes.append((look, self.sinks, decision.sinks))
            grows = decision.sinks > self.sinks
            self.sinks = decision.sinks
            self.working = min(self.working, self.sinks)
            self.starting = STARTS_AFTER if grows else 0
