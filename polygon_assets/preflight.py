"""Is every outside system there? Asked before work starts, so that the answer is one sentence."""

import os
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from polygon_stream.settings import ClickHouseSettings, KafkaSettings, PolygonSettings

from polygon_assets.settings import (
    AirbyteSettings,
    EcsSettings,
    FlatFileSettings,
    SnowflakeSettings,
)

TIMEOUT_SECONDS = 5.0

POLYGON, WEBSOCKET, FLAT_FILES = "Polygon REST", "Polygon WebSocket", "Polygon flat files"
KAFKA, CLICKHOUSE = "Kafka", "ClickHouse"
SNOWFLAKE, AIRBYTE, ECS = "Snowflake", "Airbyte", "AWS ECS"


LOOPBACK = ("127.0.0.1", "localhost", "::1")


class MissingCredentialError(ValueError):
    """A credential is not in the environment."""


class ServiceUnreachableError(ConnectionError):
    """A service does not answer at the address in the environment."""


@dataclass(frozen=True)
class Endpoint:
    """The address of one outside system.

    Attributes:
        system: What it is.
        host: Host name or address.
        port: TCP port.
        variable: The environment variable that sets the address.
        credentials: Variables without which the system refuses; ``A|B`` is one or the other.
    """

    system: str
    host: str
    port: int
    variable: str
    credentials: tuple[str, ...] = ()

    def require_credentials(self) -> None:
        """Look for the credentials where the system is not on this machine.

        Raises:
            MissingCredentialError: Names the variable to set.
        """
        if self.host in LOOPBACK:
            return
        for name in self.credentials:
            if not any(os.environ.get(one) for one in name.split("|")):
                wanted = name.replace("|", " or ")
                raise MissingCredentialError(
                    f"{self.variable} points {self.system} to {self.host}, but {wanted} is not "
                    "set: put the credential into the environment."
                )

    def check(self) -> None:
        """Connect once.

        Raises:
            ServiceUnreachableError: Names the system, its address and the variable to look at.
        """
        try:
            socket.create_connection((self.host, self.port), TIMEOUT_SECONDS).close()
        except OSError as error:
            raise ServiceUnreachableError(
                f"{self.system} does not answer at {self.host}:{self.port} ({error}): check "
                f"{self.variable}, or start the sandbox with `polygon up`."
            ) from None


def endpoint(system: str) -> Endpoint:
    """The address of one system that the environment names.

    Raises:
        ValueError: The variable that names it holds no address.
    """
    return _ENDPOINTS[system]()


def endpoints() -> list[Endpoint]:
    """The addresses without which nothing runs; flat files are not in every plan."""
    return [endpoint(system) for system in _ENDPOINTS if system != FLAT_FILES]


def require_services() -> None:
    """Look for every credential and connect to every system once.

    Raises:
        MissingCredentialError: A system outside of this machine lacks a credential.
        ServiceUnreachableError: The first system that does not answer.
    """
    for one in endpoints():
        one.require_credentials()
    for one in endpoints():
        one.check()


@contextmanager
def explained(system: str) -> Generator[None, None, None]:
    """Turn a failed connection into one clear sentence where the system is away.

    Wrap what connects, and nothing more: any other failure keeps its own words.

    Args:
        system: Name of an endpoint.

    Raises:
        ServiceUnreachableError: If the block failed and the system does not answer.
    """
    try:
        yield
    except Exception as error:
        try:
            endpoint(system).check()
        except ServiceUnreachableError as unreachable:
            raise unreachable from error
        raise


def _of_url(system: str, url: str, variable: str, *credentials: str) -> Endpoint:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
        parts = urlsplit("")
    if not parts.hostname:
        raise ValueError(
            f"{variable} is {url!r}: set it to an address such as https://host:443, or unset it."
        )
    default = 443 if parts.scheme in ("https", "wss") else 80
    return Endpoint(system, parts.hostname, port or default, variable, credentials)


def _kafka() -> Endpoint:
    settings = KafkaSettings()
    host, _, port = settings.bootstrap_servers.split(",")[0].rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(
            f"KAFKA_BOOTSTRAP_SERVERS is {settings.bootstrap_servers!r}: set it to host:port, or "
            "to several with commas between, or unset it."
        )
    is_sasl = settings.security_protocol.startswith("SASL")
    sasl = ("KAFKA_API_KEY", "KAFKA_API_SECRET") if is_sasl else ()
    return Endpoint(KAFKA, host, int(port), "KAFKA_BOOTSTRAP_SERVERS", sasl)


def _snowflake() -> Endpoint:
    host, port, _ = SnowflakeSettings().address
    login = ("SNOWFLAKE_USER", "SNOWFLAKE_PASSWORD|SNOWFLAKE_PRIVATE_KEY")
    return Endpoint(SNOWFLAKE, host, port, "SNOWFLAKE_ACCOUNT", login)


_ENDPOINTS: dict[str, Callable[[], Endpoint]] = {
    POLYGON: lambda: _of_url(
        POLYGON, PolygonSettings().rest_url, "POLYGON_REST_URL", "POLYGON_API_KEY"
    ),
    WEBSOCKET: lambda: _of_url(WEBSOCKET, PolygonSettings().ws_url, "POLYGON_WS_URL"),
    KAFKA: _kafka,
    CLICKHOUSE: lambda: _of_url(
        CLICKHOUSE, ClickHouseSettings().url, "CLICKHOUSE_URL", "CLICKHOUSE_PASSWORD"
    ),
    SNOWFLAKE: _snowflake,
    AIRBYTE: lambda: _of_url(
        AIRBYTE, AirbyteSettings().rest_url, "AIRBYTE_REST_URL", "AIRBYTE_CLIENT_SECRET"
    ),
    ECS: lambda: _of_url(ECS, EcsSettings().ecs_endpoint_url, "ECS_ENDPOINT_URL"),
    FLAT_FILES: lambda: _of_url(
        FLAT_FILES,
        FlatFileSettings().endpoint_url,
        "FLAT_FILES_ENDPOINT_URL",
        "FLAT_FILES_ACCESS_KEY_ID",
        "FLAT_FILES_SECRET_ACCESS_KEY",
    ),
}
