"""Find and end the processes of a sandbox, also those that lost their parent."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from polygon_assets.sandbox.layout import MARKER_VARIABLE

STOP_SECONDS = 8.0
KILL_SECONDS = 5.0


def sandbox_processes(root: Path) -> list[psutil.Process]:
    """The processes whose environment carries the sandbox's marker, this one excepted."""
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _marker(process) == str(root) and not _is_helper(process)
    ]


def end_all(processes: Sequence[psutil.Process]) -> None:
    """Ask processes to stop, and kill those that do not."""
    for process in processes:
        _ignore_gone(process.terminate)
    _, alive = psutil.wait_procs(processes, timeout=STOP_SECONDS)
    for process in alive:
        _ignore_gone(process.kill)
    psutil.wait_procs(alive, timeout=KILL_SECONDS)


def _is_helper(process: psutil.Process) -> bool:
    """Python's own bookkeeper of a process, which ends with it."""
    try:
        return any("multiprocessing.resource_tracker" in part for part in process.cmdline())
    except psutil.Error:
        return True  # gone meanwhile


def _marker(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARKER_VARIABLE)
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return None


def _ignore_gone(action: Callable[[], None]) -> None:
    try:
        action()
    except psutil.NoSuchProcess:
        return
