"""Second bars that keep every rule, and statements that break one rule each."""

from datetime import date

from checks_bars import COLUMNS, Second, insert_seconds, second
from checks_support import MONDAY, TUESDAY, RuleKey

from polygon_assets.defs.rollups.assets import ROLLUPS
from polygon_assets.defs.rollups.rebuild import rebuild_session
from polygon_assets.resources.clickhouse import ClickHouse

FRIDAY = "2005-02-25"
SYMBOLS = ["AAPL", "BRK.A", "FB", "GOOG", "IBM", "MSFT", "ZZAA", "ZZAB"]
SESSION = f"session_date = '{MONDAY}'"
SECONDS = "{ticks}.bars_1s"
COLUMN_LIST = ", ".join(COLUMNS)


def good_seconds(day: str) -> list[Second]:
    """Bars at the open, an hour later, long before the open and long after the close."""
    session = date.fromisoformat(day)
    regular = [second(symbol, session, at) for symbol in SYMBOLS for at in (0, 1, 3700)]
    # 04:00 and 19:30 in New York: the last has the next day's date in UTC.
    extended = [second("AAPL", session, at) for at in (-19_800, 36_000)]
    still = Second("ZZAB", regular[0].bar_start, 5.0, 5.0, 5.0, 5.0, 0.0, 0.0, 0, kafka_offset=1)
    return [*regular, *extended, still]


def fill(clickhouse: ClickHouse, asset: str = "") -> None:
    """Monday in second bars and in every rollup, or up to that of an asset, as the product does."""
    insert_seconds(clickhouse, good_seconds(MONDAY))
    tables = ["bars_1s", *(rollup.name for rollup in ROLLUPS)]
    built = tables.index(asset.rpartition("/")[2]) if asset else len(ROLLUPS)
    for rollup in ROLLUPS[:built]:
        rebuild_session(clickhouse, rollup, date.fromisoformat(MONDAY))


def execute(clickhouse: ClickHouse, *statements: str) -> None:
    """Run statements in which ``{ticks}`` and ``{rollups}`` stand for the databases."""
    with clickhouse.client() as client:
        for statement in statements:
            client.command(clickhouse.render(statement))


def _second(ticker: str, prices: str, vwap: str = "20.0", start: str = "15:00:00") -> str:
    """A second bar: open, high, low, close, then the average price."""
    moment = start if " " in start else f"{MONDAY} {start}"
    return (
        f"INSERT INTO {SECONDS} ({COLUMN_LIST}, kafka_offset) VALUES "
        f"('{MONDAY}', '{ticker}', '{moment}', {prices}, 10, {vwap}, 1, 2)"
    )


def _late(symbol: str, change: str, which: str = "ASC") -> str:
    """Another version of a symbol's first or last second, after the rollup was built."""
    column = change.rpartition(" ")[2]
    changed = COLUMN_LIST.replace(f" {column}", f" {change}")
    return (
        f"INSERT INTO {SECONDS} ({COLUMN_LIST}, kafka_offset) SELECT {changed}, 99 FROM {SECONDS} "
        f"WHERE {SESSION} AND symbol = '{symbol}' ORDER BY bar_start {which} LIMIT 1"
    )


def _differences(table: str) -> list[str]:
    """One symbol each: every total that can differ, and a symbol on one side only."""
    return [
        _late("AAPL", "volume + 0.001 AS volume"),
        _late("BRK.A", "trade_count + 1 AS trade_count"),
        _late("FB", "high + 1 AS high"),
        _late("GOOG", "low - 1 AS low"),
        _late("IBM", "open + 0.01 AS open"),
        _late("MSFT", "close + 0.01 AS close", "DESC"),
        _late("ZZAA", "vwap + 0.01 AS vwap"),
        _second("ZZSEC", "20, 21, 19, 20"),
        f"INSERT INTO {table} VALUES "
        f"('{MONDAY}', 'ZZROL', '{MONDAY} 15:00:00', 20, 21, 19, 20, 10, 20, 1)",
        # Added twice.
        f"INSERT INTO {table} SELECT * FROM {table} WHERE {SESSION} AND symbol = 'ZZAB'",
    ]


def _inconsistent(table: str, symbol: str, bar: str) -> str:
    """A wide bar after the last, that leaves every total of the session as it is."""
    return (
        f"INSERT INTO {table} SELECT session_date, symbol, max(bar_start) + 1, {bar}, 0, 20, 0 "
        f"FROM {table} WHERE {SESSION} AND symbol = '{symbol}' GROUP BY session_date, symbol"
    )


TICKS = "clickhouse/ticks/bars_1s"

BREAKS: dict[RuleKey, list[str]] = {
    (TICKS, "ohlc_consistent"): [
        _second("LOWOPEN", "20, 22, 20.1, 21", "20.5"),
        _second("HIGHCLOSE", "20, 20.9, 19, 21"),
        _second("ZERO", "20, 21, 0, 20"),
        _second("NEGATIVE", "20, 21, -1, 20"),
        _second("NOTHING", "nan, 21, 19, 20"),
    ],
    (TICKS, "vwap_inside_bar"): [
        _second("ABOVE", "20, 21, 19, 20", "21.001"),
        _second("BELOW", "20, 21, 19, 20", "18.999"),
    ],
    (TICKS, "session_of_bar"): [
        # Midnight in New York is the next day; the day in UTC begins five hours too early.
        _second("NEXT", "20, 21, 19, 20", start=f"{TUESDAY} 05:00:00"),
        _second("UTC", "20, 21, 19, 20", start=f"{MONDAY} 04:59:59"),
    ],
}
"""Rule -> statements. Each makes one more violation of it on Monday, and of no other rule."""

for _rollup in ROLLUPS:
    _asset, _table = "/".join(_rollup.key), f"{{rollups}}.{_rollup.name}"
    _last = f"argMax({_table.rpartition('.')[2]}.close, bar_start)"
    BREAKS[_asset, "equals_second_bars"] = _differences(_table)
    BREAKS[_asset, "ohlc_consistent"] = [
        _inconsistent(_table, "AAPL", f"999, {_last}, {_last}, {_last}"),
        _inconsistent(_table, "FB", f"{_last}, {_last}, {_last} + 0.1, {_last}"),
    ]
