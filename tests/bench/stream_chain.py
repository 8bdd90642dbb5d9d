"""The whole chain under a steady load: latency from sending to a query, CPU, and every row."""

import time
from dataclasses import dataclass

from bench.stream_producer import LOOK_SECONDS, LoadServer, written
from rich.table import Table
from support.program import Program, wait_for
from support.stream_programs import Chain

PER_FRAME = 200
WARM_UP_SECONDS = 5
P50_MS, P99_MS = 250.0, 1000.0
DRAIN_SECONDS = 120
GROWTH = 1.35
"""From one step of the search to the next."""

LAG_SECONDS = 2
"""A rate holds when not more than the events of so many seconds are unsettled at its end."""

# A bar is sent at the end of its second. The batch that has it is the first one that ends at or
# behind its offset.
LATENCY = """
SELECT count(), quantilesExact(0.5, 0.95, 0.99)(greatest(queryable - sent, 0)),
       max(queryable - sent)
FROM (
    SELECT toUnixTimestamp64Milli(b.queryable_at) AS queryable,
           (toUnixTimestamp(t.bar_start) + 1) * 1000 AS sent
    FROM (
        SELECT kafka_partition, kafka_offset, bar_start FROM {db}.bars_1s
        WHERE bar_start BETWEEN fromUnixTimestamp({first}) AND fromUnixTimestamp({last})
    ) AS t
    ASOF JOIN (SELECT * FROM {db}.sink_batches FINAL WHERE topic = '{topic}') AS b
    ON t.kafka_partition = b.kafka_partition AND t.kafka_offset <= b.last_offset
)
"""
ROWS = """
SELECT count(), uniqExact(symbol, bar_start), uniqExact(kafka_partition, kafka_offset)
FROM {db}.bars_1s
WHERE bar_start BETWEEN fromUnixTimestamp({first}) AND fromUnixTimestamp({last})
"""
BATCHES = """
SELECT sum(rows), sum(last_offset - first_offset + 1),
       countIf(first_offset != previous + 1 AND previous >= 0)
FROM (
    SELECT *, lagInFrame(toInt64(last_offset), 1, toInt64(-1)) OVER (
        PARTITION BY kafka_partition ORDER BY last_offset
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS previous
    FROM {db}.sink_batches FINAL WHERE topic = '{topic}'
)
"""


@dataclass(frozen=True)
class Outcome:
    """One stretch of steady load.

    Attributes:
        rate: Events a second.
        sent: Events.
        stored: Rows with different keys.
        doubled: Rows, or messages in batches, beyond one for each event.
        latency_ms: 50th, 95th, 99th percentile and the longest.
        cpu: Share of a core, by process.
        lag: Events that were not settled when the last one was sent.
        late_ms: How late the generator itself was at worst: a part of the latency.
    """

    rate: int
    sent: int
    stored: int
    doubled: int
    latency_ms: tuple[float, float, float, float]
    cpu: dict[str, float]
    lag: int
    late_ms: float

    @property
    def complete(self) -> bool:
        """Every event is there, once."""
        return self.stored == self.sent and self.doubled == 0

    @property
    def holds(self) -> bool:
        """Complete, in time, and not falling behind."""
        return self.complete and self.latency_ms[2] < P99_MS and self.lag < LAG_SECONDS * self.rate


class Steady:
    """A chain that waits for load."""

    def __init__(self, chain: Chain, flush_ms: int) -> None:
        self.chain = chain
        self.load = LoadServer(chain)
        self.producer = chain.producer(f"ws://{self.load.address}/stocks").start()
        self.sink = chain.sink(SINK_FLUSH_MS=str(flush_ms)).start()
        wait_for(lambda: self.load.ask()["subscribed"], "a subscription of the producer")
        self.sent = 0

    @property
    def programs(self) -> list[Program]:
        """Those that are measured."""
        chain = self.chain
        return [self.producer, chain.broker, self.sink, chain.clickhouse, self.load.program]

    def run(self, symbols: int, seconds: int) -> Outcome:
        """Send, wait until everything is stored, and count."""
        before = {program.name: program.cpu_seconds() for program in self.programs}
        began = time.monotonic()
        self.load.ask(f"run?symbols={symbols}&seconds={seconds}&per_frame={PER_FRAME}")
        while (state := self.load.ask())["busy"]:
            self._require_running()
            time.sleep(LOOK_SECONDS)
        wall = time.monotonic() - began
        lag = self._unsettled(state["sent"])
        cpu = {p.name: (p.cpu_seconds() - before[p.name]) / wall for p in self.programs}
        self.sent += state["sent"]
        wait_for(self._drained, "the sink", DRAIN_SECONDS)
        return self._outcome(symbols, seconds, state, cpu, lag)

    def _outcome(self, symbols: int, seconds: int, state: dict, cpu: dict, lag: int) -> Outcome:
        bounds = {"{first}": str(state["began_ms"] // 1000), "{topic}": self.chain.topics.agg_1s}
        bounds["{last}"] = str(state["began_ms"] // 1000 + seconds - 1)

        def query(sql: str) -> tuple:
            for name, value in bounds.items():
                sql = sql.replace(name, value)
            return self.chain.query(sql)[0]

        _, quantiles, longest = query(LATENCY)
        rows, keys, places = query(ROWS)
        batched, span, overlaps = query(BATCHES)
        doubled = max(rows, places) - keys + abs(batched - self.sent) + abs(span - batched)
        return Outcome(
            symbols, state["sent"], keys, doubled + overlaps + written(self.chain) - self.sent,
            (*quantiles, longest), cpu, lag, state["late_ms"],
        )  # fmt: skip

    def _unsettled(self, sent: int) -> int:
        """Events that are not yet in ClickHouse, wherever they are."""
        in_kafka = written(self.chain)
        return max(0, self.sent + sent - in_kafka) + self.chain.lag(self.chain.topics.agg_1s)

    def _drained(self) -> bool:
        self._require_running()
        time.sleep(LOOK_SECONDS)
        return self._unsettled(0) == 0

    def _require_running(self) -> None:
        for program in self.programs:
            program.must_run()


def measure_chain(chain: Chain, symbols: int, seconds: int, flush_ms: int) -> tuple[Table, bool]:
    """A steady load, after a short one that warms everything up.

    Returns:
        A table, and whether every row is there, in time.
    """
    steady = Steady(chain, flush_ms)
    steady.run(symbols, min(WARM_UP_SECONDS, seconds))
    found = steady.run(symbols, seconds)
    p50, p95, p99, longest = found.latency_ms
    table = Table(
        "what", "measured", "target",
        title=f"{symbols:,} symbols every second for {seconds} s, SINK_FLUSH_MS={flush_ms}",
    )  # fmt: skip
    table.columns[1].justify = table.columns[2].justify = "right"
    table.add_row("events sent", f"{found.sent:,}", "")
    table.add_row("rows stored", f"{found.stored:,}", f"{found.sent:,}")
    table.add_row("missing / twice", f"{found.sent - found.stored:,} / {found.doubled:,}", "0 / 0")
    table.add_row("event to queryable, p50", f"{p50:,.0f} ms", f"< {P50_MS:g} ms")
    table.add_row("  p95", f"{p95:,.0f} ms", "")
    table.add_row("  p99", f"{p99:,.0f} ms", f"< {P99_MS:g} ms")
    table.add_row("  longest", f"{longest:,.0f} ms", "")
    table.add_row("  of it the generator's own delay, at most", f"{found.late_ms:,.0f} ms", "")
    table.add_row("unsettled at the end", f"{found.lag:,} events", "")
    for name, share in found.cpu.items():
        table.add_row(f"CPU: {name}", f"{share:.1%} of a core", "")
    return table, found.complete and p50 < P50_MS and p99 < P99_MS


def find_limit(chain: Chain, symbols: int, step_seconds: int, flush_ms: int) -> tuple[Table, bool]:
    """Higher and higher rates until one does not hold.

    Returns:
        A table with a row for each step, and whether the first one held.
    """
    steady = Steady(chain, flush_ms)
    steady.run(symbols, min(WARM_UP_SECONDS, step_seconds))
    table = Table(
        "events/s", "p50 ms", "p95 ms", "p99 ms", "unsettled", "CPU, cores", "rows", "holds",
        title=f"Highest rate that holds: steps of {step_seconds} s, SINK_FLUSH_MS={flush_ms}",
    )  # fmt: skip
    for column in table.columns:
        column.justify = "right"
    held = 0
    while True:
        found = steady.run(symbols, step_seconds)
        table.add_row(
            f"{symbols:,}",
            *(f"{one:,.0f}" for one in found.latency_ms[:3]),
            f"{found.lag:,}",
            f"{sum(found.cpu.values()):.2f}",
            "all" if found.complete else f"{found.stored:,} of {found.sent:,}",
            "yes" if found.holds else "no",
        )
        if not found.holds:
            break
        held, symbols = symbols, int(symbols * GROWTH)
    table.caption = f"highest that held: {held:,} events/s"
    return table, held > 0
