"""One server per data directory."""

import fcntl
from pathlib import Path
from typing import TextIO


class DirectoryInUseError(RuntimeError):
    """Another server has the data directory."""


def lock_directory(data: Path) -> TextIO:
    """Create the data directory and take it for this process.

    Returns:
        The open lock file. The lock lasts until it is closed or the process ends, however it ends.

    Raises:
        DirectoryInUseError: Another process has it.
    """
    data.mkdir(parents=True, exist_ok=True)
    lock = (data / ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        message = f"{data} is in use by another server"
        raise DirectoryInUseError(message) from None
    return lock
