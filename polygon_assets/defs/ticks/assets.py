"""What the stream writes: Dagster sees it, the producer and the sink fill it."""

import dagster as dg

from polygon_assets.policies import session_spec

BARS_TOPIC = ["kafka", "stocks", "agg_1s"]
MINUTES_TOPIC = ["kafka", "stocks", "agg_1m"]
TRADES_TOPIC = ["kafka", "stocks", "trades"]
QUOTES_TOPIC = ["kafka", "stocks", "quotes"]
LULD_TOPIC = ["kafka", "stocks", "luld"]
GAPS_TOPIC = ["kafka", "stocks", "gaps"]
DEAD_LETTER_TOPIC = ["kafka", "stocks", "dead_letter"]
BARS_1S = ["clickhouse", "ticks", "bars_1s"]

MARKET_TOPICS = {
    tuple(BARS_TOPIC): "Second bars as the vendor sent them: one JSON message per bar, key = "
    "symbol. A bar that was sent before is a replacement.",
    tuple(MINUTES_TOPIC): "Minute bars as the vendor sent them, one JSON message per bar, key = "
    "symbol. A bar that was sent before is a replacement.",
    tuple(TRADES_TOPIC): "Trades as the vendor sent them, one JSON message per trade, key = "
    "symbol.",
    tuple(QUOTES_TOPIC): "Best bid and ask as the vendor sent them, one JSON message per quote, "
    "key = symbol.",
    tuple(LULD_TOPIC): "Price bands and halts (limit up, limit down) as the vendor sent them, key "
    "= symbol.",
}
"""Topic of the vendor's events -> what one message is. A topic that no subscription fills is
empty, and complete with that."""

TOPIC_KEYS = [*map(list, MARKET_TOPICS), GAPS_TOPIC, DEAD_LETTER_TOPIC]
TABLE_KEYS = [BARS_1S]
STREAM_KEYS = [*TOPIC_KEYS, *TABLE_KEYS]

stream_specs = [
    *(
        session_spec(key, description=description, kinds=["kafka", "ecs"])
        for key, description in MARKET_TOPICS.items()
    ),
    session_spec(
        GAPS_TOPIC,
        description="One record per time without a connection to the vendor: what may be missing.",
        kinds=["kafka", "ecs"],
    ),
    session_spec(
        DEAD_LETTER_TOPIC,
        description="Messages that could not be understood, with the reason. Nothing is dropped.",
        kinds=["kafka", "ecs"],
    ),
    session_spec(
        BARS_1S,
        description="Second bars, one row per session, symbol and second after replacement "
        "(query with FINAL). Provisional: the vendor may replace a bar for fifteen minutes.",
        kinds=["clickhouse", "table"],
        deps=[dg.AssetKey(BARS_TOPIC)],
    ),
]
