"""The sink, killed without warning after one of its steps.

``TEST_CRASH_AT=insert`` kills it after its first insert; ``TEST_CRASH_STEP=3`` after its third
step, whichever that is; ``TEST_NO_TOKEN=1`` leaves the insert token out.
"""

import itertools
import os
import random
import sys

from polygon_stream import sink as program
from polygon_stream.batches import Batch
from polygon_stream.sink import Sink
from polygon_stream.tick_writer import TickWriter

CRASH_STEP = int(os.environ.get("TEST_CRASH_STEP", "0"))
CRASH_AT = os.environ.get("TEST_CRASH_AT")
CRASH_EXIT = 9

steps = itertools.count(1)


def crash_after(name: str) -> None:
    if next(steps) == CRASH_STEP or name == CRASH_AT:
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


if os.environ.get("TEST_NO_TOKEN"):
    Batch.token = property(lambda batch: f"{random.random()}")
program.TickWriter = CrashingWriter
program.Sink = CrashingSink
program.main()
