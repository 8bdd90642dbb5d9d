"""The other tables of the stream with good rows, and statements that break one rule each."""

from checks_support import MONDAY, RuleKey
from support.stream_tables import create_missing

from polygon_assets.resources.clickhouse import ClickHouse


def create(clickhouse: ClickHouse) -> ClickHouse:
    """Make the tables anew, in a database of their own.

    They have the columns of the schema, and none of its constraints: a constraint keeps a row out
    before a rule can see it.
    """
    own = ClickHouse(**(clickhouse.model_dump() | {"ticks": "stream_tables"}))
    with own.client() as client:
        client.command(f"DROP DATABASE IF EXISTS {own.ticks}")
        client.command(f"CREATE DATABASE {own.ticks}")
        create_missing(client, own.ticks)
    return own


def _insert(table: str, **values: object) -> str:
    columns = ", ".join(values)
    shown = ", ".join(f"'{one}'" if isinstance(one, str) else str(one) for one in values.values())
    return f"INSERT INTO {{ticks}}.{table} ({columns}) VALUES ({shown})"


NOON, EVENING = f"{MONDAY} 17:00:00", f"{MONDAY} 23:00:00"
MIDNIGHT = "2005-03-01 05:00:00"
"""Of New York: the next day's."""

_ROW = {"session_date": MONDAY, "symbol": "AAPL"}


def _bar(start: str = NOON, **changed: object) -> str:
    bar = {"open": 20, "high": 21, "low": 19, "close": 20, "volume": 5, "vwap": 20}
    return _insert("bars_1m", **(_ROW | {"bar_start": start} | bar | changed))


def _trade(at: str = NOON, **changed: object) -> str:
    return _insert("trades", **(_ROW | {"traded_at": at, "price": 20, "size": 1} | changed))


def _quote(at: str = NOON, **changed: object) -> str:
    quote = {"bid_price": 20, "bid_size": 1, "ask_price": 21, "ask_size": 1}
    return _insert("quotes", **(_ROW | {"quoted_at": at} | quote | changed))


def _halt(at: str = NOON, **changed: object) -> str:
    return _insert(
        "halts", **(_ROW | {"event_at": at, "upper_price": 21, "lower_price": 19} | changed)
    )


def _gap(begins: str, ends: str) -> str:
    return _insert("gaps", disconnected_at=begins, reconnected_at=ends, reason="closed 1006")


def _letter(reason: str) -> str:
    return _insert("dead_letters", reason=reason, source="sink", received_at=NOON)


GOOD = [
    *(_bar(), _bar(EVENING, symbol="MSFT")),
    *(_trade(), _trade(EVENING, size=0)),
    *(_quote(), _quote(bid_price=0, bid_size=0), _quote(bid_price=22)),
    *(_halt(), _halt(upper_price=0, lower_price=0)),
    *(_gap(NOON, EVENING), _gap(NOON, NOON)),
    _letter("not JSON"),
]
"""Rows that keep every rule, odd ones too."""

_NAMES: dict[tuple[str, str], list[str]] = {
    ("bars_1m", "ohlc_consistent"): [
        _bar(symbol="LOW", low=20.5),
        _bar(symbol="HIGH", high=19.5, low=19),
        _bar(symbol="ZERO", low=0),
    ],
    ("bars_1m", "session_of_row"): [_bar(MIDNIGHT, symbol="NEXT")],
    ("trades", "price_and_size"): [_trade(price=0.0), _trade(price=-1), _trade(size=-1)],
    ("trades", "session_of_row"): [_trade(MIDNIGHT)],
    ("quotes", "bid_and_ask"): [
        *(_quote(bid_price=-1), _quote(ask_price=-1), _quote(bid_size=-1), _quote(ask_size=-1)),
    ],
    ("quotes", "session_of_row"): [_quote(MIDNIGHT)],
    ("halts", "band_in_order"): [_halt(lower_price=21.5), _halt(lower_price=-1)],
    ("halts", "session_of_row"): [_halt(MIDNIGHT)],
    ("gaps", "ends_after_it_begins"): [_gap(EVENING, NOON)],
    ("dead_letters", "reason_given"): [_letter("")],
}

BREAKS: dict[RuleKey, list[str]] = {
    (f"clickhouse/ticks/{table}", rule): statements for (table, rule), statements in _NAMES.items()
}
"""Rule -> statements. Each makes one more violation of it on Monday, and of no other rule."""
