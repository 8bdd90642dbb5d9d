"""Checks on the rollups: a session in wide bars is the sum of its second bars."""

from polygon_assets.checks import Rule, clickhouse_checks
from polygon_assets.defs.rollups.assets import ROLLUPS
from polygon_assets.defs.rollups.rollup import Rollup

RELATIVE_ERROR = 1e-9
"""Sums of the same numbers in another order differ by rounding only."""

TOTALS = """
    SELECT session_date, symbol, sum(volume) AS shares, sum(trade_count) AS trades,
           max(high) AS highest, min(low) AS lowest, sum(vwap * volume) AS dollars,
           argMin(open, bar_start) AS first_price, argMax(close, bar_start) AS last_price
    FROM {table} {final}
    WHERE session_date BETWEEN {first:Date} AND {last:Date}
    GROUP BY session_date, symbol
"""


def rules(rollup: Rollup) -> list[Rule]:
    """The rules of one rollup."""
    table = f"{{rollups}}.{rollup.name}"
    return [
        Rule(
            "equals_second_bars",
            "Shares, trades, dollars, first, last, highest and lowest price of every symbol's "
            "session equal those of its second bars.",
            session_difference(table),
        ),
        Rule(
            "ohlc_consistent",
            "Low is the lowest and high the highest of a bar's prices.",
            f"SELECT symbol, bar_start, open, high, low, close FROM {table} "
            "WHERE session_date BETWEEN {first:Date} AND {last:Date} "
            "AND NOT (low > 0 AND low <= open AND low <= close AND high >= open AND high >= close)",
        ),
    ]


def session_difference(table: str) -> str:
    """Symbols whose totals differ, for the sessions that the rollup has.

    Without a window a check looks at every session; one that is streamed but not rolled up yet
    is not a difference.
    """
    wide = TOTALS.replace("{table}", table).replace("{final}", "")
    seconds = TOTALS.replace("{table}", "{ticks}.bars_1s").replace("{final}", "FINAL")
    return (
        f"SELECT s.session_date, s.symbol, s.shares, w.shares AS rolled_up FROM ({seconds}) AS s "
        f"FULL JOIN ({wide}) AS w ON s.session_date = w.session_date AND s.symbol = w.symbol "
        f"WHERE if(w.symbol = '', s.session_date, w.session_date) IN "
        f"(SELECT session_date FROM {table}) AND NOT ("
        "s.symbol = w.symbol AND s.trades = w.trades "
        "AND s.highest = w.highest AND s.lowest = w.lowest "
        "AND s.first_price = w.first_price AND s.last_price = w.last_price "
        f"AND abs(s.shares - w.shares) <= {RELATIVE_ERROR} * s.shares "
        f"AND abs(s.dollars - w.dollars) <= {RELATIVE_ERROR} * s.dollars)"
    )


rollup_checks = [
    check for rollup in ROLLUPS for check in clickhouse_checks(rollup.key, rules(rollup))
]
