"""Durable files: atomic replacement, whole writes, and one owner per directory."""

import os
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make created, renamed and removed names in the directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that after any crash it holds either its old or its new content."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def append_all(descriptor: int, data: bytes | bytearray, size: int) -> None:
    """Append the data to an open file of the given size, all of it or nothing.

    Raises:
        OSError: The write failed, for instance because the disk is full; the file is as before.
    """
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        os.ftruncate(descriptor, size)
        raise
