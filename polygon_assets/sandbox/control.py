"""Start, find and stop a sandbox from another process."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.sandbox.layout import (
    DIRECTORY_VARIABLE,
    KAFKA_VARIABLE,
    PORT_VARIABLE,
    SandboxLayout,
    own_folder,
)
from polygon_assets.sandbox.lifeline import LIFELINE_VARIABLE
from polygon_assets.sandbox.processes import end_all, sandbox_processes

LOOK_SECONDS = 0.1
STOP_SECONDS = 60.0


class SandboxError(RuntimeError):
    """The sandbox cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class ServiceState:
    """What the supervisor tells about one service."""

    pid: int
    port: int
    healthy: bool
    restarts: int


@dataclass(frozen=True)
class SandboxState:
    """What the supervisor tells about itself.

    Attributes:
        status: ``starting``, ``running``, ``failed`` or ``stopped``.
        reason: Why it failed.
        pid: The supervisor's process.
        symbols: The simulated market, as asked for.
        services: By name.
    """

    status: str
    reason: str
    pid: int
    symbols: str
    services: dict[str, ServiceState]


def read_state(layout: SandboxLayout) -> SandboxState | None:
    """What the last supervisor of this folder told, or None if there was none."""
    try:
        told = json.loads(layout.state_file.read_text())
    except FileNotFoundError:
        return None
    services = {name: ServiceState(**one) for name, one in told.pop("services").items()}
    return SandboxState(**told, services=services)


def is_running(layout: SandboxLayout) -> bool:
    """Whether a supervisor holds this folder."""
    try:
        lock = (layout.root / "lock").open("r+")
    except FileNotFoundError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


class Sandbox:
    """A sandbox that this process uses: one of its own, or one that runs already."""

    def __init__(self, layout: SandboxLayout) -> None:
        self.layout = layout
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._lifeline: int | None = None

    def start(
        self, symbols: str, *, ui: bool = False, bi: bool = False, detach: bool = False
    ) -> None:
        """Start the supervisor; :meth:`wait` waits for the services.

        Args:
            symbols: The simulated market.
            ui: Start Dagster's UI and daemon, too.
            bi: Start Superset, too; its environment must be installed.
            detach: Let the sandbox outlive this process.
        """
        own_folder(self.layout.root)
        self.layout.state_file.unlink(missing_ok=True)
        # Here and not in the supervisor: it would outlive a parent that is killed before.
        self.layout.keep_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "polygon_assets.sandbox.supervisor", "--symbols", symbols]
        if ui:
            command.append("--ui")
        if bi:
            command.append("--bi")
        environment = os.environ | {
            DIRECTORY_VARIABLE: str(self.layout.root),
            PORT_VARIABLE: str(self.layout.base_port),
            KAFKA_VARIABLE: self.layout.kafka,
        }
        log = self.layout.log("supervisor")
        log.parent.mkdir(exist_ok=True)
        read = write = None
        if not detach:
            read, write = os.pipe()
            environment[LIFELINE_VARIABLE] = str(read)
        with log.open("ab") as output:
            self._supervisor = subprocess.Popen(
                command,
                cwd=PROJECT_ROOT,
                env=environment,
                pass_fds=[read] if read is not None else [],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if read is not None:
            os.close(read)
        self._lifeline = write

    def wait_for_supervisor(self) -> None:
        """Wait until the supervisor has ended what was left over, and starts the services.

        What carries the sandbox's marker before that is taken for a leftover.

        Raises:
            SandboxError: The supervisor did not start; says why.
        """
        self._wait(lambda _healthy, _started: None, ("starting", "running"))

    def wait(self, progress: Callable[[int, int], None]) -> None:
        """Wait until every service answers.

        Args:
            progress: Called with the number of services that answer and of those that started.

        Raises:
            SandboxError: A service did not start; says which and why.
        """
        self._wait(progress, ("running",))

    def _wait(self, progress: Callable[[int, int], None], ready: Sequence[str]) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            state = read_state(self.layout)
            if state is not None:
                healthy = sum(one.healthy for one in state.services.values())
                progress(healthy, len(state.services))
                if state.status == "failed":
                    raise SandboxError(state.reason)
                if state.status in ready:
                    return
            if self._supervisor is not None and self._supervisor.poll() is not None:
                state = read_state(self.layout)
                reason = state.reason if state else ""
                raise SandboxError(reason or self._last_words())

    def keep(self) -> None:
        """Let the sandbox outlive this process."""
        self.layout.keep_file.touch()

    def stop(self) -> None:
        """Stop the sandbox that this process started, and wait until it is gone."""
        if self._supervisor is None:
            return
        if self._supervisor.poll() is None:
            self._supervisor.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._supervisor.wait(STOP_SECONDS)
        ended = self._supervisor.poll() is not None
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        # What runs now may be another's: `polygon up --bi` restarts a sandbox that has no Superset.
        if not (ended and is_running(self.layout)):
            end_all(sandbox_processes(self.layout.root))
        self._supervisor = None

    def _last_words(self) -> str:
        lines = self.layout.log("supervisor").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "The sandbox's supervisor stopped without a word."


def stop_sandbox(layout: SandboxLayout) -> int:
    """Stop whatever runs of a sandbox, whoever started it.

    Returns:
        How many processes were there.
    """
    state = read_state(layout)
    found = sandbox_processes(layout.root)
    if state is not None and is_running(layout):
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while is_running(layout) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
    end_all(sandbox_processes(layout.root))
    return len(found)
