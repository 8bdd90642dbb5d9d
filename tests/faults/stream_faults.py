"""A thousand faults against the whole stream, and then every row is counted.

    uv run python tests/faults/stream_faults.py [--faults 1000] [--seed 1]

Vendor, producer, Kafka, three sinks and ClickHouse run as processes. About once a second something
breaks: kill -9 of any of them, at random and after each step of a sink's write; a sink that sleeps
past its session and wakes as a zombie; sinks that join and leave; everything that a WebSocket
connection can do wrong; garbage in it; REST that fails during the backfill.

What must come out. The vendor's protocol has no replay and acknowledges nothing: what it sent while
nobody read it, and what a killed producer had read but not yet delivered, is lost for the stream.
No client can prevent that. So the claim is not that Kafka has every event, but:

- after the backfill by REST of what the producer recorded as gaps, and of what the volume of the
  day tells, ``bars_1s`` has the final version of every bar that the market ever made, exactly;
- every message in Kafka was inserted once: an audit table behind a materialized view keeps one row
  for each inserted row, since ``bars_1s`` replaces and would hide a second one;
- no event that was sent once is in Kafka twice; every message that can be no row is in the dead
  letters; every live rollup equals a recomputation.

The market (``stream_market.py``) follows from the seed, so the truth is known without asking any of
the programs. It goes on while nobody listens, and so does its REST side.

``--no-tokens`` (sinks without insert tokens) and ``--no-backfill`` are negative controls: with
either of them the verdict must be a failure. Ends with 0 only if the verdict has no fault.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))
from faults.stream_backfill import gaps_of, product_backfill
from faults.stream_judge import Verdict, audit, judge
from faults.stream_platform import SESSION_TIMEOUT_SECONDS, Platform
from support.stream_programs import BROKERS, Chain

CLOSE_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013)
BACKFILL_KILLS = 3


def main() -> int:
    """Break everything, then judge.

    Returns:
        0 where nothing is lost, doubled or wrong.
    """
    options = _parser().parse_args()
    console = Console(width=100)
    root = Path(tempfile.mkdtemp(prefix="stream_faults_"))
    console.print(f"seed {options.seed}, data and logs in {root}")
    began = time.monotonic()
    with Chain(root, options.kafka) as chain:
        audit(chain)
        platform = Platform(chain, options.seed, options.symbols, options.no_tokens)
        platform.start()
        _break(platform, options.faults, options.pace)
        verdict = _mend(platform, options)
    console.print(_faults_table(platform))
    console.print(_verdict_table(verdict))
    for fault in verdict.faults:
        console.print(f"FAULT: {fault}")
    console.print(
        f"{'FAILED' if verdict.faults else 'exact'}: {platform.faults:,} faults in "
        f"{time.monotonic() - began:,.0f} s, {len(verdict.faults)} contradictions"
    )
    if not verdict.faults and not options.keep:
        shutil.rmtree(root)
    return 1 if verdict.faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=1000, help="at least; every kind comes once")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--pace", type=float, default=0.9, help="mean seconds between faults")
    parser.add_argument("--kafka", choices=sorted(BROKERS), default="embedded")
    parser.add_argument("--no-tokens", action="store_true", help="negative control")
    parser.add_argument("--no-backfill", action="store_true", help="negative control")
    parser.add_argument("--keep", action="store_true", help="keep data and logs")
    return parser


def _break(platform: Platform, wanted: int, pace: float) -> None:
    """Each fault once, then by weight until there are enough.

    Those that crashing sinks meet by themselves count.
    """
    chance = platform.chance
    kinds = _kinds(platform)
    names, weights = list(kinds), [weight for weight, _ in kinds.values()]
    due = chance.sample(names, len(names))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn()) as progress:
        task = progress.add_task("faults", total=wanted)
        while (done := platform.faults) < wanted or due:
            progress.update(task, completed=done)
            until = time.monotonic() + min(chance.expovariate(1 / pace), 4 * pace)
            while time.monotonic() < until:
                platform.keep()
                time.sleep(0.02)
            kind = due.pop() if due else chance.choices(names, weights)[0]
            if kinds[kind][1]():
                platform.happened[kind] += 1
            elif not platform.happened[kind]:
                due.insert(0, kind)
        progress.update(task, completed=wanted)


def _kinds(platform: Platform) -> dict[str, tuple[int, Callable[[], bool]]]:
    """Fault -> weight, and what brings it about; false where it is not possible just now."""
    chance, chain, producer = platform.chance, platform.chain, platform.producer

    def killed(program) -> bool:
        if not platform.awake(program):
            return False
        program.kill()
        return True

    def frozen(program, seconds: float) -> bool:
        if not platform.awake(program):
            return False
        platform.freeze(program, seconds)
        return True

    def added() -> bool:
        if platform.fourth.running:
            return False
        platform.running.add(platform.fourth)
        platform.start_sink(platform.fourth)
        return True

    def removed() -> bool:
        if not platform.awake(platform.fourth):
            return False
        platform.running.discard(platform.fourth)
        platform.fourth.stop(10)
        return True

    def vendor(kind: str) -> bool:
        return platform.post(f"fault/{kind}")["done"]

    def sink():
        return chance.choice(platform.sinks)

    return {
        "producer killed": (4, lambda: killed(producer)),
        "producer frozen for 1 to 5 s": (1, lambda: frozen(producer, chance.uniform(1, 5))),
        "sink killed": (5, lambda: killed(sink())),
        "sink frozen past its session (zombie)": (
            1,
            lambda: frozen(sink(), SESSION_TIMEOUT_SECONDS + chance.uniform(1, 4)),
        ),
        "sink added (rebalance)": (3, added),
        "sink removed (rebalance)": (3, removed),
        "broker killed": (5, lambda: killed(chain.broker)),
        "ClickHouse killed": (5, lambda: killed(chain.clickhouse)),
        "connection closed with a code": (
            8,
            lambda: vendor(f"close?code={chance.choice(CLOSE_CODES)}"),
        ),
        "connection aborted": (5, lambda: vendor("abort")),
        "half a frame, then closed": (4, lambda: vendor("half_frame")),
        "half a message, then aborted": (4, lambda: vendor("half_message")),
        "garbage frame": (5, lambda: vendor("garbage")),
        "event that can be no row": (6, lambda: vendor("bad_bar")),
        "vendor silent for 4 s": (1, lambda: vendor("silence?seconds=4")),
        "vendor says max_connections": (2, lambda: vendor("max_connections")),
        "vendor does not greet": (1, lambda: vendor("stall")),
    }


def _mend(platform: Platform, options: argparse.Namespace) -> Verdict:
    """Let everything run, fill the gaps, wait until all is stored, and judge."""
    chain = platform.chain
    platform.heal()
    seconds = platform.close_market()
    if platform.producer.stop() != 0:
        platform.happened["(producer left something undelivered)"] += 1
    platform.running.discard(platform.producer)
    gaps = gaps_of(chain, platform.market.start_ms - platform.began_ms)
    if not options.no_backfill:
        platform.drain()
        platform.post("rest?share=0.1")
        _backfill(platform)
        for kind, count in platform.state()["rest_faults"].items():
            platform.happened[f"REST during the backfill: {kind}"] += count
    platform.drain()
    for sink in platform.sinks:
        sink.stop()
    return judge(chain, platform.market, seconds, gaps)


def _backfill(platform: Platform) -> None:
    """The product's backfill, killed a few times on its way."""
    program = product_backfill(platform.chain, platform.url, platform.session)
    for _ in range(BACKFILL_KILLS):
        program.start()
        time.sleep(platform.chance.uniform(1.0, 4.0))
        if program.running:
            program.kill()
            platform.happened["backfill killed"] += 1
    for _ in range(10):
        code = program.start().process.wait(600)
        if code == 0:
            return
        platform.happened["(backfill gave up and was repeated)"] += 1
    raise RuntimeError(f"the backfill does not succeed:\n{program.tail()}")


def _faults_table(platform: Platform) -> Table:
    table = Table("fault", "count", title="Faults")
    table.columns[1].justify = "right"
    for kind, count in sorted(platform.happened.items(), key=lambda one: -one[1]):
        table.add_row(kind, f"{count:,}")
    return table


def _verdict_table(verdict: Verdict) -> Table:
    table = Table("what", "count", title="What became of it")
    table.columns[1].justify = "right"
    for what, count in verdict.rows():
        table.add_row(what, count)
    return table


if __name__ == "__main__":
    sys.exit(main())
