"""What live rollups cost: several designs on the same second bars, side by side in one run.

    python tests/bench/live_rollups.py --symbols 3000 --seconds 1800 --blocks 20

Each design gets a ClickHouse database of its own with the same part of a session in it, then the
same blocks as the sink inserts them, then the same questions. Activity is heavy-tailed over the
symbols, and 5 % of the inserted bars are later versions of bars of the last quarter of an hour.
CPU time is that of the ClickHouse process, which also merges in the background; on a shared
machine the ratios are what counts.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from clickhouse_connect.driver.client import Client
from live_rollup_designs import DESIGNS, PREFILL, TABLE, Design
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from polygon_stream import schema
from support.servers import server

from polygon_assets.resources.clickhouse import ClickHouse

OPEN = 1_741_012_200
"""2025-03-03 14:30:00 UTC."""
REVISED = 0.05
QUESTION_REPEATS = 3

COLUMNS = ["kafka_partition", "kafka_offset", "received_ms"]
COLUMNS += ["sym", "v", "av", "op", "vw", "o", "c", "h", "l", "a", "z", "s"]
INSERT = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "input_format_parallel_parsing": 0,
}

DAY = "session_date = '2025-03-03'"
QUESTIONS = {
    "1m candles of one symbol": f"SELECT * FROM {{m}} WHERE symbol = 'S00005' AND {DAY}",
    "5m candles of one symbol": "SELECT toStartOfFiveMinutes(bar_start) AS b, "
    "argMin(open, bar_start), max(high), min(low), argMax(close, bar_start), sum(volume) "
    f"FROM {{m}} WHERE symbol = 'S00005' AND {DAY} GROUP BY b ORDER BY b",
    "movers, whole market": "SELECT symbol, argMax(close, bar_start) / argMin(open, bar_start) "
    f"AS change, sum(volume) FROM {{m}} WHERE {DAY} GROUP BY symbol ORDER BY change DESC LIMIT 10",
    "VWAP, all symbols": "SELECT symbol, sum(vwap * volume) / sum(volume) "
    f"FROM {{m}} WHERE {DAY} GROUP BY symbol",
}


@dataclass
class Cost:
    """CPU and median wall time of one thing, milliseconds."""

    cpu: float
    wall: float


def blocks(symbols: int, seconds: int, count: int, rows: int) -> list[bytes]:
    """What the sink would insert, one block per half second."""
    dice, offset, made = random.Random(1), 10**12, []
    for number in range(count):
        lines = []
        for rank in dice.sample(range(symbols), min(symbols, rows)):
            start = OPEN + seconds + number // 2
            if dice.random() < REVISED:
                start -= dice.randint(1, 900)
            offset += 1
            price = 20 + dice.randint(0, 1000) / 100
            bar = {"kafka_partition": 0, "kafka_offset": offset, "received_ms": start * 1000 + 1000}
            bar |= {"sym": f"S{rank:05}", "s": start * 1000, "v": dice.randint(1, 1000), "z": 10}
            bar |= {"o": price, "h": price + 0.02, "l": price - 0.02, "c": price + 0.01}
            lines.append(json.dumps(bar | {"vw": price, "av": 1e6, "op": 20.0, "a": 25.0}))
        made.append("\n".join(lines).encode())
    return made


class Meter:
    """CPU time of one process."""

    def __init__(self, port: int) -> None:
        mine = psutil.Process().children(recursive=True)
        [self._process] = [one for one in mine if str(port) in one.cmdline()]

    def cost(self, work: Callable[[int], object], repeats: int) -> Cost:
        """Run it several times; CPU per time, and the median of the wall time."""
        before, walls = self._cpu(), []
        for number in range(repeats):
            start = time.perf_counter()
            work(number)
            walls.append(time.perf_counter() - start)
        return Cost(1000 * (self._cpu() - before) / repeats, 1000 * statistics.median(walls))

    def _cpu(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


def prepare(url: str, design: Design, symbols: int, seconds: int) -> ClickHouse:
    """The tables of one design, with a part of the session in them."""
    store = ClickHouse(
        url=url, user="default", password="", ticks=f"t_{design.name}", rollups=f"r_{design.name}"
    )
    with store.client() as client:
        schema.apply(client, schema.TICKS, {"database": store.ticks})
        client.command(f"CREATE DATABASE IF NOT EXISTS {store.rollups}")
        client.command(
            store.render(PREFILL), parameters={"symbols": symbols, "seconds": seconds, "open": OPEN}
        )
        design.create(store, client)
    return store


def insert(client: Client, store: ClickHouse, body: bytes, token: str) -> None:
    """One block, as the sink inserts it."""
    client.raw_insert(
        f"{store.ticks}.bars_1s",
        column_names=COLUMNS,
        insert_block=body,
        fmt="JSONEachRow",
        settings=INSERT | {"insert_deduplication_token": token},
    )


def measure(url: str, meter: Meter, design: Design, options: argparse.Namespace) -> dict[str, Cost]:
    """The cost of an insert and of every question."""
    store = prepare(url, design, options.symbols, options.seconds)
    bodies = blocks(options.symbols, options.seconds, options.blocks, options.rows)
    with store.client() as client:
        found = {
            "insert of one block": meter.cost(
                lambda number: insert(client, store, bodies[number], f"block-{number}"),
                len(bodies),
            )
        }
        design.before_questions(store, client)
        minutes = store.render(design.minutes)
        market = store.render(design.market) or minutes
        for name, sql in QUESTIONS.items():
            asked = sql.replace("{m}", minutes if "one symbol" in name else market)
            found[name] = meter.cost(lambda _, asked=asked: client.query(asked), QUESTION_REPEATS)
        truth = client.query(store.render(TABLE["truth"])).result_rows
        stored = client.query(
            f"SELECT count(), toInt64(sum(volume)), toInt64(round(sum(vwap * volume))) "
            f"FROM {market}"
        ).result_rows
        assert stored == truth, f"{design.name}: {stored} is not {truth}"
        design.drop(store, client)
    return found


def show(results: dict[str, dict[str, Cost]]) -> None:
    """One table: CPU and wall per design, and CPU times that of the best."""
    table = Table("CPU ms / wall ms (x least CPU)", *(name for name in results))
    for row in ["insert of one block", *QUESTIONS]:
        least = min((one[row].cpu for one in results.values() if row in one), default=0) or 1.0
        cells = [
            f"{found[row].cpu:,.0f} / {found[row].wall:,.0f} ({found[row].cpu / least:.1f}x)"
            if row in found
            else ""
            for found in results.values()
        ]
        table.add_row(row, *cells)
    Console(width=150).print(table)


def main() -> int:
    """Run every design and print the table."""
    parser = argparse.ArgumentParser(description="Compare designs of live rollups.")
    parser.add_argument("--symbols", type=int, default=3000)
    parser.add_argument("--seconds", type=int, default=1800, help="of the session, before")
    parser.add_argument("--blocks", type=int, default=20, help="inserted while measuring")
    parser.add_argument("--rows", type=int, default=5000, help="of a block, at most")
    parser.add_argument("--designs", default=",".join(DESIGNS), help="which, separated by commas")
    options = parser.parse_args()
    results: dict[str, dict[str, Cost]] = {}
    with tempfile.TemporaryDirectory() as folder, server("clickhouse", Path(folder)) as port:
        meter, url = Meter(port), f"http://127.0.0.1:{port}"
        for name in options.designs.split(","):
            results[name] = measure(url, meter, DESIGNS[name], options)
            show(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
