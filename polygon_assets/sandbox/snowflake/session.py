"""The warehouse and its sessions: one DuckDB instance, one cursor of it per login."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakSet

from duckdb import DuckDBPyConnection
from fakesnow import info_schema, macros
from fakesnow.conn import FakeSnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

from polygon_assets.sandbox.snowflake.cursor import SandboxCursor
from polygon_assets.sandbox.snowflake.databases import note_database
from polygon_assets.sandbox.snowflake.history import QueryHistory
from polygon_assets.sandbox.snowflake.names import ObjectName, quoted
from polygon_assets.sandbox.snowflake.storage import DATABASE_SUFFIX, literal
from polygon_assets.sandbox.snowflake.temporary import TemporaryNames

DEFAULT_SCHEMA = "PUBLIC"

KEPT_RESULTS = 8
"""Results that RESULT_SCAN can still find."""


class RecentResults(dict[str, tuple[Any, ...]]):
    """The newest results by query id: without a bound, a server's memory only grows."""

    def __setitem__(self, query_id: str, result: tuple[Any, ...]) -> None:
        """Keep a result and forget the oldest beyond the bound."""
        super().__setitem__(query_id, result)
        while len(self) > KEPT_RESULTS:
            self.pop(next(iter(self)), None)


class Session(FakeSnowflakeConnection):
    """One client's session: its current names, transaction and temporary objects."""

    def __init__(
        self,
        duck: DuckDBPyConnection,
        data: Path,
        database: str | None,
        schema: str | None,
        *,
        autocommit: bool,
        context: Mapping[str, str],
        history: QueryHistory,
        open_sessions: "Callable[[], list[Session]]",
    ) -> None:
        """Open a session and create its database and schema if they do not exist.

        Args:
            duck: A DuckDB cursor of the session's own.
            data: Where database files are.
            database: Current database, or None.
            schema: Current schema, or None.
            autocommit: Whether each statement commits by itself.
            context: Values of the session's functions, such as ``CURRENT_ROLE``.
            history: The server's statements.
            open_sessions: Tells every open session of the server.
        """
        super().__init__(
            duck, RecentResults(), database, schema, db_path=data, autocommit=autocommit
        )
        self.database: str | None
        if self.database:
            note_database(duck, self.database)
        self.data = data
        self.history = history
        self.session_id = history.next_session()
        self.context = {**context, "CURRENT_SESSION": str(self.session_id)}
        self.query_tag = ""
        self.temporary = TemporaryNames()
        self.in_explicit_transaction = False
        self.written: set[ObjectName] = set()
        self.ended_by_others = False
        self.lock = threading.Lock()
        self.last_used = self.idle_since = time.monotonic()
        self._open_sessions = open_sessions

    @property
    def duck(self) -> DuckDBPyConnection:
        """The session's DuckDB connection."""
        return self._duck_conn

    @property
    def current_database(self) -> str:
        """The current database; empty without one."""
        return self.database or ""

    @property
    def current_schema(self) -> str:
        """The current schema; empty without one."""
        return self.schema or ""

    @property
    def autocommits(self) -> bool:
        """Whether each statement commits by itself."""
        return bool(self._autocommit)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open that a later statement or rollback decides."""
        return self.in_explicit_transaction or self._in_transaction

    @property
    def is_busy(self) -> bool:
        """Whether a statement is running."""
        return self.lock.locked()

    def commit_open_transaction(self) -> None:
        """Commit what is open; nothing where nothing is."""
        if self.in_transaction:
            self.duck.commit()
            self._forget_transaction()

    def begin_again(self) -> None:
        """Start the open transaction anew; nothing where none is open."""
        if self.in_transaction:
            self.duck.rollback()
            self.duck.begin()

    def others(self) -> list["Session"]:
        """The other sessions of the server."""
        return [session for session in self._open_sessions() if session is not self]

    def roll_back_abandoned(self, idle_seconds: float) -> None:
        """Roll back the open transaction where no statement came for so long.

        The session refuses every statement until its client has rolled back, too.
        """
        if not self.lock.acquire(blocking=False):
            return  # a statement is running
        try:
            if self.in_transaction and time.monotonic() - self.idle_since > idle_seconds:
                self.duck.rollback()
                self._forget_transaction()
                self.ended_by_others = True
        finally:
            self.lock.release()

    def _forget_transaction(self) -> None:
        self.in_explicit_transaction = self._in_transaction = False
        self.written.clear()

    def cursor(self, cursor_class: type[SnowflakeCursor] = SnowflakeCursor) -> SandboxCursor:
        """A cursor of this session. The class of the client's cursor makes no difference here."""
        return SandboxCursor(self)

    def create_database(self, name: str, content: Path | None = None) -> None:
        """Create a database if it does not exist.

        Args:
            name: Its name as stored.
            content: A file that becomes the database's own; without one it is empty.
        """
        file = self.data / f"{name}{DATABASE_SUFFIX}"
        if content is not None:
            content.replace(file)
        self.duck.execute(f"ATTACH IF NOT EXISTS {literal(file)} AS {quoted(name)}")
        self.duck.execute(info_schema.per_db_creation_sql(name))
        self.duck.execute(macros.creation_sql(name))
        self.duck.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(name, DEFAULT_SCHEMA)}")
        note_database(self.duck, name)

    def leave_database(self, name: str) -> None:
        """Have no current database where it is this one."""
        if self.database == name:
            self.duck.execute("USE memory")
            self.database, self._schema = None, None
            self.database_set, self.schema_set = False, False


class Warehouse:
    """Opens sessions on one DuckDB instance."""

    def __init__(self, duck: DuckDBPyConnection, data: Path) -> None:
        """Serve an open DuckDB instance.

        Args:
            duck: From ``open_databases``.
            data: Where database files are.
        """
        self.duck = duck
        self.data = data
        self.history = QueryHistory()
        self._lock = threading.Lock()
        self._sessions: WeakSet[Session] = WeakSet()

    def connect(
        self,
        database: str | None,
        schema: str | None,
        *,
        autocommit: bool,
        context: Mapping[str, str],
    ) -> Session:
        """Open a session; its database and schema are created if they do not exist.

        As on Snowflake, a session with a database and no schema is in its schema PUBLIC.
        """
        schema = schema or (DEFAULT_SCHEMA if database else None)
        with self._lock:  # two logins must not create one database twice
            session = Session(
                self.duck.cursor(),
                self.data,
                database,
                schema,
                autocommit=autocommit,
                context=context,
                history=self.history,
                open_sessions=self._open_sessions,
            )
            self._sessions.add(session)
            return session

    def _open_sessions(self) -> list[Session]:
        with self._lock:
            return list(self._sessions)
