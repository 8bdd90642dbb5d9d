"""The sink, killed or stopped without warning after one of its steps.

``TEST_CRASH_AT=insert`` kills it after its first insert; ``TEST_CRASH_STEP=3`` after its third
step, whichever that is; ``TEST_STOP_AT=plan`` stops it there (SIGSTOP) once. With
``TEST_CRASH_TABLE=trades`` only the batches of one table count. ``TEST_NO_TOKEN=1`` leaves the
insert token out, ``TEST_NO_REPAIR=1`` trusts in tokens that ClickHouse may have forgotten.
"""

import itertools
import os
import random
import signal
import sys

from polygon_stream import sink as program
from polygon_stream.batches import Batch
from polygon_stream.flush import Flusher
from polygon_stream.tick_writer import TickWriter

CRASH_STEP = int(os.environ.get("TEST_CRASH_STEP", "0"))
CRASH_AT = os.environ.get("TEST_CRASH_AT")
CRASH_TABLE = os.environ.get("TEST_CRASH_TABLE")
CRASH_EXIT = 9

steps = itertools.count(1)
stops = iter([os.environ.get("TEST_STOP_AT")])


def crash_after(name: str, tables: set[str]) -> None:
    if CRASH_TABLE and CRASH_TABLE not in tables:
        return
    if next(steps) == CRASH_STEP or name == CRASH_AT:
        sys.stderr.write(f"CRASH {name}\n")
        sys.stderr.flush()
        os._exit(CRASH_EXIT)
    if name == os.environ.get("TEST_STOP_AT") and next(stops, None):
        os.kill(os.getpid(), signal.SIGSTOP)


class CrashingWriter(TickWriter):
    def insert(self, batch) -> None:
        crash_after("plan", {batch.channel.table})
        super().insert(batch)
        crash_after("insert", {batch.channel.table})

    def record(self, batches) -> None:
        super().record(batches)
        crash_after("report", {batch.channel.table for batch in batches})

    def _may_be_forgotten(self, batch) -> bool:
        return not os.environ.get("TEST_NO_REPAIR") and super()._may_be_forgotten(batch)


class CrashingFlusher(Flusher):
    def advance(self, flush) -> bool:
        done = super().advance(flush)
        if done:
            crash_after("settle", {batch.channel.table for batch in flush.batches.values()})
        return done


if os.environ.get("TEST_NO_TOKEN"):
    Batch.token = property(lambda batch: f"{random.random()}")
program.TickWriter = CrashingWriter
program.Flusher = CrashingFlusher
program.main()
