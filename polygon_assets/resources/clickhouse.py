"""ClickHouse: second bars and rollups of the streaming half, over HTTP."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from polygon_assets.env import Names
from polygon_assets.preflight import CLICKHOUSE, explained
from polygon_assets.settings import ClickHouseSettings, from_env

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Row = tuple[Any, ...]

ONE_SESSION_AT_A_TIME = {"do_not_merge_across_partitions_select_final": 1}
"""Otherwise FINAL reads every session, whatever the filter on session_date says. All versions of a
bar are in one partition, that of its session."""


class ClickHouse(dg.ConfigurableResource[Any]):
    """A ClickHouse service and the two databases of one deployment."""

    url: str = Field(description="Address of the HTTP interface")
    user: str = Field(description="User name")
    password: str = Field(repr=False, description="Password")
    ticks: str = Field(description="Database of the second bars")
    rollups: str = Field(description="Database of the rollups")

    @contextmanager
    def client(self) -> Generator["Client", None, None]:
        """A client without a server session, so that several threads may have one each."""
        import clickhouse_connect

        with explained(CLICKHOUSE):
            client = clickhouse_connect.get_client(
                dsn=self.url,
                username=self.user,
                password=self.password,
                autogenerate_session_id=False,
                settings=ONE_SESSION_AT_A_TIME,
            )
        try:
            yield client
        finally:
            client.close()

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
        """The rows of a query. ``{ticks}`` and ``{rollups}`` stand for the databases.

        Parameters are ClickHouse's own, bound by the server: ``{session:Date}``.
        """
        with self.client() as client:
            result = client.query(self.render(sql), parameters=dict(parameters or {}))
            return [tuple(row) for row in result.result_rows]

    def render(self, sql: str) -> str:
        """The statement with the names of this deployment's databases."""
        return sql.replace("{ticks}", self.ticks).replace("{rollups}", self.rollups)


def clickhouse(names: Names) -> ClickHouse:
    """The ClickHouse of one deployment, at the address in the environment."""
    settings = ClickHouseSettings()
    return ClickHouse(
        url=settings.url,
        user=settings.user,
        password=from_env("CLICKHOUSE_PASSWORD", ""),
        ticks=names.clickhouse_ticks,
        rollups=names.clickhouse_rollups,
    )
