"""Is every outside system there? Asked before work starts, so that the answer is one sentence."""

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from polygon_stream.settings import ClickHouseSettings, KafkaSettings, PolygonSettings

from polygon_assets.settings import AirbyteSettings, EcsSettings, SnowflakeSettings

TIMEOUT_SECONDS = 5.0


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
    """

    system: str
    host: str
    port: int
    variable: str

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


def endpoints() -> list[Endpoint]:
    """The addresses that the environment names."""
    snowflake_host, snowflake_port, _ = SnowflakeSettings().address
    kafka_host, _, kafka_port = KafkaSettings().bootstrap_servers.split(",")[0].rpartition(":")
    return [
        _of_url("Polygon REST", PolygonSettings().rest_url, "POLYGON_REST_URL"),
        _of_url("Polygon WebSocket", PolygonSettings().ws_url, "POLYGON_WS_URL"),
        Endpoint("Kafka", kafka_host, int(kafka_port), "KAFKA_BOOTSTRAP_SERVERS"),
        _of_url("ClickHouse", ClickHouseSettings().url, "CLICKHOUSE_URL"),
        Endpoint("Snowflake", snowflake_host, snowflake_port, "SNOWFLAKE_HOST"),
        _of_url("Airbyte", AirbyteSettings().rest_url, "AIRBYTE_REST_URL"),
        _of_url("AWS ECS", EcsSettings().ecs_endpoint_url, "ECS_ENDPOINT_URL"),
    ]


def require_services() -> None:
    """Connect to every system once.

    Raises:
        ServiceUnreachableError: The first that does not answer.
    """
    for endpoint in endpoints():
        endpoint.check()


def _of_url(system: str, url: str, variable: str) -> Endpoint:
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
    return Endpoint(system, parts.hostname, port or default, variable)
