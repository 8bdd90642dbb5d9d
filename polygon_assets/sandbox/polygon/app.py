"""The ASGI application: the vendor's REST and WebSocket interfaces around one market."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from polygon_assets.sandbox.polygon.actions import Actions
from polygon_assets.sandbox.polygon.actions_rest import ActionEndpoints
from polygon_assets.sandbox.polygon.aggregates_rest import AggregateEndpoints
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.control import ControlEndpoints
from polygon_assets.sandbox.polygon.errors import (
    VendorError,
    error_response,
    handle_unknown_route,
    handle_vendor_error,
    unknown_key,
)
from polygon_assets.sandbox.polygon.faults import Faults, FaultyTransport, is_own_path
from polygon_assets.sandbox.polygon.feed import Feed
from polygon_assets.sandbox.polygon.hub import Hub
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sandbox.polygon.reference_rest import ReferenceEndpoints
from polygon_assets.sandbox.polygon.status_rest import StatusEndpoints
from polygon_assets.sandbox.polygon.websocket import StocksSocket


@dataclass(frozen=True)
class Settings:
    """What a simulator is started with.

    Attributes:
        symbols: Tickers of the market.
        key: The only accepted API key.
        buffer_bytes: Events that may wait for one client.
        connections_per_key: Subscribed WebSocket connections of one key.
    """

    symbols: list[str]
    key: str
    buffer_bytes: int = 64_000_000
    connections_per_key: int = 1


def create_app(settings: Settings) -> Starlette:
    """The application; its feed runs from start-up to shutdown."""
    market, clock, hub = Market(settings.symbols), Clock(), Hub()
    actions, feed, faults = Actions(market), Feed(market, clock, hub), Faults()
    stocks = StocksSocket(hub, settings.key, settings.buffer_bytes, settings.connections_per_key)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        feed.start()
        yield
        await feed.stop()

    groups = (
        AggregateEndpoints(market, actions, clock),
        ReferenceEndpoints(market, clock),
        ActionEndpoints(actions, clock),
        StatusEndpoints(clock),
        ControlEndpoints(feed, faults),
    )
    return Starlette(
        routes=[route for group in groups for route in group.routes()]
        + [WebSocketRoute("/stocks", stocks.serve)],
        middleware=[
            Middleware(KeyGuard, key=settings.key),
            Middleware(FaultyTransport, faults=faults),
        ],
        exception_handlers={VendorError: handle_vendor_error, HTTPException: handle_unknown_route},
        lifespan=lifespan,
    )


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
        if scope["type"] == "http" and not is_own_path(scope["path"]):
            given = _given_key(scope)
            if given != self._key:
                await error_response(unknown_key(given is not None))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _given_key(scope: Scope) -> str | None:
    """The key of a request; None without one."""
    request = Request(scope)
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else request.query_params.get("apiKey")
