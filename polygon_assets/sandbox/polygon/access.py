"""Who may ask, and how often: ASGI middleware for the vendor's API key and its rate limit."""

import math
import time
from collections import deque
from collections.abc import Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from polygon_assets.sandbox.polygon.errors import error_response, too_many_requests, unknown_key
from polygon_assets.sandbox.polygon.paths import is_rest

WINDOW_SECONDS = 60.0


class KeyGuard:
    """ASGI middleware: the vendor's endpoints need the API key, the simulator's own do not.

    Args:
        app: Answers the requests with a key.
        key: The only accepted one, as a bearer token or as ``?apiKey=``.
    """

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._key = app, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        if scope["type"] == "http" and is_rest(scope["path"]):
            given = _given_key(scope)
            if given != self._key:
                await error_response(unknown_key(given is not None))(scope, receive, send)
                return
        await self._app(scope, receive, send)


class RateLimit:
    """ASGI middleware: so many REST requests in any 60 seconds; refused ones do not count.

    There is one accepted key, so that this is the vendor's limit per key.

    Args:
        app: Answers the requests within the limit.
        requests_per_minute: 0 sets no limit.
        clock: Seconds that only grow. The limit follows real time, not the market's clock.
    """

    def __init__(
        self,
        app: ASGIApp,
        requests_per_minute: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app, self._most, self._clock = app, requests_per_minute, clock
        self._accepted: deque[float] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 429 with the seconds to wait in ``Retry-After``."""
        if scope["type"] == "http" and is_rest(scope["path"]) and self._most:
            wait = self._seconds_to_wait()
            if wait:
                response = error_response(too_many_requests())
                response.headers["Retry-After"] = str(math.ceil(wait))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _seconds_to_wait(self) -> float:
        """Until the next request is welcome; 0, and the request is counted, when it is now."""
        now = self._clock()
        while self._accepted and self._accepted[0] <= now - WINDOW_SECONDS:
            self._accepted.popleft()
        if len(self._accepted) < self._most:
            self._accepted.append(now)
            return 0.0
        return self._accepted[0] + WINDOW_SECONDS - now


def _given_key(scope: Scope) -> str | None:
    """The key of a request; None without one."""
    request = Request(scope)
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else request.query_params.get("apiKey")
