"""The simulated vendor's bucket and the sandbox's Snowflake as processes."""

from collections.abc import Iterator

import pytest
from flat_files_support import NAMES, SYMBOLS, Outside, addresses
from support.servers import server

from polygon_assets.resources.flat_files import flat_files
from polygon_assets.resources.polygon import polygon
from polygon_assets.resources.snowflake import warehouse


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Ports of the vendor and of Snowflake."""
    folder = tmp_path_factory.mktemp("outside")
    with (
        server("polygon", folder / "polygon", "--symbols", SYMBOLS) as vendor,
        server("snowflake", folder / "snowflake") as port,
    ):
        yield vendor, port


@pytest.fixture(scope="session")
def servers_and_resources(servers: tuple[int, int]) -> Outside:
    """The product's own resources, pointed at the servers."""
    vendor, port = servers
    with pytest.MonkeyPatch.context() as environment:
        for name, value in addresses(vendor, port).items():
            environment.setenv(name, value)
        found = Outside(
            addresses(vendor, port),
            polygon().process_config_and_initialize(),
            flat_files().process_config_and_initialize(),
            warehouse(NAMES).process_config_and_initialize(),
        )
    found.snowflake.create_schemas()
    return found


@pytest.fixture
def outside(servers_and_resources: Outside, monkeypatch: pytest.MonkeyPatch) -> Outside:
    """The same with the clock on the day after the last of the tests' sessions."""
    for name, value in servers_and_resources.variables.items():
        monkeypatch.setenv(name, value)
    servers_and_resources.set_clock("2005-03-02T12:00")
    return servers_and_resources
