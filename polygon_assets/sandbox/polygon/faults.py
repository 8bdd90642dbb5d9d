"""Faults on demand: the next requests fail the way the vendor's sometimes do."""

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from polygon_assets.sandbox.polygon.errors import (
    VendorError,
    error_response,
    json_response,
    too_many_requests,
)

PREFIX = "/sandbox/"
HEALTH = "/healthz"
KINDS = ("429", "500", "truncated")


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """What goes wrong, how often, and where."""

    kind: str
    count: int = 1
    path: str = "/"
    """Requests whose path begins with this."""


class Faults:
    """The faults that are switched on."""

    def __init__(self) -> None:
        self.active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switch a fault on.

        Raises:
            ValueError: Not one of ``KINDS``.
        """
        if fault.kind not in KINDS or fault.count < 1:
            raise ValueError(
                f"fault {fault.kind!r} x {fault.count}: choose one of {', '.join(KINDS)}"
            )
        self.active.append(fault)

    def take(self, path: str) -> str | None:
        """The kind of fault that this request meets, if any; counts it."""
        for fault in self.active:
            if path.startswith(fault.path):
                fault.count -= 1
                if fault.count == 0:
                    self.active.remove(fault)
                return fault.kind
        return None


def is_own_path(path: str) -> bool:
    """Whether this is one of the simulator's own endpoints, which the vendor does not have."""
    return path == HEALTH or path.startswith(PREFIX)


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
        is_vendors = scope["type"] == "http" and not is_own_path(scope["path"])
        kind = self._faults.take(scope["path"]) if is_vendors else None
        if kind is None:
            await self._app(scope, receive, send)
            return
        if kind == "429":
            response = error_response(too_many_requests())
        elif kind == "500":
            response = error_response(VendorError(500, "ERROR", error="internal error"))
        else:
            response = json_response({"results": [{"truncated": True}]})
            response.body = bytes(response.body)[:20]
            response.headers["content-length"] = str(len(response.body))
        await response(scope, receive, send)
