"""One sandbox, as `polygon up` starts it but for the UIs, for every test of this folder."""

from collections.abc import Iterator

import pytest
from support.servers import free_ports

from polygon_assets.sandbox.control import Sandbox
from polygon_assets.sandbox.layout import SandboxLayout

SYMBOLS = "AAPL,NULL,ZZ.B"


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxLayout]:
    """The six servers; they end with the tests."""
    layout = SandboxLayout(tmp_path_factory.mktemp("sandbox") / "root", free_ports())
    running = Sandbox(layout)
    running.start(SYMBOLS)
    try:
        running.wait(lambda _healthy, _started: None)
        yield layout
    finally:
        running.stop()


@pytest.fixture
def addresses(sandbox: SandboxLayout, monkeypatch: pytest.MonkeyPatch) -> SandboxLayout:
    """The sandbox, with the environment's variables pointing to it."""
    for name, value in sandbox.environment().items():
        if name not in ("POLYGON_SANDBOX", "DAGSTER_HOME"):
            monkeypatch.setenv(name, value)
    return sandbox
