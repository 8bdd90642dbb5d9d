"""A session of the whole simulated market through the whole chain, as fast as it goes."""

import json
import time
import urllib.request
from datetime import date

from bench.stream_producer import LOOK_SECONDS, written
from rich.table import Table
from support.program import answers, free_port, wait_for
from support.stream_programs import Chain

from polygon_assets.sessions import session

SESSION = date(2005, 2, 28)
SPEED = 1_000_000
BUFFER_BYTES = 12_000_000_000
"""The vendor would close a client that is so far behind; here the chain sets the pace."""

DRAIN_SECONDS = 900
ROWS = """
SELECT sum(rows), sum(seconds) FROM (
    SELECT symbol, count() AS rows, uniqExact(bar_start) AS seconds FROM {db}.bars_1s FINAL
    GROUP BY symbol
) SETTINGS optimize_aggregation_in_order = 1
"""
STORED = "SELECT sum(rows), count() FROM {db}.sink_batches FINAL WHERE topic = '{topic}'"


def measure_session(chain: Chain, symbols: int) -> tuple[Table, bool]:
    """Replay one session.

    Args:
        chain: With an empty topic.
        symbols: Of the simulated market.

    Returns:
        A table, and whether every event became a row.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ["-m", "polygon_assets.sandbox.polygon", "--port", str(port)]
    arguments += ["--data", str(chain.root / "polygon"), "--symbols", str(symbols)]
    vendor = chain.program("simulated vendor", [*arguments, "--buffer-bytes", str(BUFFER_BYTES)])
    vendor.start()
    wait_for(lambda: answers(f"{url}/healthz"), "the simulated vendor", 300)
    order = {"session": str(SESSION), "speed": SPEED, "wait_for_subscriber": True}
    _call(url, order)
    sink = chain.sink().start()
    producer = chain.producer(f"ws://127.0.0.1:{port}/stocks", url)
    programs = [vendor, producer, chain.broker, sink, chain.clickhouse]
    before = {program.name: program.cpu_seconds() for program in programs}
    producer.start()
    wait_for(lambda: _call(url)["state"] != "armed", "the producer to subscribe")
    began = time.monotonic()
    while (replay := _call(url))["state"] == "running":
        time.sleep(LOOK_SECONDS)
    sent, sending = replay["events_sent"], time.monotonic() - began

    def stored() -> bool:
        time.sleep(LOOK_SECONDS)
        return written(chain) >= sent and chain.lag(chain.topics.agg_1s) == 0

    wait_for(stored, f"{sent:,} events to be stored", DRAIN_SECONDS)
    seconds = time.monotonic() - began
    cpu = {program.name: program.cpu_seconds() - before[program.name] for program in programs}
    return _table(chain, symbols, sent, (sending, seconds), cpu)


def _table(
    chain: Chain, symbols: int, sent: int, times: tuple[float, float], cpu: dict[str, float]
) -> tuple[Table, bool]:
    [(rows, keys)] = chain.query(ROWS)
    [(inserted, batches)] = chain.query(STORED.replace("{topic}", chain.topics.agg_1s))
    told, (sending, seconds) = session(SESSION), times
    market_seconds = (told.close_at - told.open_at).total_seconds()
    table = Table("what", "measured", title=f"Session {SESSION} of {symbols:,} symbols")
    table.columns[1].justify = "right"
    table.add_row("events sent", f"{sent:,}")
    table.add_row("messages in Kafka", f"{written(chain):,}")
    table.add_row("rows stored", f"{inserted:,} in {batches:,} batches")
    table.add_row("bars after replacement", f"{rows:,} of {keys:,}")
    table.add_row("vendor: from the first event to the last", f"{sending:,.1f} s")
    table.add_row("chain: from the first event to the last row", f"{seconds:,.1f} s")
    table.add_row("events/s", f"{sent / seconds:,.0f}")
    table.add_row("times real time", f"{market_seconds / seconds:,.0f}x")
    for name, spent in cpu.items():
        table.add_row(f"CPU: {name}", f"{spent:.1f} s, {spent / seconds:.1%} of a core")
    return table, sent == written(chain) == inserted and rows == keys


def _call(url: str, order: dict | None = None) -> dict:
    """Order a replay, or ask how far it is."""
    request = urllib.request.Request(
        f"{url}/sandbox/replay",
        method="POST" if order else "GET",
        data=json.dumps(order).encode() if order else None,
    )
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.loads(answer.read())
