"""Requests of foreign web pages, which no server of the sandbox answers.

A browser lets every page that it shows send requests to 127.0.0.1, and most of these servers run
what they are asked to: SQL, commands. A page cannot hide where it comes from: the browser says so
in ``Origin`` and ``Sec-Fetch-Site``, and a page whose name was made to mean 127.0.0.1 (DNS
rebinding) still sends that name as ``Host``. Programs send neither of the first two.

Only the standard library is imported: Superset's environment has nothing else.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from typing import Any

HOSTS = ("127.0.0.1", "localhost", "[::1]")

Header = Callable[[str], str | None]
"""Gives a header by its name in lower case."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


def refusal(header: Header, method: str, path: str, pages: Collection[str] | None = None) -> str:
    """Why a request is not answered; empty where it may be.

    Args:
        header: The request's headers.
        method: Its method.
        path: Its path, without the query.
        pages: Paths that pages of other addresses may link to; None = all of them.
    """
    host = (header("host") or "").lower()
    if _name(host) not in HOSTS:
        return f"The sandbox answers at {HOSTS[0]} and localhost, not as {host[:200]!r}.\n"
    origin = header("origin")
    if origin is not None and origin.lower() != f"http://{host}":
        return f"The sandbox does not answer pages of {origin[:200]!r}.\n"
    is_foreign = header("sec-fetch-site") in ("cross-site", "same-site")
    is_link = header("sec-fetch-mode") == "navigate" and method in ("GET", "HEAD")
    is_link = is_link and header("sec-fetch-dest") in ("document", None)  # and no frame of a page
    if is_foreign and not (is_link and (pages is None or path in pages)):
        return "The sandbox does not answer pages of other addresses.\n"
    return ""


class OwnPagesOnly:
    """ASGI middleware: HTTP requests and WebSockets of foreign pages get 403."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        kind = scope["type"]
        if kind in ("http", "websocket"):
            sent = {name.decode("latin-1"): value for name, value in reversed(scope["headers"])}
            text = refusal(
                lambda name: sent[name].decode("latin-1") if name in sent else None,
                scope.get("method", "GET"),
                scope["path"],
            )
            if text and kind == "websocket":
                await send({"type": "websocket.close", "code": 1008})  # before accept: 403
                return
            if text:
                headers = [(b"content-type", b"text/plain; charset=utf-8")]
                await send({"type": "http.response.start", "status": 403, "headers": headers})
                await send({"type": "http.response.body", "body": text.encode()})
                return
        await self._app(scope, receive, send)


def own_pages_only(app: WsgiApp) -> WsgiApp:
    """The same for a WSGI application."""

    def guarded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        text = refusal(
            lambda name: environ.get(f"HTTP_{name.upper().replace('-', '_')}"),
            environ["REQUEST_METHOD"],
            environ.get("PATH_INFO", ""),
        )
        if not text:
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [text.encode()]

    return guarded


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
