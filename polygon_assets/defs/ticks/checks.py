"""Checks on what the stream wrote."""

from collections.abc import Sequence

import dagster as dg

from polygon_assets.checks import Rule, clickhouse_checks
from polygon_assets.code_versions import METADATA_KEY, code_version
from polygon_assets.defs.ticks.assets import BARS_1S, DEAD_LETTER_TOPIC, GAPS_TOPIC, MARKET_TOPICS
from polygon_assets.defs.ticks.lag import MAX_LAG
from polygon_assets.defs.ticks.tables import TABLE_RULES
from polygon_assets.policies import check_metadata
from polygon_assets.resources.kafka import Kafka

VERSION = {METADATA_KEY: code_version(__name__)}

WINDOW = "session_date BETWEEN {first:Date} AND {last:Date}"

BARS_RULES = [
    Rule(
        "ohlc_consistent",
        "Low is the lowest and high the highest of a bar's prices, and all are positive.",
        "SELECT symbol, bar_start, open, high, low, close FROM {ticks}.bars_1s FINAL "
        # Four comparisons: least() and greatest() pass over a price that is not a number.
        f"WHERE {WINDOW} AND NOT (low > 0 AND low <= open AND low <= close "
        "AND high >= open AND high >= close)",
    ),
    Rule(
        "vwap_inside_bar",
        "The volume-weighted price of a bar lies between its low and its high.",
        "SELECT symbol, bar_start, vwap, low, high FROM {ticks}.bars_1s FINAL "
        f"WHERE {WINDOW} AND volume > 0 AND NOT (vwap BETWEEN low - 0.0001 AND high + 0.0001)",
    ),
    Rule(
        "session_of_bar",
        "A bar belongs to the session of its New York date.",
        "SELECT symbol, bar_start, session_date FROM {ticks}.bars_1s "
        f"WHERE {WINDOW} AND session_date != toDate(bar_start, 'America/New_York')",
    ),
]


def keeps_up_check(key: Sequence[str]) -> dg.AssetChecksDefinition:
    """The check that the sink keeps up with one topic."""

    @dg.asset_check(
        asset=dg.AssetKey(key),
        name="sink_keeps_up",
        description="The sink keeps up: its lag is below the limit at which one more is started.",
        metadata=VERSION | check_metadata(key, "ERROR"),
    )
    def sink_keeps_up(kafka: Kafka) -> dg.AssetCheckResult:
        topic = kafka.topics()[key[-1]]
        lag = sum(kafka.lag(topic).values())
        return dg.AssetCheckResult(
            passed=lag <= MAX_LAG,
            description=f"The sink is {lag} messages of {topic} behind; the limit is {MAX_LAG}.",
            metadata={"lag": lag, "limit": MAX_LAG},
        )

    return sink_keeps_up


keeps_up_checks = {key: keeps_up_check(key) for key in MARKET_TOPICS}
"""Topic's asset key -> its check."""


@dg.asset_check(
    asset=dg.AssetKey(GAPS_TOPIC),
    description="The producer was connected without interruption.",
    metadata=VERSION | check_metadata(GAPS_TOPIC, "WARN"),
)
def no_gaps(kafka: Kafka) -> dg.AssetCheckResult:
    """Count the gap records that the topic holds."""
    return _empty_topic(kafka, kafka.gaps_topic, "times without a connection to the vendor")


@dg.asset_check(
    asset=dg.AssetKey(DEAD_LETTER_TOPIC),
    description="Every message was understood.",
    metadata=VERSION | check_metadata(DEAD_LETTER_TOPIC, "WARN"),
)
def no_dead_letters(kafka: Kafka) -> dg.AssetCheckResult:
    """Count the dead letters that the topic holds."""
    return _empty_topic(kafka, kafka.dead_letter_topic, "messages that were not understood")


def _empty_topic(kafka: Kafka, topic: str, what: str) -> dg.AssetCheckResult:
    count = kafka.message_count(topic)
    return dg.AssetCheckResult(
        passed=count == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{topic} holds {count} {what}.",
        metadata={"messages": count, "topic": topic},
    )


ticks_checks = [
    *keeps_up_checks.values(),
    no_gaps,
    no_dead_letters,
    *clickhouse_checks(BARS_1S, BARS_RULES),
    *(check for key, rules in TABLE_RULES.items() for check in clickhouse_checks(key, rules)),
]
