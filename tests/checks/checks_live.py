"""Blocks of second bars as the sink inserts them, and what the live rollups say of them."""

import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from checks_bars import COLUMNS, Second, Wide
from hypothesis import strategies as st

from polygon_assets.resources.clickhouse import ClickHouse

# What the sink sends with every block.
INSERT = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "input_format_parallel_parsing": 0,
    "input_format_skip_unknown_fields": 1,
    "input_format_null_as_default": 1,
}
VENDOR_COLUMNS = ["kafka_partition", "kafka_offset", "received_ms"]
VENDOR_COLUMNS += ["sym", "v", "av", "op", "vw", "o", "c", "h", "l", "a", "z", "s"]

WIDTHS = ["1m", "5m", "1h", "1d"]


@dataclass(frozen=True)
class Extra:
    """What a bar carries besides its own figures."""

    partition: int = 0
    accumulated_volume: float = 0.0
    day_open: float = 0.0
    day_vwap: float = 0.0
    received_at: datetime | None = None


@dataclass
class Block:
    """One insert: rows of one Kafka partition, and the token under which they are remembered."""

    bars: Sequence[Second]
    extra: Extra = field(default_factory=Extra)
    token: str = field(default_factory=lambda: uuid.uuid4().hex)


def insert_block(clickhouse: ClickHouse, block: Block) -> None:
    """Insert as the sink does: the vendor's JSON, one block, one token."""
    body = "\n".join(json.dumps(message(bar, block.extra)) for bar in block.bars)
    with clickhouse.client() as client:
        client.raw_insert(
            f"{clickhouse.ticks}.bars_1s",
            column_names=VENDOR_COLUMNS,
            insert_block=body.encode(),
            settings=INSERT | {"insert_deduplication_token": block.token},
            fmt="JSONEachRow",
        )


def message(bar: Second, extra: Extra) -> dict[str, object]:
    """One row under the vendor's names."""
    start = int(bar.bar_start.timestamp()) * 1000
    received = extra.received_at.timestamp() * 1000 if extra.received_at else start + 1000
    return {
        "kafka_partition": extra.partition,
        "kafka_offset": bar.kafka_offset,
        "received_ms": round(received),
        "sym": bar.symbol,
        "s": start,
        **{"o": bar.open, "h": bar.high, "l": bar.low, "c": bar.close},
        **{"v": bar.volume, "vw": bar.vwap},
        "z": bar.volume / bar.trade_count if bar.trade_count else 0,
        "av": extra.accumulated_volume,
        "op": extra.day_open,
        "a": extra.day_vwap,
    }


def live(clickhouse: ClickHouse) -> dict[str, Wide]:
    """Every candle of every width, under the names of the final tables."""
    columns = ", ".join(COLUMNS[1:])
    rows = clickhouse.query(
        " UNION ALL ".join(
            f"SELECT '{width}', {columns} FROM {{rollups}}.candles_{width}" for width in WIDTHS
        )
    )
    found: dict[str, Wide] = {f"bars_{width}": {} for width in WIDTHS}
    for width, symbol, start, *values in rows:
        key = (symbol, start.replace(tzinfo=UTC))
        assert key not in found[f"bars_{width}"], f"{key} is there twice"
        found[f"bars_{width}"][key] = tuple(values)
    return found


@st.composite
def deliveries(draw: st.DrawFn, base: Sequence[Second]) -> list[Block]:
    """Blocks in which a session may arrive.

    Bars of each partition in any order and split anywhere, some repeated under a new offset, some
    blocks sent again with their token at any later time, partitions interleaved.
    """
    dice = random.Random(draw(st.integers(0, 1_000_000)))
    blocks: list[Block] = []
    for partition, symbols in enumerate(({"AAPL", "ZZAA"}, {"MSFT"})):
        bars = [bar for bar in base if bar.symbol in symbols]
        dice.shuffle(bars)
        while bars:
            size = draw(st.integers(1, 14))
            block, bars = bars[:size], bars[size:]
            blocks.append(Block(block, Extra(partition)))
    dice.shuffle(blocks)
    for again in draw(st.lists(st.integers(0, len(blocks) - 1), max_size=3)):
        blocks.insert(dice.randint(again + 1, len(blocks)), blocks[again])
    return blocks
