"""Where the stream's programs connect. Every value comes from the environment.

With nothing set, the addresses are those of the sandbox on this machine.
"""

from typing import Any
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class PolygonSettings(BaseSettings):
    """Polygon.io (Massive), the data vendor."""

    model_config = SettingsConfigDict(env_prefix="POLYGON_", extra="ignore")

    api_key: SecretStr = Field(
        default=SecretStr("sandbox"),
        description="Key of the vendor account; sent in headers and the WebSocket's auth message",
    )
    rest_url: str = Field(
        default="http://127.0.0.1:18100",
        description="REST base address",
        examples=["https://api.massive.com"],
    )
    ws_url: str = Field(
        default="ws://127.0.0.1:18100/stocks",
        description="WebSocket cluster for stocks",
        examples=["wss://socket.massive.com/stocks"],
    )


class KafkaSettings(BaseSettings):
    """Kafka: Confluent Cloud in production."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", extra="ignore")

    bootstrap_servers: str = Field(
        default="127.0.0.1:18101",
        description="Brokers to ask first, comma separated",
        examples=["pkc-abcde.us-east-1.aws.confluent.cloud:9092"],
    )
    security_protocol: str = Field(
        default="PLAINTEXT",
        description="PLAINTEXT, or SASL_SSL with the key and secret below",
        examples=["SASL_SSL"],
    )
    api_key: str = Field(default="", description="SASL user (Confluent API key)")
    api_secret: SecretStr = Field(
        default=SecretStr(""), description="SASL password (Confluent API secret)"
    )

    def client_config(self) -> dict[str, Any]:
        """The connection part of a librdkafka configuration."""
        config: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
        }
        if self.security_protocol.startswith("SASL"):
            config |= {
                "sasl.mechanisms": "PLAIN",
                "sasl.username": self.api_key,
                "sasl.password": self.api_secret.get_secret_value(),
            }
        return config


class ClickHouseSettings(BaseSettings):
    """ClickHouse over HTTP: ClickHouse Cloud in production."""

    model_config = SettingsConfigDict(env_prefix="CLICKHOUSE_", extra="ignore")

    url: str = Field(
        default="http://127.0.0.1:18102",
        description="Address of the HTTP interface",
        examples=["https://abc123.us-east-1.aws.clickhouse.cloud:8443"],
    )
    user: str = Field(default="default", description="User name")
    password: SecretStr = Field(default=SecretStr(""), description="Password of the user")

    def client_config(self) -> dict[str, Any]:
        """Arguments of ``clickhouse_connect.get_client``; sessionless: threads may share it."""
        address = urlsplit(self.url)
        secure = address.scheme == "https"
        return {
            "interface": "https" if secure else "http",
            "host": address.hostname or "127.0.0.1",
            "port": address.port or (8443 if secure else 8123),
            "username": self.user,
            "password": self.password.get_secret_value(),
            "autogenerate_session_id": False,
        }


class TopicSettings(BaseSettings):
    """The stream's topics: one prefix per environment, none in production."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_TOPIC_", extra="ignore")

    prefix: str = Field(
        default="local.", description="In front of every topic name", examples=["", "pr_12."]
    )
    partitions: int = Field(
        default=4,
        description="Partitions of a topic that does not exist yet. Never change them later: "
        "a symbol would move to another partition and lose its order",
    )

    @property
    def agg_1s(self) -> str:
        """Second bars, key = symbol."""
        return f"{self.prefix}stocks.agg.1s"

    @property
    def agg_1m(self) -> str:
        """Minute bars, key = symbol."""
        return f"{self.prefix}stocks.agg.1m"

    @property
    def gaps(self) -> str:
        """One record per interruption of the stream."""
        return f"{self.prefix}stocks.gaps"

    @property
    def dead_letter(self) -> str:
        """What could not be understood, with the reason in the headers."""
        return f"{self.prefix}stocks.dead_letter"


class StreamSettings(BaseSettings):
    """The producer's subscription and patience; times in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="POLYGON_STREAM_", extra="ignore", populate_by_name=True
    )

    channels: str = Field(
        default="A.*", description="Subscriptions, comma separated", examples=["A.*,AM.*"]
    )
    health_port: int = Field(
        default=0,
        validation_alias=AliasChoices("STREAM_HEALTH_PORT", "health_port"),
        description="Port of GET /healthz on 127.0.0.1; 0 = off",
    )
    backoff_initial: float = Field(default=0.5, description="First wait before a reconnect")
    backoff_maximum: float = Field(default=30.0, description="Longest wait before a reconnect")
    healthy_seconds: float = Field(
        default=30.0, description="A stream that lasted this long resets the backoff"
    )
    max_connections_wait: float = Field(
        default=60.0,
        description="Wait after max_connections: another session of the account is alive",
    )
    handshake_timeout: float = Field(
        default=10.0, description="For each of connecting, authenticating and subscribing"
    )
    idle_seconds: float = Field(
        default=60.0, description="Reconnect when a stream that had events falls silent; 0 = never"
    )
    unhealthy_seconds: float = Field(
        default=180.0, description="/healthz says 503 after this long without a stream"
    )
    drain_seconds: float = Field(
        default=45.0, description="Longest wait for Kafka at the end; below ECS stopTimeout"
    )
    linger_ms: int = Field(default=10, description="librdkafka's batching delay, 5 to 20 ms")
    overflow_events: int = Field(
        default=500_000,
        description="Events held while librdkafka's queue is full; more are dropped and counted",
    )

    def channel_list(self) -> list[str]:
        """The subscriptions, in order.

        Raises:
            ValueError: There is none.
        """
        names = [name.strip() for name in self.channels.split(",") if name.strip()]
        if not names:
            raise ValueError("POLYGON_STREAM_CHANNELS is empty: give at least one, as in A.*")
        return names


class SinkSettings(BaseSettings):
    """The sink's group, target database and batching."""

    model_config = SettingsConfigDict(env_prefix="SINK_", extra="ignore", populate_by_name=True)

    database: str = Field(
        default="ticks_local",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        validation_alias=AliasChoices("CLICKHOUSE_DATABASE", "database"),
        description="ClickHouse database of the tick tables",
    )
    group: str = Field(
        default="local.sink",
        validation_alias=AliasChoices("KAFKA_CONSUMER_GROUP", "group"),
        description="Kafka consumer group; its commits hold the write-ahead plan",
    )
    group_instance: str = Field(
        default="",
        validation_alias=AliasChoices("KAFKA_GROUP_INSTANCE_ID", "group_instance"),
        description="Name of this member, where it keeps one over restarts: after a crash it then "
        "has its partitions back at once; empty = none",
    )
    health_port: int = Field(
        default=0,
        validation_alias=AliasChoices("STREAM_HEALTH_PORT", "health_port"),
        description="Port of GET /healthz on 127.0.0.1; 0 = off",
    )
    flush_ms: int = Field(default=500, description="A batch is written after this long")
    flush_rows: int = Field(
        default=20_000, description="A partition's batch is written at this many messages"
    )
    retry_maximum: float = Field(default=10.0, description="Longest wait between attempts, seconds")
    session_timeout_ms: int = Field(
        default=10_000, description="Kafka moves the partitions of a silent sink after this long"
    )
    unhealthy_seconds: float = Field(
        default=180.0, description="/healthz says 503 when a batch fails for this long"
    )
