"""The producer against the vendor's client and against librdkafka: events per CPU second."""

import json
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from support.program import Program, answers, free_port, wait_for
from support.stream_programs import Chain

HERE = Path(__file__).parent
SYMBOLS = 10_000
LOOK_SECONDS = 0.3
OURS, VENDORS, LIMIT = "polygon_stream.producer", "vendor's client, models", "bare produce loop"
TARGETS = {1: 15.0, 20: 7.0}
LIMIT_TARGETS = {1: None, 20: 0.9}
"""With a frame for each event the socket costs as much as librdkafka: stated, without a target."""


@dataclass(frozen=True)
class Rate:
    """What some events cost."""

    events: int
    cpu_seconds: float
    wall_seconds: float = 0.0
    clickhouse_seconds: float = 0.0
    """ClickHouse's part of the CPU seconds."""

    @property
    def per_cpu_second(self) -> float:
        """Events per CPU second."""
        return self.events / max(self.cpu_seconds, 1e-9)


class LoadServer:
    """The load generator as a process."""

    def __init__(self, chain: Chain) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        arguments = [str(HERE / "stream_load.py"), "--port", str(port)]
        self.program = chain.program("load generator", arguments).start()
        wait_for(lambda: answers(f"http://{self.address}/state"), "the load generator")

    def ask(self, path: str = "state") -> dict:
        """A request; its state."""
        with urllib.request.urlopen(f"http://{self.address}/{path}", timeout=30) as answer:
            return json.loads(answer.read())


def measure_producers(chain: Chain, events: int, rounds: int) -> tuple[Table, bool]:
    """Both clients at 1 and at 20 events a frame, and the limit, in turn; best of the rounds.

    Args:
        chain: Broker to write to.
        events: For our producer in one round; the slow client has fewer.
        rounds: How often.

    Returns:
        A table, and whether every target is met.
    """
    load = LoadServer(chain)
    ours = chain.producer(f"ws://{load.address}/stocks")
    script = [str(HERE / "stream_vendor_client.py"), load.address, chain.topics.agg_1s]
    vendors = chain.program("vendor client", script, **chain.environment())
    best: dict[tuple[str, int], Rate] = {}
    for _ in range(rounds):
        for per_frame, fewer in ((1, 8), (20, 4)):
            found = {
                OURS: _flood(chain, ours, load, events, per_frame),
                VENDORS: _flood(chain, vendors, load, events // fewer, per_frame),
                LIMIT: limit(chain, "produce", events),
            }
            for name, rate in found.items():
                known = best.get((name, per_frame))
                if known is None or rate.per_cpu_second > known.per_cpu_second:
                    best[name, per_frame] = rate
    load.program.stop()
    return _table(best)


def _flood(chain: Chain, program: Program, load: LoadServer, events: int, per_frame: int) -> Rate:
    """From the first frame until Kafka has the last event; the start of the program is free."""
    wait_for(lambda: not load.ask()["subscribed"], "the end of the client before")
    program.start()
    wait_for(lambda: load.ask()["subscribed"], f"a subscription of the {program.name}")
    time.sleep(1)
    before, spent = written(chain), program.cpu_seconds()
    began = time.monotonic()
    load.ask(f"flood?events={events}&per_frame={per_frame}&symbols={min(events, SYMBOLS)}")
    while (state := load.ask())["busy"] or written(chain) - before < state["sent"]:
        program.must_run()
        time.sleep(LOOK_SECONDS)
    rate = Rate(state["sent"], program.cpu_seconds() - spent, time.monotonic() - began)
    program.stop()
    return rate


def written(chain: Chain) -> int:
    """Messages in the topic."""
    return sum(chain.ends(chain.topics.agg_1s).values())


def limit(chain: Chain, what: str, events: int) -> Rate:
    """A bare loop of ``produce`` or ``consume`` in a process of its own."""
    script = [str(HERE / "stream_limit.py"), what, chain.topics.agg_1s, str(events)]
    program = chain.program(f"bare {what}", script, **chain.environment())
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *program.arguments],
        env=program.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the bare loop of {what} failed:\n{done.stderr}")
    told = json.loads(done.stdout)
    return Rate(told["events"], told["cpu_seconds"], time.monotonic() - began)


def _table(best: dict[tuple[str, int], Rate]) -> tuple[Table, bool]:
    table = Table(
        "WebSocket to Kafka", "events/frame", "events", "CPU s", "events/CPU-s", "ours is x times",
        "target", title="Producer (CPU of the process, best round)",
    )  # fmt: skip
    for column in table.columns[1:]:
        column.justify = "right"
    good = True
    for (name, per_frame), rate in sorted(best.items(), key=lambda one: (one[0][1], one[0][0])):
        ratio = best[OURS, per_frame].per_cpu_second / rate.per_cpu_second
        target = {VENDORS: TARGETS[per_frame], LIMIT: LIMIT_TARGETS[per_frame]}.get(name)
        good = good and (target is None or ratio >= target)
        table.add_row(
            name,
            str(per_frame),
            f"{rate.events:,}",
            f"{rate.cpu_seconds:.2f}",
            f"{rate.per_cpu_second:,.0f}",
            f"{ratio:.2f}x" if name != OURS else "",
            f">= {target:g}x" if target else "",
        )
    return table, good
