"""A real limit, in real time: one minute for all of these tests."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import READS
from reading import BARS, Read, command, configuration
from simulator import SYMBOLS, Simulator, running_simulator
from wire import Wire

LIMIT = 8
LONG = 20.0
WINDOW = {"start_date": "2005-02-18", "end_date": "2005-03-01"}
"""Twelve days, seven of them sessions."""
BARS_IN_WINDOW = 7 * len(SYMBOLS) - 2
"""ZZAD is listed on the third session of them."""


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[list[Simulator]]:
    """Two vendors, each with a limit of its own."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(running_simulator(tmp_path / name, requests_per_minute=LIMIT))
            for name in ("one", "two")
        ]


def test_a_limit_costs_time_and_no_records(
    limited: list[Simulator], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.node.user_properties.append((READS, "daily_bars"))
    processes = []
    for vendor, own_limit in zip(limited, (6000, LIMIT), strict=True):
        folder = tmp_path / str(own_limit)
        folder.mkdir()
        config = configuration(vendor.url, requests_per_minute=own_limit, **WINDOW)
        line = command(folder, "read", config, "daily_bars")
        processes.append(subprocess.Popen(line, stdout=subprocess.PIPE, text=True))
    careless, careful = (process.communicate(timeout=110)[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    for output in (careless, careful):
        assert output.count('"type":"RECORD"') == BARS_IN_WINDOW
    assert max(_waits(careless)) > LONG
    # Who keeps the limit is refused at most where the minutes of the two clocks meet.
    assert max(_waits(careful), default=0) < LONG


def _waits(output: str) -> list[float]:
    """The seconds that were waited after each refusal."""
    return [float(seconds) for seconds in re.findall(r"Retrying in ([0-9.]+) seconds", output)]


@pytest.mark.parametrize("workers", [2, 6])
def test_days_are_read_concurrently(
    workers: int, vendor: Simulator, wire: Wire, read_stream: Read
) -> None:
    vendor.fault("slow", BARS, count=0, seconds=0.3)
    output = read_stream("daily_bars", num_workers=workers)
    assert not output.errors
    assert len(output.records) == 4 * len(SYMBOLS)
    # Of the CDK's workers one hands out the days.
    assert workers - 1 <= wire.most_at_once <= workers
