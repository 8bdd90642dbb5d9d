"""Snowflake: the warehouse of the batch half.

dagster-snowflake and the connector are imported at the first connection: together they take longer
to import than all definitions.
"""

import json
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, cast

import dagster as dg
from pydantic import Field

from polygon_assets.env import Names
from polygon_assets.preflight import SNOWFLAKE, explained
from polygon_assets.settings import SnowflakeSettings, from_env

if TYPE_CHECKING:
    from dagster_snowflake import SnowflakeResource
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import SnowflakeCursor

SCHEMAS = ("RAW", "STAGING", "INTERMEDIATE", "MARTS", "SNAPSHOTS", "RECONCILE")

APP = "polygon-assets"
"""What the query tag of every statement calls this code, see dbt's macro ``query_tag``, too."""

Row = tuple[Any, ...]


class Warehouse(dg.ConfigurableResource[Any]):
    """dagster-snowflake's resource, made when it is needed, with the calls that assets need."""

    account: str = Field(description="Account identifier")
    user: str = Field(description="User")
    password: str | None = Field(repr=False, default=None, description="Password")
    private_key: str | None = Field(
        repr=False, default=None, description="PEM text, or base64 of it"
    )
    role: str = Field(description="Role")
    warehouse: str = Field(description="Warehouse")
    database: str | None = Field(default=None, description="Current database of its sessions")
    login_timeout: int = Field(default=20, description="Seconds")
    network_timeout: int = Field(default=300, description="Seconds")
    additional_snowflake_connection_args: dict[str, Any] = Field(
        default_factory=dict, description="What else the connector is given"
    )

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """The rows that a statement returns. Parameters are bound by position (``%s``)."""
        with self.cursor() as cursor:
            cursor.execute(sql, list(parameters))
            return [tuple(row) for row in cursor.fetchall()]

    @contextmanager
    def cursor(self) -> Generator["SnowflakeCursor", None, None]:
        """A cursor of a connection of its own, which is closed whatever happens."""
        with ExitStack() as stack:
            with explained(SNOWFLAKE):
                opened = stack.enter_context(self.resource().get_connection())
            connection = cast("SnowflakeConnection", opened)
            try:
                yield connection.cursor()
            except BaseException:
                # Left by an exception, dagster-snowflake's context leaves the session open.
                connection.close()
                raise

    def resource(self) -> "SnowflakeResource":
        """dagster-snowflake's own resource, for what it can do besides."""
        from dagster_snowflake import SnowflakeResource

        return SnowflakeResource(
            account=self.account,
            user=self.user,
            password=None if self.private_key else self.password,
            private_key=self.private_key or None,
            role=self.role,
            warehouse=self.warehouse,
            database=self.database,
            login_timeout=self.login_timeout,
            network_timeout=self.network_timeout,
            additional_snowflake_connection_args=self.additional_snowflake_connection_args,
        )

    def create_schemas(self) -> None:
        """Create the database and its schemas where they are missing."""
        database = self.database
        with self.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
            for schema in SCHEMAS:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {database}.{schema}")


def warehouse(names: Names) -> Warehouse:
    """The warehouse of one deployment, at the address in the environment."""
    return _warehouse(names, names.snowflake_database)


def account(names: Names) -> Warehouse:
    """The same without a current database: for what is done with databases as a whole."""
    return _warehouse(names, None)


def _warehouse(names: Names, database: str | None) -> Warehouse:
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
        database=database,
        additional_snowflake_connection_args={
            "host": host,
            "port": port,
            "protocol": protocol,
            # At each login the connector would ask the metadata addresses of three clouds.
            "platform_detection_timeout_seconds": 0.0,
            # And would tell Snowflake of all packages that are imported: a third of a login.
            "log_imported_packages_in_telemetry": False,
            "session_parameters": {
                "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
                "QUERY_TAG": json.dumps({"app": APP, "deployment": names.label}),
            },
        },
        **credentials,
    )
