"""One process that starts a sandbox's services, keeps them running, and ends all of them.

``python -m polygon_assets.sandbox.supervisor --symbols 60 [--ui] [--bi]``: folder and ports come
from the environment. What it does is told in ``supervisor.json`` in the sandbox's folder.
"""

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

from polygon_assets.sandbox.layout import (
    BI,
    PORT_COUNT,
    PORT_VARIABLE,
    UI,
    SandboxLayout,
    own_folder,
    sandbox_layout,
)
from polygon_assets.sandbox.lifeline import watch_parent
from polygon_assets.sandbox.processes import end_all, sandbox_processes
from polygon_assets.sandbox.services import (
    Service,
    dagster_ui,
    port_in_use,
    servers,
    service_environment,
    superset,
)

LOOK_SECONDS = 0.1
RESTART_DELAY_SECONDS = 1.0
MOST_RESTARTS = 5


class StartError(RuntimeError):
    """A service cannot be started."""


@dataclass
class Running:
    """A service and its process."""

    service: Service
    process: subprocess.Popen[bytes]
    healthy: bool = False
    restarts: int = 0


@dataclass
class Supervisor:
    """Starts, watches and stops the services of one sandbox."""

    layout: SandboxLayout
    symbols: str
    with_ui: bool
    with_bi: bool = False
    lifeline_read: int = -1
    lifeline_write: int = -1
    running: dict[str, Running] = field(default_factory=dict[str, Running])
    stopping: bool = False

    def run(self) -> int:
        """Run until a signal; returns the exit code."""
        own_folder(self.layout.root)
        lock = self._lock()
        self.lifeline_read, self.lifeline_write = os.pipe()
        try:
            self._start(servers(self.layout, self.symbols))
            if self.with_ui:
                self._bootstrap()
            self._start(self._clients())
            self._write_state("running")
            self._watch()
        except StartError as error:
            self._write_state("failed", str(error))
            sys.stderr.write(f"{error}\n")
            return 1
        finally:
            self._stop()
            lock.close()
        self._write_state("stopped")
        return 0

    def _clients(self) -> list[Service]:
        """What people look at; it needs the servers."""
        ui = [dagster_ui(self.layout)] if self.with_ui else []
        return [*ui, superset(self.layout)] if self.with_bi else ui

    def request_stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Stop at the next look."""
        self.stopping = True

    def parent_gone(self) -> None:
        """Stop, unless the parent asked to be outlived."""
        if not self.layout.keep_file.exists():
            self.request_stop()

    def _lock(self) -> IO[str]:
        lock = (self.layout.root / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise SystemExit(
                f"A sandbox is already running in {self.layout.root}: "
                "`polygon status` shows it, `polygon down` stops it."
            ) from None
        # With the lock held, whatever still carries this sandbox's marker is left over.
        end_all(sandbox_processes(self.layout.root))
        return lock

    def _start(self, services: list[Service]) -> None:
        for service in services:
            if port_in_use(service.port):
                raise StartError(
                    f"Port {service.port}, which the sandbox's {service.name} needs, is in use: "
                    f"stop the program that listens there, or set {PORT_VARIABLE} to the first "
                    f"of {PORT_COUNT} free ports in a row."
                )
        for service in services:
            process = service.start(self.layout, self.lifeline_read)
            self.running[service.name] = Running(service, process)
        self._write_state("starting")
        started = time.monotonic()
        while not all(self.running[service.name].healthy for service in services):
            for service in services:
                self._look_at_start(self.running[service.name])
            if self.stopping:
                raise StartError("The sandbox was stopped while it started.")
            self._require_in_time(services, time.monotonic() - started)
            time.sleep(LOOK_SECONDS)

    def _require_in_time(self, services: list[Service], seconds: float) -> None:
        late = [
            service
            for service in services
            if not self.running[service.name].healthy and seconds > service.start_seconds
        ]
        if late:
            names = ", ".join(service.name for service in late)
            raise StartError(
                f"{names} did not answer within {late[0].start_seconds:.0f} s: "
                f"see {self.layout.log(late[0].name)}."
            )

    def _look_at_start(self, one: Running) -> None:
        if one.healthy:
            return
        if one.process.poll() is not None:
            name = one.service.name
            raise StartError(
                f"The sandbox's {name} stopped while it started: {self._last_line(name)} "
                f"(log: {self.layout.log(name)})"
            )
        if one.service.is_healthy():
            one.healthy = True
            self._write_state("starting")

    def _bootstrap(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "polygon_assets.bootstrap"],
            env=service_environment(self.layout, os.environ),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StartError(f"Preparing the sandbox failed: {done.stderr.strip()[-500:]}")

    def _watch(self) -> None:
        while not self.stopping:
            time.sleep(LOOK_SECONDS)
            for one in self.running.values():
                if one.process.poll() is not None and not self.stopping:
                    self._restart(one)

    def _restart(self, one: Running) -> None:
        name = one.service.name
        one.restarts += 1
        if one.restarts > MOST_RESTARTS:
            raise StartError(
                f"The sandbox's {name} stopped {one.restarts} times: {self._last_line(name)} "
                f"(log: {self.layout.log(name)})"
            )
        one.healthy = False
        self._write_state("running")
        time.sleep(RESTART_DELAY_SECONDS)
        one.process = one.service.start(self.layout, self.lifeline_read)
        one.healthy = True
        self._write_state("running")

    def _stop(self) -> None:
        # First what works for others: the UIs, the stream's tasks, the syncs.
        for names in ([UI, BI, "ecs", "airbyte"], list(self.running)):
            chosen = [self.running[name].process for name in names if name in self.running]
            for process in chosen:
                if process.poll() is None:
                    process.terminate()
            deadline = time.monotonic() + 8
            for process in chosen:
                try:
                    process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
        os.close(self.lifeline_write)
        end_all(sandbox_processes(self.layout.root))

    def _last_line(self, name: str) -> str:
        lines = self.layout.log(name).read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing."

    def _write_state(self, status: str, reason: str = "") -> None:
        state = {
            "status": status,
            "reason": reason,
            "pid": os.getpid(),
            "symbols": self.symbols,
            "services": {
                name: {
                    "pid": one.process.pid,
                    "port": one.service.port,
                    "healthy": one.healthy,
                    "restarts": one.restarts,
                }
                for name, one in self.running.items()
            },
        }
        temporary = self.layout.state_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(state, indent=1))
        temporary.replace(self.layout.state_file)


def main() -> int:
    """Run the supervisor from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", default="60", help="the simulated market: a number or names")
    parser.add_argument("--ui", action="store_true", help="start Dagster's UI and daemon, too")
    parser.add_argument("--bi", action="store_true", help="start Superset, too")
    arguments = parser.parse_args()
    supervisor = Supervisor(sandbox_layout(), arguments.symbols, arguments.ui, arguments.bi)
    signal.signal(signal.SIGTERM, supervisor.request_stop)
    signal.signal(signal.SIGINT, supervisor.request_stop)
    watch_parent(supervisor.parent_gone)
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
