"""Where one sandbox lives: its folder, its ports, and the variables that point clients to it."""

import os
from dataclasses import dataclass
from pathlib import Path

from polygon_assets.env import PROJECT_ROOT

DIRECTORY_VARIABLE = "POLYGON_SANDBOX_DIR"
PORT_VARIABLE = "POLYGON_SANDBOX_PORT"
KAFKA_VARIABLE = "POLYGON_SANDBOX_KAFKA"
MARKER_VARIABLE = "POLYGON_SANDBOX"
"""Every process of a sandbox carries its folder under this name, so that none can be lost."""

DEFAULT_PORT = 18100
PORT_COUNT = 10

SERVERS = ("polygon", "kafka", "clickhouse", "snowflake", "airbyte", "ecs")
"""The outside systems, in the order of their ports."""

UI = "dagster"

BI = "superset"
"""Dashboards: only where asked for."""

BROKERS = ("embedded", "apache")
"""What can stand for Kafka: our own small broker, or Apache Kafka itself."""


class SandboxConfigError(ValueError):
    """A variable of the sandbox is wrong."""


@dataclass(frozen=True)
class SandboxLayout:
    """Folder and ports of one sandbox.

    Attributes:
        root: The folder that holds all of its data, logs and state.
        base_port: The first of :data:`PORT_COUNT` ports in a row.
        kafka: One of :data:`BROKERS`.
    """

    root: Path
    base_port: int
    kafka: str = "embedded"

    def port(self, service: str) -> int:
        """The port of a service on 127.0.0.1."""
        names = (*SERVERS, "producer", "sink", UI, BI)
        return self.base_port + names.index(service)

    def data(self, service: str) -> Path:
        """The folder of a service's data."""
        return self.root / service

    def log(self, service: str) -> Path:
        """The file of a service's output."""
        return self.root / "logs" / f"{service}.log"

    @property
    def state_file(self) -> Path:
        """What the supervisor tells about itself and its services."""
        return self.root / "supervisor.json"

    @property
    def keep_file(self) -> Path:
        """While it exists, the sandbox outlives the process that started it."""
        return self.root / "keep"

    @property
    def ui_url(self) -> str:
        """The address of the Dagster UI."""
        return f"http://127.0.0.1:{self.port(UI)}"

    @property
    def bi_url(self) -> str:
        """The address of the dashboards."""
        return f"http://127.0.0.1:{self.port(BI)}"

    def environment(self) -> dict[str, str]:
        """Every variable that points the production clients to this sandbox."""

        def url(service: str, scheme: str = "http", path: str = "") -> str:
            return f"{scheme}://127.0.0.1:{self.port(service)}{path}"

        return {
            MARKER_VARIABLE: str(self.root),
            "POLYGON_DEPLOYMENT": "local",
            "POLYGON_API_KEY": "sandbox",
            "POLYGON_REST_URL": url("polygon"),
            "POLYGON_WS_URL": url("polygon", "ws", "/stocks"),
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.port('kafka')}",
            "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
            "CLICKHOUSE_URL": url("clickhouse"),
            "CLICKHOUSE_USER": "default",
            "CLICKHOUSE_PASSWORD": "",
            "SNOWFLAKE_ACCOUNT": "sandbox",
            "SNOWFLAKE_HOST": "127.0.0.1",
            "SNOWFLAKE_PORT": str(self.port("snowflake")),
            "SNOWFLAKE_PROTOCOL": "http",
            "SNOWFLAKE_USER": "sandbox",
            "SNOWFLAKE_PASSWORD": "sandbox",
            "SNOWFLAKE_PRIVATE_KEY": "",
            "SNOWFLAKE_ROLE": "SANDBOX",
            "SNOWFLAKE_WAREHOUSE": "SANDBOX",
            "AIRBYTE_REST_URL": url("airbyte", path="/api/public/v1"),
            "AIRBYTE_CONFIG_URL": url("airbyte", path="/api/v1"),
            "AIRBYTE_WORKSPACE_ID": "00000000-0000-4000-8000-000000000001",
            "AIRBYTE_CLIENT_ID": "sandbox",
            "AIRBYTE_CLIENT_SECRET": "sandbox",
            "FLAT_FILES_ENDPOINT_URL": url("polygon"),
            "FLAT_FILES_ACCESS_KEY_ID": "sandbox",
            "FLAT_FILES_SECRET_ACCESS_KEY": "sandbox",
            "ECS_ENDPOINT_URL": url("ecs"),
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "STREAM_PRODUCER_HEALTH_PORT": str(self.port("producer")),
            "STREAM_SINK_HEALTH_PORT": str(self.port("sink")),
            "DASHBOARDS_TARGET": "superset",
            "DASHBOARDS_URL": self.bi_url,
            "DASHBOARDS_USER": "admin",
            "DASHBOARDS_PASSWORD": "sandbox",
            "DASHBOARDS_CLICKHOUSE_URL": "",
            "DASHBOARDS_CLICKHOUSE_USER": "",
            "DASHBOARDS_SNOWFLAKE_USER": "",
            "DASHBOARDS_SNOWFLAKE_ROLE": "",
            "DASHBOARDS_SNOWFLAKE_WAREHOUSE": "",
            "DAGSTER_HOME": str(self.data(UI)),
            # Its many processes import the same thousands of modules: compile each one once.
            "PYTHONDONTWRITEBYTECODE": "",
        }


def own_folder(root: Path) -> None:
    """Make a sandbox's folder where it is missing: other users of the machine see nothing of it."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)


def sandbox_layout() -> SandboxLayout:
    """The sandbox that the environment names; without variables, the one of this checkout.

    Raises:
        SandboxConfigError: The port is not a number that leaves room for all services, or there
            is no such broker.
    """
    root = Path(os.environ.get(DIRECTORY_VARIABLE) or PROJECT_ROOT / ".sandbox").resolve()
    text = os.environ.get(PORT_VARIABLE) or str(DEFAULT_PORT)
    if not text.isdigit() or not 1024 <= int(text) <= 65536 - PORT_COUNT:
        raise SandboxConfigError(
            f"{PORT_VARIABLE} is {text!r}: set it to the first of {PORT_COUNT} free ports in a "
            f"row, between 1024 and {65536 - PORT_COUNT}, or unset it (default {DEFAULT_PORT})."
        )
    kafka = os.environ.get(KAFKA_VARIABLE) or BROKERS[0]
    if kafka not in BROKERS:
        raise SandboxConfigError(
            f"{KAFKA_VARIABLE} is {kafka!r}: set it to {' or '.join(BROKERS)}, or unset it."
        )
    return SandboxLayout(root, int(text), kafka)
