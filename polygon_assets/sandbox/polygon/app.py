"""The ASGI application: the vendor's REST and WebSocket interfaces around one market."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute

from polygon_assets.sandbox.polygon.access import KeyGuard, RateLimit
from polygon_assets.sandbox.polygon.actions import Actions
from polygon_assets.sandbox.polygon.actions_rest import ActionEndpoints
from polygon_assets.sandbox.polygon.aggregates_rest import AggregateEndpoints
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.companies_rest import CompanyEndpoints
from polygon_assets.sandbox.polygon.control import ControlEndpoints
from polygon_assets.sandbox.polygon.errors import (
    VendorError,
    handle_unknown_route,
    handle_vendor_error,
)
from polygon_assets.sandbox.polygon.faults import Faults, FaultyTransport
from polygon_assets.sandbox.polygon.feed import Feed
from polygon_assets.sandbox.polygon.financials_rest import FinancialEndpoints
from polygon_assets.sandbox.polygon.flat_files import FlatFiles
from polygon_assets.sandbox.polygon.flat_files_control import FlatFileEndpoints
from polygon_assets.sandbox.polygon.hub import Hub
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sandbox.polygon.news_rest import NewsEndpoints
from polygon_assets.sandbox.polygon.reference_rest import ReferenceEndpoints
from polygon_assets.sandbox.polygon.s3 import FlatFileBucket, SignedRequests
from polygon_assets.sandbox.polygon.shorts_rest import ShortEndpoints
from polygon_assets.sandbox.polygon.status_rest import StatusEndpoints
from polygon_assets.sandbox.polygon.ticks_rest import TickEndpoints
from polygon_assets.sandbox.polygon.websocket import SERVED_CHANNELS, StocksSocket
from polygon_assets.sandbox.web_pages import OwnPagesOnly


@dataclass(frozen=True)
class Settings:
    """What a simulator is started with.

    Attributes:
        symbols: Tickers of the market.
        key: The only accepted API key.
        data: Directory of the files that it makes.
        flat_file_keys: The only accepted access key of the flat files, and its secret.
        buffer_bytes: Events that may wait for one client.
        connections_per_key: Subscribed WebSocket connections of one key.
        requests_per_minute: REST requests in any 60 seconds; 0 sets no limit.
        channels: WebSocket channels of the key's plan.
    """

    symbols: list[str]
    key: str
    data: Path
    flat_file_keys: tuple[str, str]
    buffer_bytes: int = 64_000_000
    connections_per_key: int = 1
    requests_per_minute: int = 0
    channels: tuple[str, ...] = SERVED_CHANNELS


def create_app(settings: Settings) -> Starlette:
    """The application; its feed runs from start-up to shutdown."""
    market, clock, hub = Market(settings.symbols), Clock(), Hub()
    actions, feed, faults = Actions(market), Feed(market, clock, hub), Faults()
    files = FlatFiles(market, clock, settings.data / "flat-files")
    bucket = FlatFileBucket(files, *settings.flat_file_keys)
    stocks = StocksSocket(
        hub,
        settings.key,
        settings.buffer_bytes,
        settings.connections_per_key,
        settings.channels,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        feed.start()
        yield
        await feed.stop()

    groups = (
        AggregateEndpoints(market, actions, clock),
        ReferenceEndpoints(market, clock),
        ActionEndpoints(actions, clock),
        CompanyEndpoints(market, clock),
        FinancialEndpoints(market, clock),
        NewsEndpoints(market, clock),
        ShortEndpoints(market, clock),
        TickEndpoints(market, clock),
        StatusEndpoints(clock),
        ControlEndpoints(feed, faults),
        FlatFileEndpoints(files, bucket),
    )
    return Starlette(
        routes=[route for group in groups for route in group.routes()]
        + [WebSocketRoute("/stocks", stocks.serve)],
        middleware=[
            Middleware(OwnPagesOnly),
            Middleware(SignedRequests, bucket=bucket),
            Middleware(KeyGuard, key=settings.key),
            Middleware(RateLimit, requests_per_minute=settings.requests_per_minute),
            Middleware(FaultyTransport, faults=faults),
        ],
        exception_handlers={VendorError: handle_vendor_error, HTTPException: handle_unknown_route},
        lifespan=lifespan,
    )
