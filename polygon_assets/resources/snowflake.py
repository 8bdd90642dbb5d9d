"""Snowflake: the warehouse of the batch half."""

import json
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import dagster as dg
from dagster_snowflake import SnowflakeResource
from snowflake.connector import SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

from polygon_assets.env import Names
from polygon_assets.preflight import SNOWFLAKE, explained
from polygon_assets.settings import SnowflakeSettings, from_env

SCHEMAS = ("RAW", "STAGING", "INTERMEDIATE", "MARTS", "SNAPSHOTS", "RECONCILE")

APP = "polygon-assets"
"""What the query tag of every statement calls this code, see dbt's macro ``query_tag``, too."""

Row = tuple[Any, ...]


class Warehouse(SnowflakeResource):
    """dagster-snowflake's resource with the two calls that assets and checks need."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """The rows that a statement returns. Parameters are bound by position (``%s``)."""
        with self.cursor() as cursor:
            cursor.execute(sql, list(parameters))
            return [tuple(row) for row in cursor.fetchall()]

    @contextmanager
    def cursor(self) -> Generator[SnowflakeCursor, None, None]:
        """A cursor of a connection of its own, which is closed whatever happens."""
        with ExitStack() as stack:
            with explained(SNOWFLAKE):
                connection = stack.enter_context(self.get_connection())
            assert isinstance(connection, SnowflakeConnection)
            try:
                yield connection.cursor()
            except BaseException:
                # Left by an exception, dagster-snowflake's context leaves the session open.
                connection.close()
                raise

    def create_schemas(self) -> None:
        """Create the database and its schemas where they are missing."""
        database = self.database
        with self.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
            for schema in SCHEMAS:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {database}.{schema}")


def warehouse(names: Names) -> Warehouse:
    """The warehouse of one deployment, at the address in the environment."""
    settings = SnowflakeSettings()
    host, port, protocol = settings.address
    key = settings.private_key.get_secret_value()
    credentials: dict[str, Any] = (
        {"private_key": dg.EnvVar("SNOWFLAKE_PRIVATE_KEY")}
        if key
        else {"password": from_env("SNOWFLAKE_PASSWORD", "sandbox")}
    )
    return Warehouse(
        account=settings.account,
        user=settings.user,
        role=settings.role,
        warehouse=settings.warehouse,
        database=names.snowflake_database,
        login_timeout=20,
        network_timeout=300,
        additional_snowflake_connection_args={
            "host": host,
            "port": port,
            "protocol": protocol,
            "session_parameters": {
                "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
                "QUERY_TAG": json.dumps({"app": APP, "deployment": names.deployment.value}),
            },
        },
        **credentials,
    )
