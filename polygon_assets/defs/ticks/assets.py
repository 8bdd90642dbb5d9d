"""What the stream writes: Dagster sees it, the producer and the sink fill it."""

from polygon_assets.policies import session_spec

BARS_TOPIC = ["kafka", "stocks", "agg_1s"]
GAPS_TOPIC = ["kafka", "stocks", "gaps"]
DEAD_LETTER_TOPIC = ["kafka", "stocks", "dead_letter"]
BARS_1S = ["clickhouse", "ticks", "bars_1s"]

TOPIC_KEYS = [BARS_TOPIC, GAPS_TOPIC, DEAD_LETTER_TOPIC]
TABLE_KEYS = [BARS_1S]
STREAM_KEYS = [*TOPIC_KEYS, *TABLE_KEYS]

_bars_topic = session_spec(
    BARS_TOPIC,
    description="Second bars as the vendor sent them: one JSON message per bar, key = symbol. "
    "A bar that was sent before is a replacement.",
    kinds=["kafka", "ecs"],
)

stream_specs = [
    _bars_topic,
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
        deps=[_bars_topic.key],
    ),
]
