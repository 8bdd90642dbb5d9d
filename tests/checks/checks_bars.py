"""Second bars as the sink stores them, and their rollup computed without SQL."""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.sessions import NEW_YORK
from polygon_assets.sessions import session as session_of

COLUMNS = ["session_date", "symbol", "bar_start", "open", "high", "low", "close", "volume"]
COLUMNS += ["vwap", "trade_count"]

WIDTHS = {"bars_1m": 60, "bars_5m": 300, "bars_1h": 3600}
"""Rollup -> seconds of its bars; the day is the fourth."""


@dataclass(frozen=True)
class Second:
    """One version of a second bar. Prices in USD, volume in shares."""

    symbol: str
    bar_start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float
    trade_count: int
    kafka_offset: int

    @property
    def session_date(self) -> date:
        """The New York date."""
        return self.bar_start.astimezone(NEW_YORK).date()


def second(
    symbol: str,
    day: date,
    offset: int,
    price: float = 20.0,
    volume: float = 100.0,
    version: int = 0,
) -> Second:
    """A bar so many seconds after the open, whose prices lie around one price."""
    return Second(
        symbol,
        session_of(day).open_at + timedelta(seconds=offset),
        *(price, price + 0.25, price - 0.25, price + 0.125),
        volume=volume,
        vwap=price + 0.0625,
        trade_count=math.ceil(volume / 50),
        kafka_offset=version,
    )


def random_seconds(day: date, seed: int, symbols: Sequence[str], each: int) -> list[Second]:
    """Bars all over a session; some have several versions, and some have no volume."""
    dice = random.Random(seed)
    length = (session_of(day).close_at - session_of(day).open_at).seconds
    found: list[Second] = []
    for symbol in symbols:
        for start in dice.sample(range(length), each):
            volume = dice.choice([0.0, 0.5, 100.0, dice.uniform(0.001, 1e6)])
            bar = second(symbol, day, start, dice.uniform(1, 900), volume, version=len(found))
            found.append(bar)
            if dice.random() < 0.2:
                changed = second(symbol, day, start, bar.open * 1.01, volume * 1.5)
                found.append(replace(changed, kafka_offset=len(found)))
    return found


def insert_seconds(
    clickhouse: ClickHouse, seconds: Iterable[Second], blocks: int = 1, seed: int = 0
) -> None:
    """Insert in several blocks; the order of the rows over the blocks is by chance."""
    rows = [[*(getattr(bar, column) for column in COLUMNS), 0, bar.kafka_offset] for bar in seconds]
    random.Random(seed).shuffle(rows)
    with clickhouse.client() as client:
        for number in range(blocks):
            if block := rows[number::blocks]:
                client.insert(
                    f"{clickhouse.ticks}.bars_1s",
                    block,
                    column_names=[*COLUMNS, "kafka_partition", "kafka_offset"],
                )


Wide = dict[tuple[str, datetime], tuple[float, ...]]
"""Symbol and start -> open, high, low, close, volume, vwap, trades."""


def rolled_up(seconds: Iterable[Second], rollup: str) -> Wide:
    """What a rollup must hold: from the newest version of every second, in order."""
    final: dict[tuple[str, datetime], Second] = {}
    for bar in sorted(seconds, key=lambda one: one.kafka_offset):
        final[bar.symbol, bar.bar_start] = bar
    buckets: dict[tuple[str, datetime], list[Second]] = defaultdict(list)
    for (symbol, start), bar in sorted(final.items()):
        buckets[symbol, bucket(start, rollup)].append(bar)
    return {key: widen(bars) for key, bars in buckets.items()}


def bucket(start: datetime, rollup: str) -> datetime:
    """The start of the wide bar, UTC."""
    if rollup == "bars_1d":
        midnight = datetime.combine(start.astimezone(NEW_YORK).date(), time(), NEW_YORK)
        return midnight.astimezone(UTC)
    width = WIDTHS[rollup]
    return datetime.fromtimestamp(int(start.timestamp()) // width * width, UTC)


def widen(bars: Sequence[Second]) -> tuple[float, ...]:
    """One bar for several in a row."""
    volume = math.fsum(bar.volume for bar in bars)
    dollars = math.fsum(bar.vwap * bar.volume for bar in bars)
    return (
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        volume,
        dollars / volume if volume else bars[-1].close,
        sum(bar.trade_count for bar in bars),
    )


def stored(clickhouse: ClickHouse, rollup: str, day: date) -> Wide:
    """What a rollup holds of a session."""
    rows = clickhouse.query(
        f"SELECT {', '.join(COLUMNS[1:])} FROM {{rollups}}.{rollup} "
        "WHERE session_date = {session:Date} ORDER BY symbol, bar_start",
        {"session": day},
    )
    found = {(row[0], row[1].replace(tzinfo=UTC)): row[2:] for row in rows}
    assert len(found) == len(rows), "a bar is there twice"
    return found


def same(found: Wide, wanted: Wide) -> bool:
    """Equal but for the rounding of sums in another order."""
    if found.keys() != wanted.keys():
        return False
    return all(
        math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
        for key, values in wanted.items()
        for one, other in zip(found[key], values, strict=True)
    )
