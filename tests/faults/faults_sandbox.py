"""A sandbox of a test's own whose vendor and processes can be made to fail."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
from support.servers import free_ports

from polygon_assets.cli.prepare import write_dagster_config
from polygon_assets.sandbox.control import Sandbox
from polygon_assets.sandbox.layout import SandboxLayout
from polygon_assets.sandbox.processes import sandbox_processes

RUN_ASSETS = Path(__file__).with_name("run_assets.py")
LOOK_SECONDS = 0.05
WAIT_SECONDS = 60.0
RUN_SECONDS = 180.0

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What a run of assets said of itself."""

    success: bool
    failures: list[str]
    materialized: list[str]
    failed_checks: list[dict[str, Any]]


@dataclass
class FaultySandbox:
    """All services of a sandbox, restarted by its supervisor when one is killed."""

    layout: SandboxLayout

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | self.layout.environment()

    def fault(self, kind: str, count: int = 0, path: str = "/", **more: Any) -> None:
        """Let the vendor's next answers fail; 0 = all of them, until :meth:`heal`."""
        self._vendor("POST", {"kind": kind, "count": count, "path": path, **more})

    def heal(self) -> None:
        """Let the vendor answer well again."""
        self._vendor("DELETE", None)

    def start(self, first: str, last: str, *assets: str) -> subprocess.Popen[str]:
        """Begin a run of assets."""
        return subprocess.Popen(
            [sys.executable, str(RUN_ASSETS), first, last, *assets],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, run: subprocess.Popen[str]) -> Outcome:
        """Wait for the run's end."""
        output, errors = run.communicate(timeout=RUN_SECONDS)
        assert run.returncode == 0, errors[-4000:]
        return Outcome(**json.loads(output.splitlines()[-1]))

    def run(self, first: str, last: str, *assets: str) -> Outcome:
        """A run of assets from start to end."""
        return self.finish(self.start(first, last, *assets))

    def tables(self) -> dict[str, tuple[int, str]]:
        """Rows and checksum of every raw table, without the columns that tell when it came."""
        program = (
            "import json; from polygon_assets.cli.tables import table_facts; "
            "from polygon_assets.env import deployment_names; "
            "print(json.dumps({t.name: [t.rows, t.checksum] for t in "
            "table_facts(deployment_names()) if t.name.startswith('raw.')}))"
        )
        told = subprocess.run(
            [sys.executable, "-c", program],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return {name: (rows, sum_) for name, (rows, sum_) in json.loads(told.stdout).items()}

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
    """Start a sandbox, and stop it at the end of the block."""
    layout = SandboxLayout(root, free_ports())
    write_dagster_config(layout.data("dagster"))
    sandbox = Sandbox(layout)
    try:
        sandbox.start(symbols)
        sandbox.wait(lambda _healthy, _started: None)
        yield FaultySandbox(layout)
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
