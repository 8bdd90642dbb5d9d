"""Whoever answers in the place of a service cannot have keys or passwords sent to another host."""

import asyncio
import contextlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import dagster as dg
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from polygon.exceptions import BadResponse
from polygon_stream.settings import StreamSettings
from polygon_stream.vendor import StreamEnded, VendorSession
from urllib3.exceptions import HTTPError

from polygon_assets.env import Deployment, Names
from polygon_assets.publish.api import AirbyteApi, PublishError
from polygon_assets.resources.airbyte import airbyte
from polygon_assets.resources.clickhouse import clickhouse
from polygon_assets.resources.polygon import polygon
from polygon_assets.resources.superset import SupersetError, superset
from polygon_assets.settings import AirbyteSettings

KEY = "sentinel-of-a-key"
NAMES = Names(Deployment.LOCAL, "_local")
STATUSES = (301, 302, 303, 307, 308)


class Server(ThreadingHTTPServer):
    """Notes what it gets; answers with a redirect where it has an address for one."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.status, self.elsewhere = 200, ""
        super().__init__(("127.0.0.1", 0), _Handler)
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.got.append(f"{self.requestline}\n{self.headers}\n{body.decode()}")
        self.send_response(self.server.status)
        if self.server.elsewhere:
            self.send_header("Location", f"{self.server.elsewhere}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    with Server() as server:
        yield server
        server.shutdown()


@pytest.fixture(params=STATUSES)
def service(
    request: pytest.FixtureRequest, elsewhere: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of a server that sends everybody elsewhere; every service is there."""
    with Server() as server:
        server.status = request.param
        server.elsewhere = f"http://localhost:{elsewhere.server_port}"
        url = f"http://127.0.0.1:{server.server_port}"
        for name in ("POLYGON_REST_URL", "CLICKHOUSE_URL", "AIRBYTE_REST_URL", "DASHBOARDS_URL"):
            monkeypatch.setenv(name, url)
        for name in (
            *("POLYGON_API_KEY", "CLICKHOUSE_PASSWORD", "AIRBYTE_CLIENT_SECRET"),
            "DASHBOARDS_PASSWORD",
        ):
            monkeypatch.setenv(name, KEY)
        yield url
        assert server.got  # it was asked
        server.shutdown()


def test_the_vendors_key_is_not_taken_along(service: str, elsewhere: Server) -> None:
    vendor = polygon().process_config_and_initialize().client(retries=1)
    with contextlib.suppress(BadResponse, HTTPError):
        vendor.get_market_status()
    assert KEY not in str(elsewhere.got)


def test_clickhouses_password_is_not_taken_along(service: str, elsewhere: Server) -> None:
    resource = clickhouse(NAMES).process_config_and_initialize()
    with pytest.raises((ClickHouseError, IndexError, ValueError)), resource.client():
        pass
    assert KEY not in str(elsewhere.got)
    assert "Basic" not in str(elsewhere.got)


def test_superset_is_not_followed(service: str, elsewhere: Server) -> None:
    server = superset().process_config_and_initialize()
    with pytest.raises(SupersetError, match="sends on to http://localhost"), server.client():
        pass
    assert elsewhere.got == []


def test_airbyte_is_not_followed(service: str, elsewhere: Server) -> None:
    with pytest.raises(PublishError, match="refused"):
        AirbyteApi(AirbyteSettings()).connect()
    assert elsewhere.got == []


def test_a_sync_is_not_followed(service: str, elsewhere: Server) -> None:
    workspace = airbyte(NAMES).process_config_and_initialize()
    workspace = workspace.model_copy(update={"request_max_retries": 0})
    with pytest.raises(dg.Failure):
        workspace.get_client().get_connections()
    assert elsewhere.got == []


def test_the_stream_is_not_followed(service: str, elsewhere: Server) -> None:
    session = VendorSession(lambda frames: frames)
    url = service.replace("http", "ws")
    with pytest.raises(StreamEnded, match="could not connect"):
        asyncio.run(session.run(url, KEY, ["A.*"], StreamSettings(), lambda _: None))
    assert elsewhere.got == []
