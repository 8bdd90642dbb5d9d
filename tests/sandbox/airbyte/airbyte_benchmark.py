# ruff: noqa: T201 - its report goes to the terminal
"""What one record costs between the connector's output and the warehouse, by stage.

    python tests/sandbox/airbyte/airbyte_benchmark.py --records 1000000

A scripted connector prints lines that were made before; the engine is the sandbox's own and the
warehouse is the sandbox's Snowflake. CPU of the engine's process and of the warehouse's process are
told apart.
"""

import argparse
import json
import random
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import airbyte_workspace as workspace
import psutil
from airbyte_messages import record, state, status
from airbyte_server import CONNECTOR, end, start

from polygon_assets.publish.manifest import read_manifest, read_streams
from polygon_assets.sandbox.airbyte.batch import Batch
from polygon_assets.sandbox.airbyte.catalog import ConfiguredStream
from polygon_assets.sandbox.airbyte.connector import ConnectorRun
from polygon_assets.sandbox.airbyte.destination import snowflake_target
from polygon_assets.sandbox.airbyte.joblog import JobLog
from polygon_assets.sandbox.airbyte.protocol import decode_line
from polygon_assets.sandbox.airbyte.sync import Sync
from polygon_assets.sandbox.airbyte.warehouse import Warehouse

DAY_RECORDS = 10_000
FIRST_BAR = 1_104_786_000_000
DAY_MILLISECONDS = 86_400_000


def day_lines(day: int) -> Iterator[bytes]:
    """The bars of one day and the state after them."""
    chance = random.Random(day)
    for number in range(DAY_RECORDS):
        price = chance.uniform(5, 300)
        bar = {
            "ticker": f"ZZ{number:05d}",
            "v": chance.randint(1_000, 9_999_999),
            "vw": round(price, 4),
            "o": round(price * 1.01, 2),
            "c": round(price * 0.99, 2),
            "h": round(price * 1.02, 2),
            "l": round(price * 0.98, 2),
            "t": FIRST_BAR + day * DAY_MILLISECONDS,
            "n": chance.randint(10, 90_000),
        }
        yield json.dumps(record("daily_bars", bar)).encode() + b"\n"
    yield json.dumps(state("daily_bars", day, DAY_RECORDS)).encode() + b"\n"


def write_lines(path: Path, days: int) -> None:
    with path.open("wb") as file:
        for day in range(days):
            file.writelines(day_lines(day))
        file.write(json.dumps(status("daily_bars")).encode() + b"\n")


class Meter:
    """Wall time and CPU by stage."""

    def __init__(self, server: psutil.Process) -> None:
        self._server = server
        self.stages: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])

    def server_cpu(self) -> float:
        times = self._server.cpu_times()
        return times.user + times.system

    def measured(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def measure(sql: str, parameters: Any = None) -> Any:
            begun = (time.monotonic(), time.process_time(), self.server_cpu())
            try:
                return run(sql, parameters)
            finally:
                ended = (time.monotonic(), time.process_time(), self.server_cpu())
                stage = self.stages[sql.split()[0]]
                for place, (before, after) in enumerate(zip(begun, ended, strict=True)):
                    stage[place] += after - before

        return measure


def cpu_of(work: Callable[[], Any], records: int) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) / records * 1e6


def print_engine(folder: Path) -> None:
    lines = list(day_lines(0))

    def decode() -> None:
        for line in lines:
            decode_line(line)

    def batch() -> None:
        file = Batch(folder / "engine.gz")
        for line in lines:
            message = decode_line(line)
            if message is not None and message.record is not None:
                file.add(message.record)
        file.close()

    print(f"engine, decode          {cpu_of(decode, DAY_RECORDS):6.2f} us CPU a record")
    print(f"engine, decode and gzip {cpu_of(batch, DAY_RECORDS):6.2f} us CPU a record")


def print_load(lines: Path, records: int, port: int, server: psutil.Process) -> None:
    stream = ConfiguredStream(read_streams(read_manifest())["daily_bars"])
    house = Warehouse(snowflake_target(workspace.snowflake(port, "BENCH")), "bench")
    house.prepare([stream])
    meter = Meter(server)
    house._run = meter.measured(house._run)
    script = lines.with_name("script.json")
    script.write_text(json.dumps({"lines": [], "file": str(lines)}))
    run = ConnectorRun(CONNECTOR, {}, {"script": str(script)}, {"streams": []}, [])
    before, cpu, server_cpu = time.monotonic(), time.process_time(), meter.server_cpu()
    with tempfile.TemporaryDirectory() as folder:
        sync = Sync([stream], Path(folder), house.load, JobLog())
        for line in run.lines():
            sync.take(line)
        sync.finish()
        sync.close()
    run.close()
    seconds = time.monotonic() - before
    engine = time.process_time() - cpu
    warehouse = meter.server_cpu() - server_cpu
    house.close()
    print(f"{'statement':10} {'wall':>8} {'engine':>8} {'warehouse':>10}  us a record")
    for stage, used in meter.stages.items():
        wall, ours, theirs = (value / records * 1e6 for value in used)
        print(f"{stage:10} {wall:8.2f} {ours:8.2f} {theirs:10.2f}")
    each = 1e6 / records
    print(
        f"{'in all':10} {seconds * each:8.2f} {engine * each:8.2f} {warehouse * each:10.2f}"
        f"   {records / seconds:,.0f} records/s"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory: engine {peak:.0f} MB, warehouse {server.memory_info().rss / 2**20:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description="Microseconds a record, by stage.")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--again", action="store_true", help="load the same records twice")
    options = parser.parse_args()
    days = max(1, options.records // DAY_RECORDS)
    with tempfile.TemporaryDirectory(prefix="airbyte-benchmark-") as name:
        folder = Path(name)
        lines = folder / "lines.ndjson"
        write_lines(lines, days)
        print(f"{days * DAY_RECORDS:,} records, {lines.stat().st_size / 2**20:.0f} MB of lines")
        print_engine(folder)
        process, port = start("polygon_assets.sandbox.snowflake", ["--data", str(folder / "data")])
        try:
            for _ in range(2 if options.again else 1):
                print_load(lines, days * DAY_RECORDS, port, psutil.Process(process.pid))
        finally:
            end(process)


if __name__ == "__main__":
    main()
