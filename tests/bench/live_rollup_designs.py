"""Designs of live minutes that ``live_rollups.py`` compares."""

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from polygon_assets.defs.rollups.live import create_rollups
from polygon_assets.resources.clickhouse import ClickHouse

PREFILL = """
INSERT INTO {ticks}.bars_1s
(session_date, symbol, bar_start, open, high, low, close, volume, vwap, trade_count,
 accumulated_volume, day_open, day_vwap, kafka_partition, kafka_offset, received_at)
SELECT toDate('2025-03-03'), concat('S', leftPad(toString(r), 5, '0')),
       toDateTime({open:UInt32}, 'UTC') + t, p, p + 0.02, p - 0.02, p + 0.01, 1 + h % 1000, p,
       1 + h % 20, 0, 20, 20, 0, t * 20000 + r, toDateTime64({open:UInt32} + t + 1, 3, 'UTC')
FROM (
    SELECT a.number AS r, b.number AS t, cityHash64(r, t) AS h, 20 + h % 1000 / 100 AS p
    FROM numbers({symbols:UInt32}) AS a CROSS JOIN numbers({seconds:UInt32}) AS b
    WHERE cityHash64(r, t, 1) % 1000000 < 1e6 * least(1, 40 * pow(r + 1, -0.75))
)
"""

# Minutes of the final second bars.
_MINUTES = """
SELECT s.session_date AS session_date, s.symbol AS symbol,
       toStartOfMinute(s.bar_start) AS bar_start, argMin(s.open, s.bar_start) AS open,
       max(s.high) AS high, min(s.low) AS low, argMax(s.close, s.bar_start) AS close,
       sum(s.volume) AS volume, sum(s.vwap * s.volume) / volume AS vwap,
       max(s.kafka_offset) AS kafka_offset
FROM {ticks}.bars_1s AS s FINAL {where}
GROUP BY session_date, symbol, toStartOfMinute(s.bar_start)
"""

_BAR = (
    "Tuple(kafka_offset UInt64, open Float64, high Float64, low Float64, close Float64, "
    "volume Float64, vwap Float64)"
)

_ROWS = """
CREATE TABLE {rollups}.minutes
(session_date Date, symbol LowCardinality(String), bar_start DateTime('UTC'), open Float64,
 high Float64, low Float64, close Float64, volume Float64, vwap Float64, kafka_offset UInt64)
ENGINE = ReplacingMergeTree(kafka_offset) PARTITION BY session_date
ORDER BY (session_date, symbol, bar_start)
SETTINGS non_replicated_deduplication_window = 1000
"""

# The second bars that are stored, read under another name, for the minutes that a block touches.
_RECOMPUTED = """
SELECT z.session_date AS session_date, z.symbol AS symbol,
       toStartOfMinute(z.second) AS bar_start, argMin(z.o, z.second) AS open, max(z.h) AS high,
       min(z.l) AS low, argMax(z.c, z.second) AS close, sum(z.v) AS volume,
       sum(z.w * z.v) / volume AS vwap, max(z.newest) AS kafka_offset
FROM (
    SELECT s.session_date AS session_date, s.symbol AS symbol, s.bar_start AS second,
           argMax(s.open, s.kafka_offset) AS o, argMax(s.high, s.kafka_offset) AS h,
           argMax(s.low, s.kafka_offset) AS l, argMax(s.close, s.kafka_offset) AS c,
           argMax(s.volume, s.kafka_offset) AS v, argMax(s.vwap, s.kafka_offset) AS w,
           max(s.kafka_offset) AS newest
    FROM (
        SELECT * FROM {ticks}.bars_1s
        UNION ALL
        SELECT * FROM {rollups}.whole WHERE (symbol, toStartOfMinute(bar_start)) IN (
            SELECT symbol, toStartOfMinute(bar_start) FROM {ticks}.bars_1s)
    ) AS s
    GROUP BY session_date, symbol, second
) AS z
GROUP BY session_date, symbol, bar_start
"""

_STATES = (
    "SELECT s.session_date AS session_date, s.symbol AS symbol, "
    "toStartOfMinute(s.bar_start) AS bar_start, maxMap(map(toUInt8(toSecond(s.bar_start)), "
    f"CAST((s.kafka_offset, s.open, s.high, s.low, s.close, s.volume, s.vwap), '{_BAR}'))) "
    "AS seconds FROM {ticks}.bars_1s AS s GROUP BY session_date, symbol, bar_start"
)

_LATEST_MINUTES = (
    "WHERE s.bar_start >= (SELECT toStartOfMinute(max(bar_start)) - 900 FROM {ticks}.bars_1s)"
)

TABLE = {
    "truth": "SELECT uniqExact(symbol, toStartOfMinute(bar_start)), toInt64(sum(volume)), "
    "toInt64(round(sum(vwap * volume))) FROM {ticks}.bars_1s FINAL"
}


@dataclass(frozen=True)
class Design:
    """One way to keep minutes.

    Attributes:
        name: Short, for names of databases.
        statements: What it creates after the session's first part is there.
        minutes: What a question about one symbol reads.
        market: What one about the whole market reads; as minutes if empty.
        product: Whether it is the one that the product ships.
        last: Statements before the questions.
    """

    name: str
    statements: tuple[str, ...] = ()
    minutes: str = ""
    market: str = ""
    product: bool = False
    last: tuple[str, ...] = ()

    def create(self, store: ClickHouse, client: Client) -> None:
        """Create it, with the minutes of what is there."""
        if self.product:
            create_rollups(store)
        for statement in self.statements:
            client.command(store.render(statement))

    def before_questions(self, store: ClickHouse, client: Client) -> None:
        """Let a design that is late catch up."""
        for statement in self.last:
            client.command(store.render(statement))

    def drop(self, store: ClickHouse, client: Client) -> None:
        """Leave nothing behind that works by itself."""
        client.command(f"DROP DATABASE {store.rollups}")


_ALL = _MINUTES.replace("{where}", "")
_RECENT = _MINUTES.replace("{where}", _LATEST_MINUTES)

DESIGNS = {
    one.name: one
    for one in (
        Design(
            "product",
            (f"CREATE VIEW {{rollups}}.market AS {_ALL}",),
            "{rollups}.candles_1m",
            market="{rollups}.market",
            product=True,
        ),
        Design(
            "recompute",
            (
                _ROWS,
                f"INSERT INTO {{rollups}}.minutes {_ALL}",
                "CREATE VIEW {rollups}.whole AS SELECT * FROM {ticks}.bars_1s",
                f"CREATE MATERIALIZED VIEW {{rollups}}.feed TO {{rollups}}.minutes "
                f"AS {_RECOMPUTED}",
            ),
            "(SELECT * FROM {rollups}.minutes FINAL)",
        ),
        Design(
            "states",
            (
                "CREATE TABLE {rollups}.minutes (session_date Date, symbol LowCardinality(String), "
                "bar_start DateTime('UTC'), "
                f"seconds SimpleAggregateFunction(maxMap, Map(UInt8, {_BAR}))) "
                "ENGINE = AggregatingMergeTree PARTITION BY session_date "
                "ORDER BY (symbol, bar_start) "
                "SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 1000",
                f"INSERT INTO {{rollups}}.minutes {_STATES}",
                f"CREATE MATERIALIZED VIEW {{rollups}}.feed TO {{rollups}}.minutes AS {_STATES}",
                "CREATE VIEW {rollups}.v AS SELECT session_date, symbol, bar_start, "
                "s[1].2 AS open, arrayMax(b -> b.3, s) AS high, arrayMin(b -> b.4, s) AS low, "
                "s[-1].5 AS close, arraySum(b -> b.6, s) AS volume, "
                "arraySum(b -> b.6 * b.7, s) / volume AS vwap FROM (SELECT session_date, symbol, "
                "bar_start, mapValues(maxMap(seconds)) AS s FROM {rollups}.minutes "
                "GROUP BY session_date, symbol, bar_start)",
            ),
            "{rollups}.v",
        ),
        Design(
            "refreshed",
            (
                _ROWS,
                f"INSERT INTO {{rollups}}.minutes {_ALL}",
                "CREATE MATERIALIZED VIEW {rollups}.feed REFRESH EVERY 1 SECOND "
                f"APPEND TO {{rollups}}.minutes AS {_RECENT}",
            ),
            "(SELECT * FROM {rollups}.minutes FINAL)",
            last=("SYSTEM REFRESH VIEW {rollups}.feed", "SYSTEM WAIT VIEW {rollups}.feed"),
        ),
    )
}
