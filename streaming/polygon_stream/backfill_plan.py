"""What is missing of a session: from the gap records, and from the volume of the day.

A gap record says when nobody listened; then every symbol may miss bars. The accumulated volume says
which symbol misses some. It is checked on the stored bars, not in the producer: there it takes a
quarter to a third of the events per CPU second (frames of 20, event loop's thread: 165,000 without,
119,000 with four decoded fields, 104,000 with a search of the bytes; means of three), and a bar
whose replacement is under way or a hole that was filled meanwhile would still be reported.

Each bar carries the volume of its day so far, ``av``. The running sum of the stored volumes grows
as ``av`` does while nothing is missing; from the bar after a hole on, it stays behind::

    missing = (av - sum of volumes up to this bar) - (the same at the last bar that has an av)

Bars from REST have no ``av`` but count in the sum, so that a filled hole is none any more. Trades
that set no price make volume without a bar; such a hole stays, and REST has nothing for it.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, KafkaException, TopicPartition

from polygon_stream.settings import KafkaSettings

log = logging.getLogger(__name__)

NEW_YORK = ZoneInfo("America/New_York")
FIRST_TRADES, LAST_TRADES = time(4), time(20)
"""The stream's hours in New York."""

BEFORE_LAST_EVENT = timedelta(seconds=5)
"""Bars of one second come in several frames, some of them late: where a gap begins is not sharp."""
TOLERANCE_SHARES = 0.001
"""Fractional volumes have six decimals; sums of them are not exact. Plus 1e-9 of the volume."""

_SHORTEST_SECONDS, _LONGEST_SECONDS = 60, 43_200
_READ_SECONDS = 10.0

_BREAKS = f"""
SELECT symbol, toUnixTimestamp(previous_start), toUnixTimestamp(bar_start), behind - before FROM (
    SELECT symbol, bar_start, accumulated_volume, behind,
        lagInFrame(bar_start) OVER before_this AS previous_start,
        lagInFrame(behind) OVER before_this AS before,
        lagInFrame(toUInt8(1)) OVER before_this AS is_not_the_first
    FROM (
        SELECT symbol, bar_start, accumulated_volume,
            accumulated_volume - sum(volume) OVER (PARTITION BY symbol ORDER BY bar_start) AS behind
        FROM {{database}}.bars_1s FINAL WHERE session_date = {{session:Date}}
    )
    WHERE accumulated_volume > 0
    WINDOW before_this AS (PARTITION BY symbol ORDER BY bar_start ROWS 1 PRECEDING)
)
WHERE is_not_the_first AND behind - before > {TOLERANCE_SHARES} + 1e-9 * accumulated_volume
ORDER BY bar_start, symbol
"""  # lagInFrame looks at the frame only: it holds the row before


@dataclass(frozen=True, order=True)
class Window:
    """Where bars may be missing.

    Attributes:
        start: First second of it, UTC epoch milliseconds.
        end: The first moment after it.
        symbol: None stands for every symbol.
    """

    start: int
    end: int
    symbol: str | None = None


class GapRecord(msgspec.Struct):
    """A record of the gaps topic; see ``GapLog``."""

    disconnected_at: datetime | None = None
    last_event_at: datetime | None = None
    event_at: datetime | None = None
    reason: str = ""


def day_window(session: date) -> Window:
    """The stream's hours of a New York date."""
    first, end = (datetime.combine(session, at, NEW_YORK) for at in (FIRST_TRADES, LAST_TRADES))
    return Window(_ms(first), _ms(end))


def gap_windows(records: Iterable[GapRecord], session: date) -> list[Window]:
    """The part of each gap that lies in a session.

    A gap without an event before or after it lasts from the start or to the end of its session.
    """
    day = day_window(session)
    found: list[Window] = []
    for record in records:
        last, first = record.last_event_at, record.event_at
        if last is None and first is None:
            last = record.disconnected_at
        if session not in {_new_york_date(last), _new_york_date(first)}:
            continue
        start = day.start if last is None else _ms(last - BEFORE_LAST_EVENT)
        end = day.end if first is None else _ms(first)
        window = Window(max(start, day.start), min(end, day.end))
        if window.start < window.end:
            found.append(window)
    return found


def read_gaps(kafka: KafkaSettings, topic: str) -> list[GapRecord]:
    """Every record of the gaps topic; one that is not understood is logged.

    Raises:
        KafkaException: Kafka does not answer.
        TimeoutError: Kafka does not give the records.
    """
    config = kafka.client_config() | {"group.id": "unused", "enable.auto.commit": False}
    consumer = Consumer(config | {"enable.partition.eof": False})
    records: list[GapRecord] = []
    try:
        partitions = consumer.list_topics(topic, timeout=_READ_SECONDS).topics[topic].partitions
        for number in partitions:
            part = TopicPartition(topic, number)
            low, high = consumer.get_watermark_offsets(part, timeout=_READ_SECONDS)
            consumer.assign([TopicPartition(topic, number, low)])
            while low < high:
                messages = consumer.consume(high - low, timeout=_READ_SECONDS)
                if not messages:
                    raise TimeoutError(f"{topic} gave no record for {_READ_SECONDS:g} s")
                errors = [error for message in messages if (error := message.error())]
                if errors:
                    raise KafkaException(errors[0])
                low = max(message.offset() or 0 for message in messages) + 1
                records += _parsed(message.value() for message in messages)
    finally:
        consumer.close()
    return records


def _parsed(values: Iterable[str | bytes | None]) -> Iterator[GapRecord]:
    for value in values:
        try:
            yield msgspec.json.decode(value or b"", type=GapRecord)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.error("a gap record is not understood: %s", error)


def volume_breaks(client: Client, database: str, session: date) -> list[Window]:
    """Where the accumulated volume says that a symbol misses bars; the bars beside are included.

    They may be first versions whose replacement is what was missed.
    """
    query = _BREAKS.replace("{database}", database)
    rows = client.query(query, parameters={"session": session}).result_rows
    shares = sum(row[3] for row in rows)
    log.info("%d breaks of the accumulated volume, %.0f shares", len(rows), shares)
    return [Window(before * 1000, (after + 1) * 1000, symbol) for symbol, before, after, _ in rows]


def by_symbol(
    windows: Iterable[Window], symbols: Sequence[str], settled_until: int
) -> dict[str, list[Window]]:
    """Symbol -> its windows, ascending, without overlaps, cut where bars are not settled yet.

    Args:
        windows: Of one symbol or of all.
        symbols: What a window of all symbols stands for.
        settled_until: UTC epoch milliseconds.
    """
    found: dict[str, list[Window]] = {}
    for window in sorted(windows, key=lambda one: (one.start, one.end)):
        end = min(window.end, settled_until)
        if window.start >= end:
            continue
        for symbol in symbols if window.symbol is None else [window.symbol]:
            mine = found.setdefault(symbol, [])
            if mine and window.start <= mine[-1].end:
                mine[-1] = Window(mine[-1].start, max(mine[-1].end, end), symbol)
            else:
                mine.append(Window(window.start, end, symbol))
    return found


def chunks(plan: Mapping[str, Sequence[Window]], chunk_bars: int) -> Iterator[list[Window]]:
    """Pieces of market time, ascending: in each at most one window of a symbol.

    Args:
        plan: As ``by_symbol`` gives it.
        chunk_bars: Most seconds of symbols in a piece, within a minute and twelve hours.
    """
    if not plan:
        return
    seconds = min(max(chunk_bars // len(plan), _SHORTEST_SECONDS), _LONGEST_SECONDS)
    left = {symbol: list(windows) for symbol, windows in plan.items()}
    while left:
        start = min(windows[0].start for windows in left.values())
        end = start + seconds * 1000
        piece: list[Window] = []
        for symbol, windows in list(left.items()):
            inside = [one for one in windows if one.start < end]
            if not inside:
                continue
            last = min(inside[-1].end, end)
            piece.append(Window(inside[0].start, last, symbol))
            rest = [Window(end, inside[-1].end, symbol)] if inside[-1].end > end else []
            left[symbol] = rest + windows[len(inside) :]
            if not left[symbol]:
                del left[symbol]
        yield sorted(piece)


def _new_york_date(moment: datetime | None) -> date | None:
    return None if moment is None else moment.astimezone(NEW_YORK).date()


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
