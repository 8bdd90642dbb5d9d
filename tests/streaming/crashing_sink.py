"""The sink, killed without warning with some probability after each of its steps."""

import os
import random
import sys

from polygon_stream import sink as program
from polygon_stream.sink import Sink
from polygon_stream.tick_writer import TickWriter

CRASH_PROBABILITY = float(os.environ["TEST_CRASH_PROBABILITY"])
CRASH_EXIT = 9


def crash_after(name: str) -> None:
    if random.random() < CRASH_PROBABILITY:
        sys.stderr.write(f"CRASH {name}\n")
        sys.stderr.flush()
        os._exit(CRASH_EXIT)


class CrashingWriter(TickWriter):
    def insert_bars(self, batch) -> None:
        crash_after("plan")
        super().insert_bars(batch)
        crash_after("insert")

    def record(self, batches) -> None:
        super().record(batches)
        crash_after("report")


class CrashingSink(Sink):
    def _take_steps(self, flush) -> None:
        super()._take_steps(flush)
        crash_after("settle")


program.TickWriter = CrashingWriter
program.Sink = CrashingSink
program.main()
