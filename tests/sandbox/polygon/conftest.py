"""Fixtures: a simulated vendor for a module, or one of a test's own."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from polygon_vendor import Vendor


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    running = Vendor(tmp_path_factory.mktemp("polygon"))
    yield running
    running.stop()


@pytest.fixture
def start_vendor(tmp_path: Path) -> Iterator[Callable[..., Vendor]]:
    started: list[Vendor] = []

    def start(*options: str, **settings: str) -> Vendor:
        started.append(Vendor(tmp_path, *options, **settings))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.stop(signal.SIGKILL)
