"""How fast the streaming half is.

    uv run python tests/bench/stream.py producer     against the vendor's client and librdkafka
    uv run python tests/bench/stream.py sink         against bare insertion
    uv run python tests/bench/stream.py chain        11,000 symbols every second, latency, rows
    uv run python tests/bench/stream.py chain --find-limit
    uv run python tests/bench/stream.py session      a session of the whole simulated market
    uv run python tests/bench/stream.py all

CPU time of the processes is the basis, since it hardly depends on what else the machine does.
``--kafka apache`` takes Apache Kafka in the place of the embedded broker. Ends with 1 where a
target is missed or a row is missing.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.stream_chain import find_limit, measure_chain
from bench.stream_producer import measure_producers
from bench.stream_session import measure_session
from bench.stream_sink import measure_sink
from support.stream_programs import BROKERS, Chain

PARTS = ("producer", "sink", "chain", "session")


def main() -> int:
    """Measure and print.

    Returns:
        0 where every target is met and every row is there.
    """
    options = _parser().parse_args()
    console = Console(width=110)
    good = True
    for part in PARTS if options.part == "all" else (options.part,):
        with (
            tempfile.TemporaryDirectory(prefix="stream_bench_") as folder,
            Chain(Path(folder), options.kafka) as chain,
        ):
            for table, met in _measure(part, chain, options):
                console.print(table)
                good = good and met
    if not good:
        console.print("MISSED: a target or a row, see above")
    return 0 if good else 1


def _measure(part: str, chain: Chain, options: argparse.Namespace):
    """The tables of one part, each with whether its targets are met."""
    if part == "producer":
        yield measure_producers(chain, options.events, options.rounds)
    elif part == "sink":
        yield measure_sink(chain, options.events)
    elif part == "chain" and options.find_limit:
        yield find_limit(chain, options.symbols, options.step_seconds, options.flush_ms)
    elif part == "chain":
        yield measure_chain(chain, options.symbols, options.seconds, options.flush_ms)
    else:
        yield measure_session(chain, options.market)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=[*PARTS, "all"])
    parser.add_argument("--kafka", choices=sorted(BROKERS), default="embedded")
    parser.add_argument("--events", type=int, default=1_000_000, help="producer, sink: of a round")
    parser.add_argument("--rounds", type=int, default=3, help="producer: the best one counts")
    parser.add_argument("--symbols", type=int, default=11_000, help="chain: events each second")
    parser.add_argument("--seconds", type=int, default=600, help="chain: how long")
    parser.add_argument("--find-limit", action="store_true", help="chain: steps until it fails")
    parser.add_argument("--step-seconds", type=int, default=30, help="chain: length of a step")
    parser.add_argument("--flush-ms", type=int, default=100, help="chain: SINK_FLUSH_MS")
    parser.add_argument(
        "--market",
        type=int,
        default=3_500,
        help="session: simulated symbols; 3,500 make as many second bars as a session of the real "
        "market (22 million), 10,000 are all there are (62 million, 20 GB of memory)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
