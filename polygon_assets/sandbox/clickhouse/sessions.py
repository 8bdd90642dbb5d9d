"""Named sessions: temporary tables, USE and SET outlive the request that made them.

Settings and the database in a request's address hold for that request only, in a session too.
"""

import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from polygon_assets.sandbox.clickhouse.engine import Engine, Handle, identifier, quoted
from polygon_assets.sandbox.clickhouse.errors import ClickHouseError
from polygon_assets.sandbox.clickhouse.request import Request


@dataclass
class _Session:
    handle: Handle
    expires: float = 0.0
    busy: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """The sessions of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    @contextmanager
    def handle(self, request: Request) -> Generator[Handle]:
        """The handle for one request, with the request's database and settings applied.

        Raises:
            ClickHouseError: Another request is using the session, it does not exist, or the
                database or a setting is unknown.
        """
        if request.session:
            with self._session(request) as handle:
                yield handle
        else:
            with self._engine.fresh() as handle:
                _apply(handle, request)
                yield handle

    @contextmanager
    def _session(self, request: Request) -> Generator[Handle]:
        timeout = request.session_timeout
        session = self._acquire(request.session, must_exist=request.flag("session_check"))
        undo: list[str] = []
        try:
            undo = _undo(session.handle, request)
            _apply(session.handle, request)
            yield session.handle
        finally:
            if not _restored(session.handle, undo):
                self._end(request.session, session)
            session.expires = time.monotonic() + timeout
            session.busy.release()

    def _end(self, name: str, session: _Session) -> None:
        with self._lock:
            del self._sessions[name]
        session.handle.close()

    def _acquire(self, name: str, *, must_exist: bool) -> _Session:
        with self._lock:
            self._close_expired()
            session = self._sessions.get(name)
            if session is None:
                if must_exist:
                    raise ClickHouseError(372, "SESSION_NOT_FOUND", f"Session {name} not found.")
                session = self._sessions[name] = _Session(self._engine.open())
            if not session.busy.acquire(blocking=False):
                raise ClickHouseError(
                    373, "SESSION_IS_LOCKED", f"Session {name} is locked by a concurrent client."
                )
            return session

    def _close_expired(self) -> None:
        now = time.monotonic()
        for name, session in list(self._sessions.items()):
            if session.expires < now and session.busy.acquire(blocking=False):
                del self._sessions[name]
                session.handle.close()


def _apply(handle: Handle, request: Request) -> None:
    if request.database:
        handle.run(f"USE {identifier(request.database)}")
    if request.settings:
        handle.run(f"SET {_assignments(request.settings)}")


def _assignments(settings: Mapping[str, str]) -> str:
    for name in settings:
        if not name.isidentifier():
            raise ClickHouseError(115, "UNKNOWN_SETTING", f"Unknown setting {name!r}.")
    return ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items())


def _undo(handle: Handle, request: Request) -> list[str]:
    """The statements that take the request's database and settings back.

    One insert's deduplication token, left in place, would make the next insert vanish.
    """
    undo: list[str] = []
    if request.database:
        undo.append(f"USE {identifier(handle.rows('SELECT currentDatabase()')[0][0])}")
    if request.settings:
        values = ", ".join(f"toString(getSetting({quoted(name)}))" for name in request.settings)
        before = dict(zip(request.settings, handle.rows(f"SELECT {values}")[0], strict=True))
        undo.append(f"SET {_assignments(before)}")
    return undo


def _restored(handle: Handle, undo: list[str]) -> bool:
    """Run the statements; False if one, such as ``readonly``, cannot be taken back."""
    try:
        for statement in undo:
            handle.run(statement)
    except ClickHouseError:
        return False
    return True
