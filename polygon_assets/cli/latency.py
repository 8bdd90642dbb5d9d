"""How fast the streamed session went from the vendor to a query."""

from dataclasses import dataclass
from datetime import date

from polygon_assets.defs.ticks.figures import joined_with_batches
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.sandbox.market import Replay

# An event is sent when the market's clock reaches the end of its bar. Bars that come late are
# replacements, sent a quarter of an hour after their time: they are told from the others by the
# newer bars of their partition that were received before them.
_BARS = """
    SELECT kafka_partition, kafka_offset, received_at, bar_start,
           max(bar_start) OVER (PARTITION BY kafka_partition ORDER BY kafka_offset) AS newest
    FROM {ticks}.bars_1s
    WHERE session_date = {session:Date}
      AND received_at >= fromUnixTimestamp64Milli(toInt64({wall_start:Float64}))
"""

SQL = f"""
SELECT count(), quantiles(0.5, 0.95, 0.99)(greatest(queryable_ms - sent_ms, 0)),
       min(received_ms), max(queryable_ms)
FROM (
    SELECT toUnixTimestamp64Milli(t.received_at) AS received_ms,
           toUnixTimestamp64Milli(b.queryable_at) AS queryable_ms,
           {{wall_start:Float64}}
           + ((toUnixTimestamp(t.bar_start) + 1) * 1000 - {{sim_start:Float64}}) / {{speed:Float64}}
           AS sent_ms
    FROM {joined_with_batches(_BARS)}
    WHERE t.newest - t.bar_start < 600
)
"""


@dataclass(frozen=True)
class StreamFacts:
    """Rate and latency of one streamed session.

    Attributes:
        session: The session.
        events: Second bars sent by the vendor.
        seconds: From the first event received to the last one that could be queried.
        latency_ms: 50th, 95th and 99th percentile from sent to queryable, milliseconds.
    """

    session: date
    events: int
    seconds: float
    latency_ms: tuple[float, float, float]

    @property
    def events_per_second(self) -> float:
        """Mean rate over the session."""
        return self.events / self.seconds if self.seconds else 0.0


def stream_facts(clickhouse: ClickHouse, topic: str, session: date, replay: Replay) -> StreamFacts:
    """Measure the session that was just replayed, whose bars came from this Kafka topic."""
    _, quantiles, first_ms, last_ms = clickhouse.query(
        SQL,
        {
            "session": session,
            "topic": topic,
            "wall_start": replay.wall_start_ms,
            "sim_start": replay.sim_start_ms,
            "speed": replay.speed,
        },
    )[0]
    p50, p95, p99 = (float(value) for value in quantiles)
    return StreamFacts(session, replay.events_sent, (last_ms - first_ms) / 1000, (p50, p95, p99))
