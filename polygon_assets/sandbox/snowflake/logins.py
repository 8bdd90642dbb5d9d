"""Who may log in, and the sessions that are open."""

import hmac
import os
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from polygon_assets.sandbox.snowflake.session import Session

IDLE_SECONDS = 4 * 3600.0
"""Snowflake ends a session after four hours without a statement."""


@dataclass(frozen=True)
class Credentials:
    """The one user that the sandbox knows."""

    user: str
    password: str

    def accept(self, user: str, password: str) -> bool:
        """Whether these are that user's. Names of users have no case."""
        same_user = hmac.compare_digest(user.lower().encode(), self.user.lower().encode())
        return same_user & hmac.compare_digest(password.encode(), self.password.encode())


def credentials_from_environment() -> Credentials:
    """The user that clients log in as where the environment is the same."""
    return Credentials(
        os.environ.get("SNOWFLAKE_USER", "sandbox"),
        os.environ.get("SNOWFLAKE_PASSWORD", "sandbox"),
    )


class Sessions:
    """Open sessions by token."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        with self._lock:
            return iter(list(self._sessions.values()))

    def add(self, session: Session) -> str:
        """Keep a session, and end those that no client has used for hours.

        Returns:
            The token that names the session from now on.
        """
        token = secrets.token_urlsafe(32)
        now = time.monotonic()
        with self._lock:
            idle = [
                key for key, one in self._sessions.items() if now - one.last_used > IDLE_SECONDS
            ]
            ended = [self._sessions.pop(key) for key in idle]
            self._sessions[token] = session
        for one in ended:
            one.close()
        return token

    def get(self, token: str) -> Session | None:
        """The session of a token; None if it has ended or is another server's."""
        session = self._sessions.get(token)
        if session is not None:
            session.last_used = time.monotonic()
        return session

    def end(self, token: str) -> None:
        """End a session; what it has not committed is rolled back."""
        with self._lock:
            session = self._sessions.pop(token, None)
        if session is not None:
            session.close()
