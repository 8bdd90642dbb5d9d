"""Run `polygon demo` as a user does, in a folder and on ports of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from support.servers import free_ports

from polygon_assets.sandbox.layout import (
    DIRECTORY_VARIABLE,
    MARKER_VARIABLE,
    PORT_VARIABLE,
    SandboxLayout,
)
from polygon_assets.sandbox.processes import sandbox_processes

POLYGON = str(Path(sys.executable).with_name("polygon"))
SMALL = ("--sessions", "8", "--symbols", "8", "--speed", "3000")
CLEAN_UP_SECONDS = 30.0
TABLE_ROW = re.compile(r"│ (snowflake|clickhouse)\s*│ (\S+)\s*│\s*([\d,]+) │ ([0-9a-f]{16}) │")


@dataclass
class DemoFolder:
    """A sandbox of a test: its folder and its ports."""

    root: Path
    port: int = field(default_factory=free_ports)

    @property
    def layout(self) -> SandboxLayout:
        return SandboxLayout(self.root, self.port)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if key != MARKER_VARIABLE}
        here = {DIRECTORY_VARIABLE: str(self.root), PORT_VARIABLE: str(self.port)}
        return inherited | here | {"PYTHONUNBUFFERED": "1"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A `polygon` command from start to end."""
        return subprocess.run(
            [POLYGON, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A `polygon` command that goes on."""
        return subprocess.Popen(
            [POLYGON, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def processes(self) -> list[psutil.Process]:
        """Everything of this sandbox that still runs."""
        return sandbox_processes(self.root)

    def wait_until_clean(self) -> list[str]:
        """The commands that still run after the time that cleaning up may take."""
        deadline = time.monotonic() + CLEAN_UP_SECONDS
        while (found := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return [" ".join(process.cmdline()) for process in found]


def tables(output: str) -> dict[str, tuple[int, str]]:
    """Table -> row count and checksum, from what `demo` and `status --tables` print."""
    return {
        name: (int(rows.replace(",", "")), checksum)
        for _, name, rows, checksum in TABLE_ROW.findall(output)
    }


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Read a command's output until a text appears in it."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} did not appear in:\n{seen}")


def end(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Send a signal and wait for the end; returns the rest of the output."""
    process.send_signal(number)
    assert process.stdout is not None
    rest = process.stdout.read()
    process.wait(90)
    return rest
