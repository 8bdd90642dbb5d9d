"""The session of the most traded symbol as candles."""

from datetime import date

from polygon_assets.candles import Candle
from polygon_assets.defs.rollups.rollup import Rollup
from polygon_assets.resources.clickhouse import ClickHouse

BARS = """
SELECT formatDateTime(bar_start, '%H:%i', 'America/New_York'), symbol, open, high, low, close
FROM {table}
WHERE session_date = {session:Date} AND symbol = (
    SELECT symbol FROM {table} WHERE session_date = {session:Date}
    GROUP BY symbol ORDER BY sum(vwap * volume) DESC, symbol LIMIT 1
)
ORDER BY bar_start
"""


def most_traded(
    clickhouse: ClickHouse, rollup: Rollup, session: date
) -> tuple[str, list[Candle]] | None:
    """A title and the candles of the symbol with the most dollars traded.

    Returns:
        None if the rollup has no bars of the session.
    """
    sql = BARS.replace("{table}", f"{{rollups}}.{rollup.name}")
    rows = clickhouse.query(sql, {"session": session})
    if not rows:
        return None
    candles = [Candle(str(label), *map(float, prices)) for label, _, *prices in rows]
    return f"{rows[0][1]} {session}, {rollup.name}, USD, New York time", candles
