"""A market whose every event is known beforehand: what is sent, and what must be stored in the end.

All of it follows from the seed, the symbol and the second. Prices are multiples of 1/64 and volumes
are whole, so that no parser rounds them.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

REVISED, REPEATED, TRADED = 0.05, 0.03, 0.85
"""Shares of the second bars that are replaced later, sent twice, and there at all."""

REVISION_SECONDS = (2, 20)
"""A revision comes so much later than its bar."""

FRAMES_PER_SECOND = 10
Key = tuple[str, int]
"""Symbol, and start of the second in milliseconds."""

Row = tuple[float, float, float, float, float, float]
"""Open, high, low, close, volume, VWAP."""


@dataclass(frozen=True)
class Event:
    """One event as it is sent."""

    number: int
    key: Key
    body: bytes


@dataclass
class Market:
    """The events of each second.

    Attributes:
        seed: Another seed, another market.
        symbols: How many.
        start_ms: The first second, UTC epoch milliseconds.
        last: The last second: no new bars, only every revision that is still due; None = open end.
    """

    seed: int
    symbols: int
    start_ms: int
    last: int | None = None
    _totals: dict[str, int] = field(default_factory=dict[str, int])
    _seconds: list[list[Event]] = field(default_factory=list[list[Event]])
    _final: list[dict[Key, Row]] = field(default_factory=list[dict[Key, Row]])
    _later: dict[int, list[tuple[Key, dict]]] = field(default_factory=dict)
    _numbers: int = 0

    @cached_property
    def names(self) -> list[str]:
        """The symbols: upper case, one with a lower case letter, one with a dot."""
        plain = [f"F{number:03d}" for number in range(self.symbols - 2)]
        return [*plain, "FApA", "FA.B"]

    def events(self, second: int) -> list[Event]:
        """What is sent when a second is over, in order."""
        while len(self._seconds) <= second:
            self._trade(len(self._seconds))
        return self._seconds[second]

    def frames(self, second: int) -> list[list[Event]]:
        """The second's events, in as many parts as the vendor takes to send them."""
        events = self.events(second)
        return [events[part::FRAMES_PER_SECOND] for part in range(FRAMES_PER_SECOND)]

    def final_bars(self, seconds: int) -> dict[Key, Row]:
        """The last version of every bar of the first seconds, whoever received what."""
        self.events(max(seconds - 1, 0))
        return {key: row for bars in self._final[:seconds] for key, row in bars.items()}

    def final_of(self, symbol: str, first_ms: int, last_ms: int, seconds: int) -> Iterator[dict]:
        """One symbol's final bars that start in a range (both ends included), as REST has them."""
        first = max(0, (first_ms - self.start_ms + 999) // 1000)
        last = min(seconds - 1, (last_ms - self.start_ms) // 1000)
        self.events(max(last, 0))
        for second in range(first, last + 1):
            start = self.start_ms + second * 1000
            row = self._final[second].get((symbol, start))
            if row is not None:
                fields = dict(zip(("o", "h", "l", "c", "v", "vw"), row, strict=True))
                yield {**fields, "t": start, "n": int(row[4]) // 10}

    def _trade(self, second: int) -> None:
        start = self.start_ms + second * 1000
        sent: list[Event] = []
        final: dict[Key, Row] = {}
        for symbol in self.names if second != self.last else ():
            chance = self._chances(symbol, second)
            if chance[0] >= TRADED:
                continue
            bar, row = self._bar(symbol, start, chance)
            final[symbol, start] = row
            if chance[1] < REVISED:
                first, last = REVISION_SECONDS
                due = second + first + int(chance[3] * (last - first + 1))
                self._later.setdefault(due, []).append(((symbol, start), dict(bar)))
                bar["v"] -= 10
                bar["av"] -= 10
                bar["c"] = bar["o"]
            sent.append(self._event((symbol, start), bar))
            if chance[2] < REPEATED:
                sent.append(sent[-1])
        for due in sorted(self._later) if second == self.last else [second]:
            sent += [self._event(key, bar) for key, bar in self._later.pop(due, [])]
        self._seconds.append(sent)
        self._final.append(final)

    def _bar(self, symbol: str, start: int, chance: list[float]) -> tuple[dict, Row]:
        volume = 20 + int(chance[4] * 400)
        self._totals[symbol] = self._totals.get(symbol, 0) + volume
        low = 640 + int(chance[5] * 640)
        open_, close = low + int(chance[6] * 16), low + int(chance[7] * 16)
        high = max(open_, close) + 1
        row = (open_ / 64, high / 64, low / 64, close / 64, float(volume), (low + high) / 128)
        bar = {
            "ev": "A", "sym": symbol, "v": volume, "av": self._totals[symbol], "op": 10.5,
            "vw": row[5], "o": row[0], "c": row[3], "h": row[1], "l": row[2], "a": 11.25, "z": 10,
            "s": start, "e": start + 1000,
        }  # fmt: skip
        return bar, row

    def _event(self, key: Key, bar: dict) -> Event:
        """The event with its number: a field that the vendor might add, and nobody needs."""
        self._numbers += 1
        body = json.dumps({**bar, "number": self._numbers}, separators=(",", ":")).encode()
        return Event(self._numbers, key, body)

    def _chances(self, symbol: str, second: int) -> list[float]:
        digest = hashlib.blake2b(f"{self.seed} {symbol} {second}".encode(), digest_size=16)
        return [byte / 256 for byte in digest.digest()]
