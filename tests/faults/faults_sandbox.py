"""A sandbox of a test's own whose vendor and processes can be made to fail."""

import json
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import psutil
import pytest
from support.servers import free_ports

from polygon_assets.bootstrap import bootstrap
from polygon_assets.cli.outcomes import RunOutcome
from polygon_assets.cli.prepare import write_dagster_config
from polygon_assets.cli.runs import Runner
from polygon_assets.cli.tables import table_facts
from polygon_assets.defs.raw import raw_assets, raw_checks
from polygon_assets.env import deployment_names
from polygon_assets.partitions import SessionWindow
from polygon_assets.resources.assemble import resources
from polygon_assets.resources.platform import platform
from polygon_assets.sandbox.control import Sandbox
from polygon_assets.sandbox.layout import SandboxLayout
from polygon_assets.sandbox.processes import sandbox_processes

LOOK_SECONDS = 0.05
WAIT_SECONDS = 60.0

T = TypeVar("T")


@dataclass
class FaultySandbox:
    """All services of a sandbox, restarted by its supervisor when one is killed."""

    layout: SandboxLayout
    runner: Runner
    beside: ThreadPoolExecutor
    """Where a run goes on while the test kills something."""

    def fault(self, kind: str, count: int = 0, path: str = "/", **more: Any) -> None:
        """Let the vendor's next answers fail; 0 = all of them, until :meth:`heal`."""
        self._vendor("POST", {"kind": kind, "count": count, "path": path, **more})

    def heal(self) -> None:
        """Let the vendor answer well again."""
        self._vendor("DELETE", None)

    def start(self, first: str, last: str, *assets: str) -> Future[RunOutcome]:
        """Begin a run of assets with their checks."""
        window = SessionWindow(date.fromisoformat(first), date.fromisoformat(last))
        keys = [dg.AssetKey(asset.split("/")) for asset in assets]
        return self.beside.submit(self.runner.assets, keys, window, lambda _: None)

    def run(self, first: str, last: str, *assets: str) -> RunOutcome:
        """A run of assets from start to end."""
        return self.start(first, last, *assets).result()

    def tables(self) -> dict[str, tuple[int, str]]:
        """Rows and checksum of every raw table, without the columns that tell when it came."""
        return {
            table.name: (table.rows, table.checksum)
            for table in table_facts(deployment_names())
            if table.name.startswith("raw.")
        }

    def forget(self) -> None:
        """An empty warehouse, as on the first day."""
        names = deployment_names()
        platform(names).account.query(f"DROP DATABASE {names.snowflake_database}")
        bootstrap(names)

    def kill(self, command_word: str) -> None:
        """kill -9 the process whose command line has this word, as soon as there is one."""

        def found() -> psutil.Process | None:
            named = [
                process
                for process in sandbox_processes(self.layout.root)
                if command_word in " ".join(_command(process))
                and "polygon_assets.sandbox.run" not in _command(process)
            ]
            return named[0] if named else None

        process = wait_for(found, f"a process {command_word}")
        process.send_signal(signal.SIGKILL)

    def wait_until_met(self) -> None:
        """Wait until every fault that was ordered has happened."""
        wait_for(lambda: not self._vendor("GET", None)["faults"], "the vendor's faults")

    def _vendor(self, method: str, body: dict[str, Any] | None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.layout.port('polygon')}/sandbox/faults",
            method=method,
            data=json.dumps(body).encode() if body else None,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())


@contextmanager
def faulty_sandbox(root: Path, symbols: str) -> Iterator[FaultySandbox]:
    """Start a sandbox with all that the platform writes to, and stop it at the end of the block."""
    layout = SandboxLayout(root, free_ports())
    write_dagster_config(layout.data("dagster"))
    sandbox = Sandbox(layout)
    try:
        sandbox.start(symbols)
        sandbox.wait(lambda _healthy, _started: None)
        with pytest.MonkeyPatch.context() as environment, ThreadPoolExecutor(1) as beside:
            for name, value in layout.environment().items():
                environment.setenv(name, value)
            names = deployment_names()
            bootstrap(names)
            # The resources of the code location are those of the environment that loaded it.
            definitions = dg.Definitions(
                assets=raw_assets,
                asset_checks=raw_checks,
                resources=resources(names),
                executor=dg.in_process_executor,
            )
            with dg.DagsterInstance.get() as instance:
                yield FaultySandbox(layout, Runner(definitions, instance), beside)
    finally:
        sandbox.stop()


def wait_for(look: Callable[[], T | None], what: str) -> T:
    """The first true answer."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(LOOK_SECONDS)
    return found


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
