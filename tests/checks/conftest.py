"""The sandbox's engines as processes, and the product's own resources that point to them.

ClickHouse is the sandbox's, or the server at TEST_CLICKHOUSE_URL, whose databases of the deployment
`local` are dropped.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from checks_support import NAMES, variables
from polygon_stream import schema
from support.elsewhere import CLICKHOUSE, port_elsewhere
from support.servers import server

from polygon_assets.defs.raw import STREAM_TABLES
from polygon_assets.defs.rollups.assets import ROLLUPS
from polygon_assets.defs.rollups.live import create_rollups
from polygon_assets.publish.manifest import read_manifest, read_streams
from polygon_assets.resources.clickhouse import ClickHouse, clickhouse
from polygon_assets.resources.snowflake import Warehouse, warehouse
from polygon_assets.sandbox.airbyte.columns import column, table_columns

# The columns that the rollups read of the sink's table.
CONSTRAINTS = (
    *("symbol_is_text", "time_in_range", "prices_positive", "quantities_not_negative"),
    "numbers_finite",
)


@pytest.fixture(scope="session")
def snowflake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse with empty schemas, and the raw tables as Airbyte makes them."""
    streams = read_streams(read_manifest())
    with server("snowflake", tmp_path_factory.mktemp("snowflake")) as port:
        with variables(SNOWFLAKE_PORT=str(port)):
            resource = warehouse(NAMES).process_config_and_initialize()
        resource.create_schemas()
        with resource.cursor() as cursor:
            for table in STREAM_TABLES:
                columns = table_columns(streams[table.stream]).items()
                definition = ", ".join(f"{column(name)} {kind}" for name, kind in columns)
                name = table.qualified(str(resource.database))
                cursor.execute(f"CREATE TABLE {name} ({definition})")
        yield resource


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """ClickHouse with the tables that `polygon bootstrap` makes, but for their constraints."""
    with ExitStack() as stack:
        port = port_elsewhere(CLICKHOUSE)
        if port is None:
            folder = tmp_path_factory.mktemp("clickhouse")
            port = stack.enter_context(server("clickhouse", folder))
        with variables(CLICKHOUSE_URL=f"http://127.0.0.1:{port}"):
            resource = clickhouse(NAMES).process_config_and_initialize()
        with resource.client() as client:
            for database in (resource.rollups, resource.ticks):
                client.command(f"DROP DATABASE IF EXISTS {database} SYNC")
            schema.apply(client, schema.TICKS, {"database": resource.ticks})
            # A constraint keeps a bad row out before a rule can see it.
            for name in CONSTRAINTS:
                client.command(f"ALTER TABLE {resource.ticks}.bars_1s DROP CONSTRAINT {name}")
        create_rollups(resource)
        yield resource


@pytest.fixture
def ticks(clickhouse_server: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> ClickHouse:
    """The same ClickHouse with empty tables, and the variable that names it."""
    monkeypatch.setenv("CLICKHOUSE_URL", clickhouse_server.url)
    with clickhouse_server.client() as client:
        names = [*(rollup.name for rollup in ROLLUPS), "rebuilds"]
        tables = ["{ticks}.bars_1s", "{ticks}.sink_batches", "{ticks}.halts"]
        tables += [f"{{rollups}}.{name}" for name in names]
        for table in tables:
            client.command(f"TRUNCATE TABLE {clickhouse_server.render(table)}")
    return clickhouse_server
