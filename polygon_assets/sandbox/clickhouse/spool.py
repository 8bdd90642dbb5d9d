"""Rows on their way into the engine: in memory, or on disk if they are many."""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

LARGEST_IN_MEMORY = 256 * 1024 * 1024
"""Bytes of one insert that are kept in memory."""


class Spool:
    """Turns the rows of an insert into a file that the engine can read.

    chDB has a streaming insert too, but that one reports success when a constraint, a view or a
    limit has made the write fail; an insert from a file reports the failure.

    Args:
        directory: For what does not fit in memory; created, and emptied of what a killed process
            left behind.
        largest_in_memory: Bytes of one insert that are kept in memory.
    """

    def __init__(self, directory: Path, largest_in_memory: int = LARGEST_IN_MEMORY) -> None:
        self._directory = directory
        # Files without a name, and a path to them, exist on Linux only.
        self._largest_in_memory = largest_in_memory if hasattr(os, "memfd_create") else -1
        directory.mkdir(parents=True, exist_ok=True)
        for left_over in directory.iterdir():
            left_over.unlink()

    @contextmanager
    def file(self, rows: Iterable[bytes]) -> Generator[str]:
        """The path of a file with these bytes, while the context lasts."""
        with ExitStack() as files:
            size = 0
            in_memory = self._largest_in_memory >= 0
            file, path = self._memory_file(files) if in_memory else self._disk_file(files)
            for piece in rows:
                size += len(piece)
                if in_memory and size > self._largest_in_memory:
                    in_memory = False
                    file, path = self._move_to_disk(file, files)
                file.write(piece)
            file.flush()
            yield path

    def _memory_file(self, files: ExitStack) -> tuple[BinaryIO, str]:
        descriptor = os.memfd_create("insert")
        file = files.enter_context(open(descriptor, "w+b"))  # noqa: PTH123, SIM115
        return cast("BinaryIO", file), f"/proc/self/fd/{descriptor}"

    def _disk_file(self, files: ExitStack) -> tuple[BinaryIO, str]:
        file = files.enter_context(tempfile.NamedTemporaryFile(dir=self._directory))  # noqa: SIM115
        return cast("BinaryIO", file), file.name

    def _move_to_disk(self, memory: BinaryIO, files: ExitStack) -> tuple[BinaryIO, str]:
        disk, path = self._disk_file(files)
        memory.seek(0)
        shutil.copyfileobj(memory, disk)
        memory.close()
        return disk, path
