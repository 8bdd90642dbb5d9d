"""One program of a test or a benchmark: started, killed, frozen, measured."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

ROOT = Path(__file__).parents[2]
SETTINGS = ("POLYGON_", "KAFKA_", "CLICKHOUSE_", "STREAM_", "SINK_", "TEST_")
START_SECONDS = 90.0
LOOK_SECONDS = 0.05

T = TypeVar("T")


def wait_for(look: Callable[[], T | None], what: str, seconds: float = START_SECONDS) -> T:
    """The first true answer.

    Raises:
        TimeoutError: There was none in time.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(LOOK_SECONDS)
    return found


def free_port() -> int:
    """A free port that the operating system does not hand out as the near end of a connection."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        candidate = 10_000 + port % 20_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", candidate))
            return candidate


@dataclass(eq=False)
class Program:
    """One program that can be started, killed, frozen and started again.

    Attributes:
        name: For people.
        arguments: Of ``python``.
        environment: Variables of ours; none is inherited.
        log: Where its output goes; it is appended to.
    """

    name: str
    arguments: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    spent: float = 0.0
    """CPU seconds of its processes that were ended by ``stop``."""

    def start(self, *arguments: str, **environment: str) -> "Program":
        """Start it.

        Args:
            arguments: In the place of its own.
            environment: Further variables.
        """
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *(arguments or self.arguments)],
                cwd=ROOT,
                env=self.variables() | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_default_signals,
            )
        return self

    def variables(self) -> dict[str, str]:
        """Its whole environment."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
        return inherited | {"TZ": "UTC"} | self.environment

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def must_run(self) -> bool:
        """True.

        Raises:
            RuntimeError: It has ended; the text has the end of its log.
        """
        if not self.running:
            raise RuntimeError(f"{self.name} ended with {self.exit_code}:\n{self.tail()}")
        return True

    @property
    def exit_code(self) -> int | None:
        """Of a program that has ended."""
        return None if self.process is None else self.process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program and to those that it started."""
        for process in reversed(self._family()):
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)

    def kill(self) -> None:
        """End it without warning."""
        if self.running:
            self.signal(signal.SIGKILL)
            assert self.process is not None
            self.process.wait()

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM, then wait.

        Returns:
            The exit code; -9 where it had to be killed.
        """
        if self.process is None:
            return 0
        if self.running:
            self.spent += self.live_seconds()
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGCONT)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.wait()

    def cpu_seconds(self) -> float:
        """CPU time so far: all threads, all children."""
        return self.spent + self.live_seconds()

    def live_seconds(self) -> float:
        """CPU time of the processes that run now."""
        total = 0.0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _family(self) -> list[psutil.Process]:
        if not self.running:
            return []
        assert self.process is not None
        try:
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _default_signals() -> None:
    """A shell's background jobs ignore SIGINT, and so would all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def answers(url: str) -> bool:
    """Whether a server answers GET with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
