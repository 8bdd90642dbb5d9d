"""The sink against bare insertion of the same bytes: events per CPU second, ClickHouse included."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing

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


def measure_sink(chain: Chain, events: int) -> tuple[Table, bool]:
    """The sink, bare insertion, and what reading Kafka costs.

    Args:
        chain: With an empty topic.
        events: For each measurement.

    Returns:
        A table, and whether the target is met.
    """
    sink = chain.sink(**PATIENT).start()
    _fill(chain, WARM_UP)
    _settle(chain, sink)
    whole = _sink(chain, sink, events)
    consume = limit(chain, "consume", events)
    batches = list(_batches(chain, events))
    sink.stop()
    bare = _bare(chain, batches)
    without = Rate(
        whole.events,
        whole.cpu_seconds - consume.cpu_seconds,
        whole.wall_seconds,
        whole.clickhouse_seconds,
    )
    rows = [
        ("sink", whole),
        ("sink without consuming", without),
        ("bare raw_insert", bare),
        ("bare consume loop", consume),
    ]
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
    chain.query("TRUNCATE TABLE {db}.bars_1s")
    _merge(chain)
    ours, theirs, began = sink.cpu_seconds(), chain.clickhouse.cpu_seconds(), time.monotonic()
    sink.signal(signal.SIGCONT)
    _settle(chain, sink)
    wall = time.monotonic() - began
    _merge(chain)
    theirs = chain.clickhouse.cpu_seconds() - theirs
    return Rate(filled, sink.cpu_seconds() - ours + theirs, wall, theirs)


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
        spent, theirs = time.process_time(), chain.clickhouse.cpu_seconds()
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
        spent = time.process_time() - spent
    _merge(chain)
    theirs = chain.clickhouse.cpu_seconds() - theirs
    rows = sum(body.count(b"\n") + 1 for body in batches)
    return Rate(rows, spent + theirs, wall, theirs)


def _table(rows: list[tuple[str, Rate]], bare: Rate, sizes: list[int]) -> Table:
    mean = sum(sizes) / max(len(sizes), 1)
    table = Table(
        "Kafka to ClickHouse", "events", "CPU s", "ClickHouse's", "events/CPU-s", "rows/s",
        "x bare", "target",
        title=f"Sink (CPU of sink and ClickHouse), {len(sizes)} batches of {mean:,.0f} rows",
    )  # fmt: skip
    for column in table.columns[1:]:
        column.justify = "right"
    for name, rate in rows:
        table.add_row(
            name,
            f"{rate.events:,}",
            f"{rate.cpu_seconds:.2f}",
            f"{rate.clickhouse_seconds:.2f}",
            f"{rate.per_cpu_second:,.0f}",
            f"{rate.events / max(rate.wall_seconds, 1e-9):,.0f}",
            f"{rate.per_cpu_second / bare.per_cpu_second:.2f}",
            f">= {TARGET:g}" if "without" in name else "",
        )
    return table
