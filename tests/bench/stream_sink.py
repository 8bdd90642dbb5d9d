"""The sink against bare insertion of the same bytes: events per CPU second, ClickHouse included."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from bench.stream_producer import LOOK_SECONDS, Rate, limit
from confluent_kafka import Message
from rich.table import Table
from support.program import Program, wait_for
from support.stream_programs import Chain

WARM_UP = 10_000
TARGET = 0.9
PATIENT = {"SINK_SESSION_TIMEOUT_MS": "120000"}
"""The sink is stopped while Kafka is filled, and must not lose its partitions by that."""

BARE = {
    "async_insert": 0,
    "insert_deduplicate": 0,
    "input_format_parallel_parsing": 0,
    "input_format_skip_unknown_fields": 1,
    "input_format_null_as_default": 1,
}
VIEWS = """
SELECT database, name, create_table_query FROM system.tables
WHERE engine = 'MaterializedView' AND create_table_query NOT LIKE '%REFRESH%'
AND position(as_select, '{db}.bars_1s') > 0 ORDER BY database, name
"""


@dataclass(frozen=True)
class View:
    """A materialized view on the second bars."""

    name: str
    create: str


def measure_sink(chain: Chain, events: int) -> tuple[Table, bool]:
    """The sink with and without live rollups, bare insertion, and what reading Kafka costs.

    Args:
        chain: With an empty topic.
        events: For each measurement.

    Returns:
        A table, and whether the target is met.
    """
    views = [View(f"{db}.{name}", create) for db, name, create in chain.query(VIEWS)]
    sink = chain.sink(**PATIENT).start()
    _fill(chain, WARM_UP)
    _settle(chain, sink)
    rows: list[tuple[str, Rate]] = []
    if views:
        rows.append((f"sink, {len(views)} rollups on", _sink(chain, sink, events)))
        for view in views:
            chain.query(f"DROP VIEW {view.name}")
    plain = _sink(chain, sink, events)
    rows.append(("sink, rollups off", plain))
    consume = limit(chain, "consume", events)
    batches = list(_batches(chain, events))
    sink.stop()
    bare = _bare(chain, batches)
    for view in views:
        chain.query(view.create)
        rows.append((f"bare insertion, with {view.name}", _bare(chain, batches)))
        chain.query(f"DROP VIEW {view.name}")
    without = Rate(plain.events, plain.cpu_seconds - consume.cpu_seconds, plain.wall_seconds)
    rows.append(("sink without consuming", without))
    rows.append(("bare raw_insert", bare))
    rows.append(("bare consume loop", consume))
    sizes = [body.count(b"\n") + 1 for body in batches]
    return _table(rows, bare, sizes), without.per_cpu_second >= TARGET * bare.per_cpu_second


def _fill(chain: Chain, events: int) -> int:
    return limit(chain, "produce", events).events


def _settle(chain: Chain, sink: Program) -> None:
    def settled() -> bool:
        sink.must_run()
        time.sleep(LOOK_SECONDS)
        return chain.lag(chain.topics.agg_1s) == 0

    wait_for(settled, "the sink", 600)


def _sink(chain: Chain, sink: Program, events: int) -> Rate:
    """What the sink and ClickHouse spend on a full topic, until no merge runs any more."""
    sink.signal(signal.SIGSTOP)
    filled = _fill(chain, events)
    before, began = sink.cpu_seconds() + chain.clickhouse.cpu_seconds(), time.monotonic()
    sink.signal(signal.SIGCONT)
    _settle(chain, sink)
    wall = time.monotonic() - began
    _merge(chain)
    return Rate(filled, sink.cpu_seconds() + chain.clickhouse.cpu_seconds() - before, wall)


def _merge(chain: Chain) -> None:
    wait_for(lambda: chain.query("SELECT count() FROM system.merges") == [(0,)], "merges", 300)


def _batches(chain: Chain, events: int) -> Iterator[bytes]:
    """The bodies of the sink's last batches, as it formed them."""
    messages: dict[int, dict[int, Message]] = {}
    for message in chain.read(chain.topics.agg_1s):
        messages.setdefault(message.partition() or 0, {})[message.offset() or 0] = message
    bounds = chain.query(
        "SELECT kafka_partition, first_offset, last_offset FROM {db}.sink_batches FINAL "
        f"WHERE topic = '{chain.topics.agg_1s}' ORDER BY queryable_at DESC"
    )
    left = events
    for partition, first, last in bounds:
        if left <= 0:
            return
        left -= last - first + 1
        yield b"\n".join(_line(messages[partition][o]) for o in range(first, last + 1))


def _line(message: Message) -> bytes:
    value = message.value()
    assert isinstance(value, bytes)
    place = (message.partition(), message.offset(), message.timestamp()[1])
    return b'{"kafka_partition":%d,"kafka_offset":%d,"received_ms":%d,' % place + value[1:]


def _bare(chain: Chain, batches: list[bytes]) -> Rate:
    """What bare insertion of the batches costs here and in ClickHouse, merges included."""
    chain.query("TRUNCATE TABLE {db}.bars_1s")
    columns = chain.query(
        f"SELECT name FROM system.columns WHERE database = '{chain.database}' AND "
        "table = 'bars_1s' AND (default_kind = 'EPHEMERAL' OR name IN "
        "('kafka_partition', 'kafka_offset'))"
    )
    names = [name for (name,) in columns]
    with closing(chain.client()) as client:
        spent = time.process_time() + chain.clickhouse.cpu_seconds()
        began = time.monotonic()
        for body in batches:
            client.raw_insert(
                f"{chain.database}.bars_1s",
                column_names=names,
                insert_block=body,
                settings=BARE,
                fmt="JSONEachRow",
            )
        wall = time.monotonic() - began
        inserting = time.process_time()
    _merge(chain)
    rows = sum(body.count(b"\n") + 1 for body in batches)
    return Rate(rows, inserting + chain.clickhouse.cpu_seconds() - spent, wall)


def _table(rows: list[tuple[str, Rate]], bare: Rate, sizes: list[int]) -> Table:
    mean = sum(sizes) / max(len(sizes), 1)
    table = Table(
        "Kafka to ClickHouse", "events", "CPU s", "events/CPU-s", "rows/s", "x bare", "target",
        title=f"Sink (CPU of sink and ClickHouse), {len(sizes)} batches of {mean:,.0f} rows",
    )  # fmt: skip
    for column in table.columns[1:]:
        column.justify = "right"
    for name, rate in rows:
        table.add_row(
            name,
            f"{rate.events:,}",
            f"{rate.cpu_seconds:.2f}",
            f"{rate.per_cpu_second:,.0f}",
            f"{rate.events / max(rate.wall_seconds, 1e-9):,.0f}",
            f"{rate.per_cpu_second / bare.per_cpu_second:.2f}",
            f">= {TARGET:g}" if "without" in name else "",
        )
    return table
