"""Faults on demand: the next requests fail the way the vendor's sometimes do.

Some faults answer in the vendor's place; others spoil the answer that it would have given.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polygon_assets.sandbox.polygon.errors import (
    VendorError,
    error_response,
    not_entitled,
    outside_timeframe,
    too_many_requests,
)
from polygon_assets.sandbox.polygon.paths import is_own

NEW_FIELD = "field_of_tomorrow"
"""What every result of a ``new_field`` answer carries on top."""

_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"

_INSTEAD: dict[str, Callable[[], Response]] = {
    "429": lambda: error_response(too_many_requests()),
    "429_empty": lambda: Response(status_code=429),
    "500": lambda: error_response(VendorError(500, "ERROR", error="internal error")),
    "502_html": lambda: HTMLResponse(_PAGE.format("502 Bad Gateway"), 502),
    "html": lambda: HTMLResponse(_PAGE.format("We will be back soon")),
    "not_entitled": lambda: error_response(not_entitled()),
    "timeframe": lambda: error_response(outside_timeframe()),
}
_SPOILED = ("truncated", "disconnect", "new_field")
KINDS = (*_INSTEAD, *_SPOILED, "slow")


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """What goes wrong, how often, and where."""

    kind: str
    """``429``, ``429_empty`` (no body), ``500``, ``502_html``, ``html`` (status 200 with a page in
    HTML), ``not_entitled`` and ``timeframe`` (both 403); ``truncated`` (half of the body),
    ``disconnect`` (closed after half of the body), ``new_field`` (an unknown field in every
    result), ``slow``."""
    count: int = 1
    """Requests that meet it; 0: until it is deleted."""
    path: str = "/"
    """Requests whose path begins with this."""
    retry_after: float | None = None
    """Seconds in the answer's ``Retry-After`` header; no header without it."""
    seconds: float = 2.0
    """How long ``slow`` keeps a request waiting."""


class Faults:
    """The faults that are switched on; a request meets the first that fits it."""

    def __init__(self) -> None:
        self.active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switch a fault on.

        Raises:
            ValueError: Not one of ``KINDS``, or a negative number.
        """
        if fault.kind not in KINDS or min(fault.count, fault.seconds, fault.retry_after or 0) < 0:
            raise ValueError(
                f"fault {fault.kind!r} x {fault.count}: choose one of {', '.join(KINDS)}"
            )
        self.active.append(fault)

    def take(self, path: str, method: str) -> Fault | None:
        """The fault that this request meets, if any; counts it.

        A HEAD request meets no fault of a body: it has none.
        """
        for fault in self.active:
            if path.startswith(fault.path) and not (method == "HEAD" and fault.kind in _SPOILED):
                if fault.count == 1:
                    self.active.remove(fault)
                fault.count = max(fault.count - 1, 0)
                return fault
        return None


class FaultyTransport:
    """ASGI middleware that lets requests fail.

    Args:
        app: Answers the requests that do not fail.
        faults: The faults that are switched on.
    """

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app, self._faults = app, faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or fail."""
        is_vendors = scope["type"] == "http" and not is_own(scope["path"])
        fault = self._faults.take(scope["path"], scope["method"]) if is_vendors else None
        if fault is not None and fault.kind in _INSTEAD:
            response = _INSTEAD[fault.kind]()
            if fault.retry_after is not None:
                response.headers["Retry-After"] = f"{fault.retry_after:g}"
            await response(scope, receive, send)
        elif fault is not None and fault.kind in _SPOILED:
            start, body = await _collected(self._app, scope, receive)
            await _send_spoiled(fault.kind, _with_retry_after(start, fault), body, send)
        else:
            if fault is not None:
                await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)


async def _collected(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """The answer that the request would have had: its start and its whole body."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


async def _send_spoiled(kind: str, start: Message, body: bytes, send: Send) -> None:
    if kind == "disconnect":
        await send(_with_length(start, len(body)))
        # The server closes the connection of an answer that is not brought to its end.
        await send({"type": "http.response.body", "body": _half(body), "more_body": True})
        return
    body = _half(body) if kind == "truncated" else _with_new_field(body)
    await send(_with_length(start, len(body)))
    await send({"type": "http.response.body", "body": body})


def _with_retry_after(start: Message, fault: Fault) -> Message:
    if fault.retry_after is None:
        return start
    header = (b"retry-after", f"{fault.retry_after:g}".encode())
    return {**start, "headers": [*start["headers"], header]}


def _half(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _with_length(start: Message, length: int) -> Message:
    kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    return {**start, "headers": [*kept, (b"content-length", str(length).encode())]}


def _with_new_field(body: bytes) -> bytes:
    """JSON with one more field in every result; anything else as it is."""
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
    results = answer.get("results", answer) if isinstance(answer, dict) else answer
    for result in cast("list[Any]", results if isinstance(results, list) else [results]):
        if isinstance(result, dict):
            result[NEW_FIELD] = "not in the documentation"
    return msgspec.json.encode(answer)
