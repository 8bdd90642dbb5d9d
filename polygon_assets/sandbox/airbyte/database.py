"""The one SQLite file that outlives the server."""

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

Row = tuple[Any, ...]


class Database:
    """A SQLite file that only its owner can read. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        path.touch(mode=0o600)
        path.chmod(0o600)  # it holds the secrets of sources and destinations
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = normal")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def define(self, script: str) -> None:
        """Run statements that create what is missing."""
        with self._lock:
            self._database.executescript(script)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement, which is a transaction of its own.

        Raises:
            sqlite3.IntegrityError: It breaks a constraint.
        """
        with self._lock, closing(self._database.execute(sql, parameters)) as cursor:
            return cast("list[Row]", cursor.fetchall())
