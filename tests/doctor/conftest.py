"""The sandbox's servers as processes, and the environment that points to them."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.servers import server

from polygon_assets.env import Deployment, Names

HTTP = "http://127.0.0.1:{port}"
ADDRESSES = {
    "POLYGON_REST_URL": ("polygon", HTTP),
    "POLYGON_WS_URL": ("polygon", "ws://127.0.0.1:{port}/stocks"),
    "FLAT_FILES_ENDPOINT_URL": ("polygon", HTTP),
    "KAFKA_BOOTSTRAP_SERVERS": ("kafka", "127.0.0.1:{port}"),
    "CLICKHOUSE_URL": ("clickhouse", HTTP),
    "SNOWFLAKE_PORT": ("snowflake", "{port}"),
    "ECS_ENDPOINT_URL": ("ecs", HTTP),
}
OTHERS = {
    "POLYGON_API_KEY": "sandbox",
    "SNOWFLAKE_HOST": "127.0.0.1",
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Servers:
    """The sandbox's servers, each started when it is first asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._ports: dict[str, int] = {}

    def port(self, name: str) -> int:
        if name not in self._ports:
            options = ("--symbols", "AAPL") if name == "polygon" else ()
            running = server(name, self._folder / name, *options)
            self._ports[name] = self._stack.enter_context(running)
        return self._ports[name]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One of each, for every test of this folder."""
    with ExitStack() as stack:
        yield Servers(tmp_path_factory.mktemp("outside"), stack)


@pytest.fixture
def outside(
    request: pytest.FixtureRequest, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """The environment of the servers that the module names; tests change it to what is wrong."""
    for variable, (name, address) in ADDRESSES.items():
        if name in request.module.SERVERS:
            monkeypatch.setenv(variable, address.format(port=servers.port(name)))
    for variable, value in OTHERS.items():
        monkeypatch.setenv(variable, value)
    return monkeypatch


@pytest.fixture
def names() -> Names:
    """A deployment of the test's own, of which nothing exists."""
    return Names(Deployment.LOCAL, f"_t{uuid.uuid4().hex[:8]}")
