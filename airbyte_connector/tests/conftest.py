"""One simulated vendor for all tests, and a way to run the connector against it."""

from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airbyte_cdk.sources.streams.http import rate_limiting
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput, read
from coverage_table import coverage_table
from reading import Read, configuration, configured, states_of
from simulator import Simulator, running_simulator
from wire import Wire

from source_polygon.run import SourcePolygon

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]

READS = "stream"
"""Property of a test: the name of a stream that it read."""


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """The simulated vendor of the session, with the faults that the tests before left."""
    with running_simulator(tmp_path_factory.mktemp("vendor")) as running:
        yield running


@pytest.fixture
def vendor(simulator: Simulator) -> Iterator[Simulator]:
    """A vendor that answers well until told otherwise."""
    yield simulator
    simulator.clear_faults()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The requests of this test."""
    noting = Wire()
    noting.install(monkeypatch)
    return noting


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the connector would have waited before it tried again; it does not."""
    seconds: list[float] = []
    monkeypatch.setattr(rate_limiting, "time", SimpleNamespace(sleep=seconds.append))
    return seconds


@pytest.fixture
def read_stream(vendor: Simulator, wire: Wire, request: pytest.FixtureRequest) -> Read:
    """Read one or more streams incrementally: `read_stream("daily_bars", state=..., **config)`."""

    def run(
        *streams: str,
        state: dict[str, Any] | None = None,
        expecting_exception: bool = False,
        manifest: dict[str, Any] | None = None,
        **settings: Any,
    ) -> EntrypointOutput:
        request.node.user_properties.extend((READS, name) for name in streams)
        config = configuration(vendor.url, **settings)
        states = states_of(streams[0], state) if state else []
        catalog = configured(*streams)
        source = SourcePolygon(config=config, catalog=catalog, state=states, manifest=manifest)
        return read(source, config, catalog, states, expecting_exception)

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which streams there are and what is true of each."""
    passed = Counter(
        value
        for report in terminalreporter.getreports("passed")
        for name, value in dict.fromkeys(report.user_properties)
        if name == READS
    )
    if passed:
        terminalreporter.section("streams")
        for line in coverage_table(passed):
            terminalreporter.write_line(line)
