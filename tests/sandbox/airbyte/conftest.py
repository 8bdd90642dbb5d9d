"""A Snowflake for the folder, and servers that end with their test."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airbyte_publishing import Recorder
from airbyte_server import Airbyte, end, start

from polygon_assets.publish import api as publish_api


@pytest.fixture(scope="session")
def snowflake_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """One Snowflake for all tests of this folder; each test has a database of its own."""
    data = tmp_path_factory.mktemp("snowflake")
    process, port = start("polygon_assets.sandbox.snowflake", ["--data", str(data)])
    yield port
    end(process)


@pytest.fixture
def make_airbyte(tmp_path: Path, snowflake_port: int) -> Iterator[Callable[..., Airbyte]]:
    """Starts servers that end with the test."""
    started: list[Airbyte] = []

    def make(**settings: Any) -> Airbyte:
        """A server with an empty workspace."""
        server = Airbyte(folder=tmp_path, snowflake_port=snowflake_port, **settings)
        server.start()
        started.append(server)
        return server

    yield make
    for server in started:
        end(server.process)


@pytest.fixture(scope="session")
def shared_airbyte(
    tmp_path_factory: pytest.TempPathFactory, snowflake_port: int
) -> Iterator[Airbyte]:
    server = Airbyte(folder=tmp_path_factory.mktemp("airbyte"), snowflake_port=snowflake_port)
    server.start()
    server.make_workspace()
    yield server
    end(server.process)


@pytest.fixture
def airbyte(shared_airbyte: Airbyte) -> Airbyte:
    """A server with the scripted connector and one connection, its tables and states empty."""
    shared_airbyte.empty()
    shared_airbyte.choose("splits", "dividends", prefix="")
    return shared_airbyte


@pytest.fixture
def server(make_airbyte: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Airbyte:
    """An empty workspace, and the environment that points to it."""
    found: Airbyte = make_airbyte()
    for name, value in found.variables().items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    recorder = Recorder()
    send = publish_api._send

    def recorded(request: urllib.request.Request) -> Any:
        body = json.loads(request.data) if request.data else None  # type: ignore[arg-type]
        recorder.sent.append((request.get_method(), request.full_url, body))
        return send(request)

    monkeypatch.setattr(publish_api, "_send", recorded)
    yield recorder
    assert all(url.startswith("http://127.0.0.1") for _, url, _ in recorder.sent)
