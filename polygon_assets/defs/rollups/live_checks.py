"""Checks on the live rollups: each equals a recomputation from the final second bars."""

from polygon_assets.checks import Rule, clickhouse_checks
from polygon_assets.defs.rollups.assets import ROLLUPS
from polygon_assets.defs.rollups.checks import session_difference
from polygon_assets.defs.rollups.live_assets import LIVE_ROLLUPS

_WINDOW = "session_date BETWEEN {first:Date} AND {last:Date}"

# Per symbol and session, from the second bars, for the sessions that are live.
_SECONDS = f"""
    SELECT s.session_date AS day, s.symbol AS symbol, sum(s.volume) AS shares,
           sum(s.vwap * s.volume) AS dollars, max(s.bar_start) AS newest,
           argMax(s.close, s.bar_start) AS price, argMax(s.day_vwap, s.bar_start) AS day_vwap
    FROM {{ticks}}.bars_1s AS s FINAL
    WHERE s.{_WINDOW}
      AND s.session_date IN (SELECT session_date FROM {{rollups}}.live_sessions)
    GROUP BY day, symbol
"""


def _against_seconds(view: str, same: str) -> str:
    """Symbols that only one side has, or whose figures differ."""
    return f"""
    SELECT if(v.symbol = '', b.symbol, v.symbol) AS symbol,
           if(v.symbol = '', b.day, v.session_date) AS session
    FROM (SELECT * FROM {{rollups}}.{view} WHERE {_WINDOW}) AS v
    FULL JOIN ({_SECONDS}) AS b ON v.symbol = b.symbol AND v.session_date = b.day
    WHERE NOT (v.symbol = b.symbol AND {same})
    SETTINGS join_use_nulls = 0
    """


_VOLUME = "abs(v.volume - b.shares) <= 1e-9 * b.shares"

_LIVE_RULES: dict[str, Rule] = {
    "session_vwap": Rule(
        "equals_second_bars",
        "Volume, VWAP and the vendor's VWAP of every live session are those of its second bars.",
        _against_seconds(
            "session_vwap",
            f"{_VOLUME} AND v.as_of = b.newest AND v.vendor_vwap = b.day_vwap "
            "AND abs(v.vwap * v.volume - b.dollars) <= 1e-9 * b.dollars",
        ),
    ),
    "movers": Rule(
        "equals_second_bars",
        "Last price and volume of every live session are those of its second bars.",
        _against_seconds("movers", f"{_VOLUME} AND v.as_of = b.newest AND v.last_price = b.price"),
    ),
    "unusual_volume": Rule(
        "equals_second_bars",
        "The volume up to this time of day is that of the second bars before it.",
        f"""
        SELECT v.symbol AS symbol, v.volume AS volume, b.shares AS of_seconds
        FROM {{rollups}}.unusual_volume AS v
        LEFT JOIN (
            SELECT s.symbol AS symbol, sum(s.volume) AS shares
            FROM {{ticks}}.bars_1s AS s FINAL
            WHERE s.{_WINDOW}
              AND toHour(s.bar_start, 'America/New_York') * 60
                  + toMinute(s.bar_start, 'America/New_York')
                  < (SELECT any(until) FROM {{rollups}}.unusual_volume)
            GROUP BY symbol
        ) AS b ON v.symbol = b.symbol
        WHERE v.{_WINDOW} AND abs(v.volume - b.shares) > 1e-9 * b.shares
        SETTINGS join_use_nulls = 0
        """,
    ),
    "halts_in_force": Rule(
        "no_bar_during_halt",
        "No symbol has second bars with volume more than a minute after its halt began.",
        """
        SELECT h.symbol AS symbol, h.halted_at AS halted_at, max(s.bar_start) AS bar
        FROM {rollups}.halts_in_force AS h
        JOIN {ticks}.bars_1s AS s ON s.symbol = h.symbol
        WHERE s.session_date BETWEEN {first:Date} AND {last:Date} AND s.volume > 0
          AND s.session_date = toDate(h.halted_at, 'America/New_York')
          AND s.bar_start > h.halted_at + INTERVAL 60 SECOND
        GROUP BY symbol, halted_at
        """,
        severity="WARN",
    ),
    "staleness": Rule(
        "clock_is_the_newest_bar",
        "The clock is the newest bar of the whole stream, and silence counts from each symbol's.",
        f"""
        SELECT v.symbol AS symbol, v.clock AS clock, v.silence AS silence, b.newest AS newest
        FROM (SELECT * FROM {{rollups}}.staleness WHERE {_WINDOW}) AS v
        LEFT JOIN ({_SECONDS}) AS b ON v.symbol = b.symbol AND v.session_date = b.day
        WHERE NOT (
            v.clock = (SELECT max(newest) FROM ({_SECONDS}))
            AND v.silence = dateDiff('second', b.newest, v.clock)
        )
        SETTINGS join_use_nulls = 0
        """,
    ),
    "latency": Rule(
        "in_order",
        "A bar is received after its second and can be queried after it was received.",
        f"""
        SELECT 'every' AS symbol, minute, received_p50, queryable_p50, queryable_p99
        FROM {{rollups}}.latency
        WHERE {_WINDOW}
          AND NOT (0 <= received_p50 AND received_p50 <= queryable_p50
                   AND received_p99 <= queryable_p99 AND queryable_p50 <= queryable_p99)
        """,
        severity="WARN",
    ),
}


def _rule(name: str) -> Rule:
    """The rule of one view."""
    if name in _LIVE_RULES:
        return _LIVE_RULES[name]
    final = next(one.name for one in ROLLUPS if one.name.endswith(name.removeprefix("candles")))
    return Rule(
        "equals_second_bars",
        "Shares, trades, dollars, first, last, highest and lowest price of every symbol's session, "
        "live or final, equal those of its second bars.",
        session_difference(f"{{rollups}}.{name}"),
        also_reads=(("clickhouse", "rollups", final),),
    )


live_checks = [
    check for live in LIVE_ROLLUPS for check in clickhouse_checks(live.key, [_rule(live.name)])
]
