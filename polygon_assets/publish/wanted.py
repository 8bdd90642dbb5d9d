"""What an Airbyte workspace should hold for one deployment."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from polygon_stream.settings import PolygonSettings

from polygon_assets.connections import CONNECTIONS, AirbyteConnection
from polygon_assets.env import Names
from polygon_assets.preflight import LOOPBACK
from polygon_assets.publish.api import PublishError
from polygon_assets.publish.manifest import (
    Stream,
    read_manifest,
    read_streams,
    secret_settings,
)
from polygon_assets.settings import AirbyteSettings, ConnectorSettings, SnowflakeSettings

DEFINITION = "source-polygon"
DESTINATION = "polygon_snowflake"
RAW_SCHEMA = "RAW"

FIRST_DAY = "2003-09-10"
"""First day of the vendor's history."""

WINDOW = ("start_date", "end_date", "lookback_days")
"""Settings of a source that Dagster changes before each sync: given once, never again."""

DESTINATION_SECRETS = frozenset({"password", "private_key"})

Json = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """Everything that is published.

    Attributes:
        manifest: The connector's manifest.
        streams: Its streams by name.
        secrets: Names of the settings that Airbyte hides, the destination's included.
        source: Settings of each source.
        destination: Settings of the Snowflake destination.
        connections: The connections, each with a source of its own name.
    """

    manifest: Json
    streams: dict[str, Stream]
    secrets: frozenset[str]
    source: Json
    destination: Json
    connections: tuple[AirbyteConnection, ...]

    def connection_settings(self, connection: AirbyteConnection) -> Json:
        """What is set of a connection, apart from its ends."""
        return {
            "schedule": {"scheduleType": "manual"},
            "namespaceDefinition": "destination",
            "prefix": connection.table_prefix,
            "status": "active",
            "nonBreakingSchemaUpdatesBehavior": "propagate_columns",
            "configurations": {
                "streams": [_stream_settings(self.streams[name]) for name in connection.streams]
            },
        }


def wanted(names: Names) -> Wanted:
    """What one deployment publishes, from the manifest and the settings.

    Raises:
        PublishError: A connection names a stream that the manifest lacks or that has no cursor or
            key; Airbyte could not reach an address; the private key is not a PEM text.
        ManifestError: The manifest cannot be read.
    """
    manifest = read_manifest()
    streams = read_streams(manifest)
    for connection in CONNECTIONS:
        _require_streams(connection, streams)
    source, destination = _source_settings(), destination_settings(names.snowflake_database)
    _require_reachable("POLYGON_REST_URL", source["base_url"])
    _require_reachable("SNOWFLAKE_ACCOUNT", destination["host"])
    return Wanted(
        manifest=manifest,
        streams=streams,
        secrets=secret_settings(manifest) | DESTINATION_SECRETS,
        source=source,
        destination=destination,
        connections=CONNECTIONS,
    )


def _source_settings() -> Json:
    polygon, connector = PolygonSettings(), ConnectorSettings()
    return {
        "api_key": polygon.api_key.get_secret_value(),
        "base_url": polygon.rest_url,
        "start_date": FIRST_DAY,
        "tickers": connector.ticker_list,
        "requests_per_minute": connector.requests_per_minute,
        "num_workers": connector.workers,
        "include_otc": connector.include_otc,
    }


def destination_settings(database: str) -> Json:
    """Settings of the Snowflake destination, in Airbyte's words.

    Raises:
        PublishError: The private key is not a PEM text.
    """
    snowflake = SnowflakeSettings()
    host, port, protocol = snowflake.address
    is_usual = (port, protocol) == (443, "https")
    key = snowflake.private_key.get_secret_value()
    credentials = (
        {"auth_type": "Key Pair Authentication", "private_key": _pem(key)}
        if key
        else {
            "auth_type": "Username and Password",
            "password": snowflake.password.get_secret_value(),
        }
    )
    return {
        "destinationType": "snowflake",
        "host": host if is_usual else f"{protocol}://{host}:{port}",
        "role": snowflake.role,
        "warehouse": snowflake.warehouse,
        "database": database,
        "schema": RAW_SCHEMA,
        "username": snowflake.user,
        "credentials": credentials,
    }


def _pem(key: str) -> str:
    """A private key as PEM text, which is what Airbyte takes."""
    if key.lstrip().startswith("-----BEGIN"):
        return key
    try:
        text = base64.b64decode(key, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    if not text.lstrip().startswith("-----BEGIN"):
        raise PublishError("SNOWFLAKE_PRIVATE_KEY is neither a PEM text nor base64 of one.")
    return text


def _stream_settings(stream: Stream) -> Json:
    return {
        "name": stream.name,
        "syncMode": "incremental_deduped_history",
        "cursorField": stream.cursor_path,
        "primaryKey": stream.key_paths,
    }


def _require_streams(connection: AirbyteConnection, streams: dict[str, Stream]) -> None:
    for name in connection.streams:
        stream = streams.get(name)
        if stream is None:
            raise PublishError(
                f"The connection {connection.name} has the stream {name}, which the connector's "
                "manifest lacks."
            )
        if not stream.primary_key or not stream.cursor_field:
            raise PublishError(
                f"The stream {name} has no primary key or no cursor in the manifest."
            )


def _require_reachable(variable: str, address: str) -> None:
    """A server elsewhere cannot reach this machine."""
    airbyte = urlsplit(AirbyteSettings().rest_url).hostname
    host = urlsplit(address if "://" in address else f"https://{address}").hostname
    if host in LOOPBACK and airbyte not in LOOPBACK:
        raise PublishError(
            f"Airbyte at {airbyte} cannot reach {address}, which is this machine: set {variable}."
        )
