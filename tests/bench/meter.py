"""CPU time and memory of a sandbox's processes, by stage of the work."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from polygon_assets.sandbox.processes import sandbox_processes

LOOK_SECONDS = 0.2
STAGES = {
    "source-polygon": "connector",
    "polygon_assets.sandbox.polygon": "vendor (simulated)",
    "polygon_assets.sandbox.airbyte": "protocol (Airbyte)",
    "polygon_assets.sandbox.snowflake": "load (warehouse)",
}
"""A word of a process's command line -> the stage that it works for; the first match counts."""

OURSELVES = "Dagster"


@dataclass
class Usage:
    """What one stage used."""

    cpu_seconds: float = 0.0
    peak_bytes: int = 0


@dataclass
class Meter:
    """Looks at the processes of a sandbox until it is stopped."""

    root: Path
    _cpu: dict[int, tuple[str, float, float]] = field(default_factory=dict)
    """Process -> stage, CPU seconds at the first and at the last look."""
    _peak: dict[str, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Meter":
        self._known: dict[int, tuple[psutil.Process, str]] = {}
        for process in sandbox_processes(self.root):
            self._add(process)
        self._add(psutil.Process(os.getpid()), OURSELVES)
        for pid, (process, stage) in self._known.items():
            spent = _cpu_seconds(process)
            self._cpu[pid] = (stage, spent, spent)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def usage(self) -> dict[str, Usage]:
        """CPU seconds since the start, and the peak of resident memory, by stage."""
        found: dict[str, Usage] = {}
        for stage, first, last in self._cpu.values():
            found.setdefault(stage, Usage()).cpu_seconds += last - first
        for stage, peak in self._peak.items():
            found[stage].peak_bytes = peak
        return found

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            for process in sandbox_processes(self.root):
                self._add(process)
            self._look()

    def _look(self) -> None:
        memory: dict[str, int] = {}
        for pid, (process, stage) in list(self._known.items()):
            try:
                with process.oneshot():
                    spent, size = _cpu_seconds(process), process.memory_info().rss
            except psutil.Error:
                del self._known[pid]
                continue
            first = self._cpu.get(pid, (stage, 0.0, 0.0))[1]
            self._cpu[pid] = (stage, first, spent)
            memory[stage] = memory.get(stage, 0) + size
        for stage, size in memory.items():
            self._peak[stage] = max(size, self._peak.get(stage, 0))

    def _add(self, process: psutil.Process, stage: str | None = None) -> None:
        if process.pid in self._known:
            return
        try:
            command = " ".join(process.cmdline())
        except psutil.Error:
            return
        if "polygon_assets.sandbox.run" in command:  # waits for the connector, no more
            return
        stage = stage or next((name for word, name in STAGES.items() if word in command), None)
        if stage is not None:
            self._known[process.pid] = (process, stage)


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
