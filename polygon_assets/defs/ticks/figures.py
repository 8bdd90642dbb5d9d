"""What the stream wrote, in figures: rows, symbols, shares, and how fast it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from polygon_assets.resources.clickhouse import ClickHouse

TOTALS = """
SELECT count(), uniqExact(symbol), sum(volume) FROM {ticks}.bars_1s FINAL
WHERE session_date = {session:Date}
  AND bar_start >= toDateTime({first:Int64}, 'UTC') AND bar_start < toDateTime({last:Int64}, 'UTC')
"""


def joined_with_batches(bars: str) -> str:
    """A FROM clause that gives every second bar the moment at which it could be queried.

    Args:
        bars: SELECT with ``kafka_partition`` and ``kafka_offset``; its rows are ``t`` outside.

    Returns:
        The clause; ``b.queryable_at`` is when the bar's batch was written. It has the parameter
        ``{topic:String}``, the topic of the bars.
    """
    return f"""
        ({bars}) AS t
        ASOF JOIN (
            SELECT kafka_partition, last_offset, queryable_at FROM {{ticks}}.sink_batches
            WHERE topic = {{topic:String}}
        ) AS b
        ON t.kafka_partition = b.kafka_partition AND t.kafka_offset <= b.last_offset
    """


_BARS = """
    SELECT kafka_partition, kafka_offset, received_at FROM {ticks}.bars_1s
    WHERE session_date = {session:Date}
      AND bar_start >= toDateTime({first:Int64}, 'UTC')
      AND bar_start < toDateTime({last:Int64}, 'UTC')
"""

LATENCY = f"""
SELECT count(), quantiles(0.5, 0.95, 0.99)(
    greatest(dateDiff('millisecond', t.received_at, b.queryable_at), 0))
FROM {joined_with_batches(_BARS)}
"""
"""From the producer's receipt to a query: both on the machines' clocks, so that the figure means
the same for a market that is replayed and for today's."""


@dataclass(frozen=True)
class StreamFigures:
    """Second bars of a session, or of a part of it.

    Attributes:
        rows: Bars, each counted once however often it was replaced.
        symbols: Their symbols.
        volume: Their shares.
        latency_ms: 50th, 95th and 99th percentile from received to queryable, milliseconds; empty
            where no bar has been written.
    """

    rows: int
    symbols: int
    volume: float
    latency_ms: tuple[float, ...]

    def metadata(self) -> dict[str, Any]:
        """The figures as metadata of an event."""
        names = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms")
        latencies = dict(zip(names, self.latency_ms, strict=False))
        return {"rows": self.rows, "symbols": self.symbols, "volume": self.volume} | latencies


def stream_figures(
    clickhouse: ClickHouse, topic: str, session: date, first: datetime, last: datetime
) -> StreamFigures:
    """The figures of the bars that began at ``first`` or later, and before ``last``.

    Args:
        clickhouse: Where the bars are.
        topic: Kafka topic that they came from.
        session: Their session.
        first: UTC.
        last: UTC.
    """
    parameters: Mapping[str, Any] = {
        "topic": topic,
        "session": session,
        "first": int(first.timestamp()),
        "last": int(last.timestamp()),
    }
    rows, symbols, volume = clickhouse.query(TOTALS, parameters)[0]
    timed, quantiles = clickhouse.query(LATENCY, parameters)[0]
    latency = tuple(round(float(one), 1) for one in quantiles) if timed else ()
    return StreamFigures(int(rows), int(symbols), float(volume), latency)
