"""The other tables that the sink fills: what they hold, and the rules about their rows."""

import dagster as dg

from polygon_assets.checks import Rule
from polygon_assets.defs.ticks.assets import (
    DEAD_LETTER_TOPIC,
    GAPS_TOPIC,
    LULD_TOPIC,
    MINUTES_TOPIC,
    QUOTES_TOPIC,
    TRADES_TOPIC,
)
from polygon_assets.policies import session_spec

WINDOW = "session_date BETWEEN {first:Date} AND {last:Date}"
GAP_SESSION = "toDate(disconnected_at, 'America/New_York')"
LETTER_SESSION = "toDate(received_at, 'America/New_York')"

SESSION_OF: dict[tuple[str, ...], str] = {
    ("clickhouse", "ticks", "bars_1m"): "session_date",
    ("clickhouse", "ticks", "trades"): "session_date",
    ("clickhouse", "ticks", "quotes"): "session_date",
    ("clickhouse", "ticks", "halts"): "session_date",
    ("clickhouse", "ticks", "gaps"): GAP_SESSION,
    ("clickhouse", "ticks", "dead_letters"): LETTER_SESSION,
}
"""Table's asset key -> ClickHouse expression for the session of a row."""


def _table(name: str, topic: list[str], description: str) -> dg.AssetSpec:
    return session_spec(
        ["clickhouse", "ticks", name],
        description=description,
        kinds=["clickhouse", "table"],
        deps=[dg.AssetKey(topic)],
    )


table_specs = [
    _table(
        "bars_1m",
        MINUTES_TOPIC,
        "The vendor's own minute bars, one row per symbol and minute after replacement (query "
        "with FINAL).",
    ),
    _table("trades", TRADES_TOPIC, "Trades, one row each, with conditions and exchange."),
    _table("quotes", QUOTES_TOPIC, "Best bid and ask, one row per change."),
    _table("halts", LULD_TOPIC, "Price bands, halts and resumptions, one row per message."),
    _table("gaps", GAPS_TOPIC, "Times without a connection to the vendor, one row each."),
    _table(
        "dead_letters",
        DEAD_LETTER_TOPIC,
        "Messages that could not be understood, with the reason and where they came from.",
    ),
]


def _session_of(column: str) -> Rule:
    return Rule(
        "session_of_row",
        "A row belongs to the session of its New York date.",
        f"SELECT symbol, {column}, session_date FROM {{ticks}}.{{table}} "
        f"WHERE {WINDOW} AND session_date != toDate({column}, 'America/New_York')",
    )


_RULES: dict[str, list[Rule]] = {
    "bars_1m": [
        Rule(
            "ohlc_consistent",
            "Low is the lowest and high the highest of a bar's prices, and all are positive.",
            "SELECT symbol, bar_start, open, high, low, close FROM {ticks}.{table} FINAL "
            f"WHERE {WINDOW} AND NOT (low > 0 AND low <= open AND low <= close "
            "AND high >= open AND high >= close)",
        ),
        _session_of("bar_start"),
    ],
    "trades": [
        Rule(
            "price_and_size",
            "A trade has a positive price, and no negative size; zero is a fraction of a share "
            "that the vendor rounds down.",
            "SELECT symbol, traded_at, price, size FROM {ticks}.{table} "
            f"WHERE {WINDOW} AND NOT (price > 0 AND size >= 0)",
        ),
        _session_of("traded_at"),
    ],
    "quotes": [
        Rule(
            "bid_and_ask",
            "Prices and sizes are not negative; zero is a side without a quote. Bid above ask "
            "happens between exchanges and is no violation.",
            "SELECT symbol, quoted_at, bid_price, ask_price, bid_size, ask_size "
            f"FROM {{ticks}}.{{table}} WHERE {WINDOW} AND NOT "
            "(bid_price >= 0 AND ask_price >= 0 AND bid_size >= 0 AND ask_size >= 0)",
        ),
        _session_of("quoted_at"),
    ],
    "halts": [
        Rule(
            "band_in_order",
            "The upper price of a band is not below the lower one.",
            "SELECT symbol, event_at, lower_price, upper_price FROM {ticks}.{table} "
            f"WHERE {WINDOW} AND NOT (lower_price >= 0 AND upper_price >= lower_price)",
        ),
        _session_of("event_at"),
    ],
    "gaps": [
        Rule(
            "ends_after_it_begins",
            "The connection comes back after it was lost.",
            "SELECT disconnected_at, reconnected_at, reason FROM {ticks}.{table} "
            f"WHERE {GAP_SESSION} BETWEEN {{first:Date}} AND {{last:Date}} "
            "AND reconnected_at < disconnected_at",
        ),
    ],
    "dead_letters": [
        Rule(
            "reason_given",
            "Every dead letter says why it is one.",
            "SELECT received_at, source, reason FROM {ticks}.{table} "
            f"WHERE {LETTER_SESSION} BETWEEN {{first:Date}} AND {{last:Date}} AND reason = ''",
        ),
    ],
}

TABLE_RULES = {
    ("clickhouse", "ticks", table): [
        Rule(rule.name, rule.description, rule.violations.replace("{table}", table))
        for rule in rules
    ]
    for table, rules in _RULES.items()
}
"""Table's asset key -> its rules. An empty table keeps them all; a missing one is an error."""
