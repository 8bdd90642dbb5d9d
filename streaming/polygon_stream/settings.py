"""Where the stream's programs connect. Every value comes from the environment.

With nothing set, the addresses are those of the sandbox on this machine.
"""

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

CHANNELS = ("A", "AM", "T", "Q", "LULD")
"""Channels of the vendor that have a topic: bars by second and minute, trades, quotes, bands."""


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
        pattern="^(PLAINTEXT|SSL|SASL_SSL)$",  # SASL_PLAINTEXT sends the secret as it is
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
    ticks_ttl_days: int = Field(
        default=0, ge=0, description="Delete trades and quotes after this many days; 0 = keep them"
    )

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
    def trades(self) -> str:
        """Trades, key = symbol."""
        return f"{self.prefix}stocks.trades"

    @property
    def quotes(self) -> str:
        """Best bid and ask, key = symbol."""
        return f"{self.prefix}stocks.quotes"

    @property
    def luld(self) -> str:
        """Limit up, limit down: price bands and halts, key = symbol."""
        return f"{self.prefix}stocks.luld"

    def by_channel(self) -> dict[str, str]:
        """The topic of each of the vendor's channels."""
        names = (self.agg_1s, self.agg_1m, self.trades, self.quotes, self.luld)
        return dict(zip(CHANNELS, names, strict=True))

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
        default="A.*",
        description="Comma separated: A (second bars), AM (minute bars), T (trades), "
        "Q (quotes), LULD (price bands), each of one symbol or of all (*)",
        examples=["A.*,AM.*"],
    )
    channels_file: str = Field(
        default="",
        description="File with the subscriptions in the place of the list: a path or "
        "s3://bucket/key, one per line, # begins a comment",
        examples=["s3://bucket/subscriptions.txt"],
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
        default=60.0,
        description="Reconnect when a stream that had events falls silent and the market is not "
        "known to be closed; 0 = never",
    )
    stale_seconds: float = Field(
        default=180.0,
        description="/healthz says 503 when the last event is older while the market is open; "
        "0 = never",
    )
    unhealthy_seconds: float = Field(
        default=180.0, description="/healthz says 503 after this long without a stream"
    )
    drain_seconds: float = Field(
        default=45.0, description="Longest wait for Kafka at the end; below ECS stopTimeout"
    )
    linger_ms: int = Field(default=10, description="librdkafka's batching delay, 5 to 20 ms")
    queue_events: int = Field(
        default=500_000,
        gt=0,
        description="Events in librdkafka's queue; the socket is not read while it is full",
    )
    overflow_events: int = Field(
        default=500_000,
        description="Events held while librdkafka's queue is full; more are dropped and counted",
    )


class LogSettings(BaseSettings):
    """How the stream's programs write their logs."""

    model_config = SettingsConfigDict(env_prefix="STREAM_LOG_", extra="ignore")

    format: Literal["text", "json"] = Field(
        default="text", description="text, or json: one object a line", examples=["json"]
    )


class BackfillSettings(BaseSettings):
    """How the holes of the stream are filled from REST."""

    model_config = SettingsConfigDict(env_prefix="BACKFILL_", extra="ignore")

    requests_per_second: float = Field(
        default=50.0, gt=0, description="REST requests; the vendor asks to stay below 100"
    )
    workers: int = Field(default=8, gt=0, le=64, description="REST requests under way at once")
    retries: int = Field(
        default=10,
        ge=0,
        description="Repetitions of a request that failed or met the rate limit; ten wait more "
        "than a minute",
    )
    chunk_bars: int = Field(
        default=1_000_000,
        gt=0,
        description="Most bars in memory: decides how much market time is fetched in one piece",
    )
    settle_seconds: float = Field(
        default=1020.0,
        ge=0,
        description="Younger bars are left alone: the vendor may replace a bar for 15 minutes",
    )


MAX_BATCH_ROWS = 500_000
"""Far below the rows of a block: a batch is one block, and its token the name of that block."""


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
    topics: str = Field(
        default="agg_1s,agg_1m,trades,quotes,luld,gaps,dead_letter",
        description="Channels to write, comma separated",
        examples=["agg_1s,agg_1m"],
    )
    flush_ms: int = Field(
        default=500,
        description="A message waits at most this long to be written; less when the stream pauses",
    )
    flush_rows: int = Field(
        default=20_000,
        gt=0,
        le=MAX_BATCH_ROWS,
        description="A partition's batch is written at this many messages",
    )
    buffer_mb: int = Field(
        default=64,
        gt=0,
        description="Reading stops while this much waits to be written; Kafka keeps the rest",
    )
    insert_threads: int = Field(
        default=4, gt=0, description="Batches that are inserted at the same time"
    )
    retry_maximum: float = Field(default=10.0, description="Longest wait between attempts, seconds")
    session_timeout_ms: int = Field(
        default=10_000, description="Kafka moves the partitions of a silent sink after this long"
    )
    unhealthy_seconds: float = Field(
        default=180.0, description="/healthz says 503 when a batch fails for this long"
    )
