"""Where the platform connects: every variable, its default and its meaning.

With nothing set, each address is that of the sandbox on this machine. Secrets reach Dagster's
resources as references to variables (:func:`from_env`), so that the UI never shows their values.
"""

import os
from typing import Literal

import dagster as dg
from polygon_stream.settings import ClickHouseSettings, KafkaSettings, PolygonSettings
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from polygon_assets.operation_settings import (
    AlertSettings,
    BranchSettings,
    DashboardSettings,
    LinkSettings,
)

SANDBOX_ACCOUNT = "sandbox"

StreamHours = Literal["regular", "extended"]
"""The part of the day that is streamed: the session alone, or pre-market and post-market too."""


class SnowflakeSettings(BaseSettings):
    """Snowflake, the warehouse."""

    model_config = SettingsConfigDict(env_prefix="SNOWFLAKE_", extra="ignore")

    account: str = Field(
        default=SANDBOX_ACCOUNT, description="Account identifier", examples=["myorg-myaccount"]
    )
    host: str = Field(
        default="",
        description="Host; follows from the account when empty",
        examples=["(leave empty)"],
    )
    port: int = Field(default=0, description="Port; follows from the account when 0")
    protocol: str = Field(default="", description="http or https; follows from the account")
    user: str = Field(default="sandbox", description="User", examples=["DAGSTER"])
    password: SecretStr = Field(
        default=SecretStr("sandbox"), description="Password; not used when a private key is set"
    )
    private_key: SecretStr = Field(
        default=SecretStr(""), description="Private key (PEM text or base64 of it)"
    )
    role: str = Field(default="SANDBOX", description="Role", examples=["TRANSFORMER"])
    warehouse: str = Field(default="SANDBOX", description="Warehouse", examples=["TRANSFORMING"])
    warehouse_marts: str = Field(
        default="",
        description="Larger warehouse for dbt's intermediate models and marts; the same when empty",
        examples=["TRANSFORMING_L"],
    )

    @property
    def address(self) -> tuple[str, int, str]:
        """Host, port and protocol to connect to."""
        if self.account == SANDBOX_ACCOUNT:
            fallback = ("127.0.0.1", 18103, "http")
        else:
            fallback = (f"{self.account}.snowflakecomputing.com", 443, "https")
        return (
            self.host or fallback[0],
            self.port or fallback[1],
            self.protocol or fallback[2],
        )


class AirbyteSettings(BaseSettings):
    """Airbyte, which runs the connector."""

    model_config = SettingsConfigDict(env_prefix="AIRBYTE_", extra="ignore")

    rest_url: str = Field(
        default="http://127.0.0.1:18104/api/public/v1",
        description="Public API",
        examples=["https://api.airbyte.com/v1"],
    )
    config_url: str = Field(
        default="http://127.0.0.1:18104/api/v1",
        description="Configuration API",
        examples=["https://cloud.airbyte.com/api/v1"],
    )
    workspace_id: str = Field(
        default="00000000-0000-4000-8000-000000000001", description="Workspace"
    )
    client_id: str = Field(default="sandbox", description="Application client")
    client_secret: SecretStr = Field(
        default=SecretStr("sandbox"), description="Secret of the application client"
    )


class ConnectorSettings(BaseSettings):
    """The connector's settings, which ``polygon connector publish`` gives to Airbyte."""

    model_config = SettingsConfigDict(env_prefix="CONNECTOR_", extra="ignore")

    tickers: str = Field(
        default="AAPL,IBM,MSFT",
        description="Tickers of the tables that are read symbol by symbol, comma separated",
    )
    requests_per_minute: int = Field(
        default=6000,
        description="The plan's limit: 5 on the free plan, 6000 at most",
        examples=["5"],
    )
    workers: int = Field(default=4, description="Requests under way at once")
    include_otc: bool = Field(default=False, description="Read over-the-counter securities, too")

    @property
    def ticker_list(self) -> list[str]:
        """The tickers, without blanks."""
        return [name.strip() for name in self.tickers.split(",") if name.strip()]


class FlatFileSettings(BaseSettings):
    """The vendor's flat files: an S3-compatible bucket with one gzip CSV per session."""

    model_config = SettingsConfigDict(env_prefix="FLAT_FILES_", extra="ignore")

    endpoint_url: str = Field(
        default="http://127.0.0.1:18100",
        description="S3 endpoint of the vendor's flat files",
        examples=["https://files.massive.com"],
    )
    bucket: str = Field(default="flatfiles", description="Bucket of the flat files")
    access_key_id: str = Field(
        default="sandbox", description="Key of the flat files (from the vendor's dashboard)"
    )
    secret_access_key: SecretStr = Field(
        default=SecretStr("sandbox"), description="Secret of the flat files"
    )


class EcsSettings(BaseSettings):
    """AWS ECS, which runs the producer and the sink."""

    model_config = SettingsConfigDict(extra="ignore")

    ecs_endpoint_url: str = Field(
        default="http://127.0.0.1:18105",
        description="ECS API",
        examples=["https://ecs.us-east-1.amazonaws.com"],
    )
    aws_region: str = Field(default="us-east-1", description="Region of the cluster")
    aws_access_key_id: str = Field(
        default="", description="Key; empty leaves it to boto3 (task role, profile)"
    )
    aws_secret_access_key: SecretStr = Field(default=SecretStr(""), description="Secret of the key")


class StreamTaskSettings(BaseSettings):
    """The ECS tasks of the stream: image, size, network, roles, secrets."""

    model_config = SettingsConfigDict(env_prefix="STREAM_", extra="ignore")

    image: str = Field(
        default="polygon-stream",
        description="Image of the producer and the sink",
        examples=["123456789012.dkr.ecr.us-east-1.amazonaws.com/polygon-stream@sha256:..."],
    )
    task_cpu: int = Field(
        default=512,
        ge=256,
        description="CPU units of each task, 1024 are a vCPU: 512 for the whole market, 256 for "
        "hundreds of symbols",
        examples=["256"],
    )
    task_memory: int = Field(
        default=1024, gt=0, description="Memory of each task in MiB, as Fargate allows with the CPU"
    )
    subnets: str = Field(
        default="subnet-sandbox",
        description="Subnets of the tasks, comma separated",
        examples=["subnet-0a1b,subnet-2c3d"],
    )
    security_groups: str = Field(
        default="",
        description="Security groups of the tasks, comma separated",
        examples=["sg-0a1b2c"],
    )
    execution_role_arn: str = Field(
        default="arn:aws:iam::000000000000:role/sandbox",
        description="Role that pulls the image and reads the secrets",
        examples=["arn:aws:iam::123456789012:role/polygon-execution"],
    )
    task_role_arn: str = Field(
        default="arn:aws:iam::000000000000:role/sandbox",
        description="Role of the producer, for a channels file in S3; the sink needs none",
        examples=["arn:aws:iam::123456789012:role/polygon-stream"],
    )
    log_group: str = Field(default="/polygon/stream", description="CloudWatch log group")
    producer_secret_arn: str = Field(
        default="arn:aws:secretsmanager:us-east-1:000000000000:secret:sandbox",
        description="Secrets Manager: JSON with POLYGON_API_KEY, KAFKA_API_KEY, KAFKA_API_SECRET",
        examples=["arn:aws:secretsmanager:us-east-1:123456789012:secret:polygon/producer-a1b2c3"],
    )
    sink_secret_arn: str = Field(
        default="arn:aws:secretsmanager:us-east-1:000000000000:secret:sandbox",
        description="Secrets Manager: JSON with KAFKA_API_KEY, KAFKA_API_SECRET, CLICKHOUSE_USER, "
        "CLICKHOUSE_PASSWORD",
        examples=["arn:aws:secretsmanager:us-east-1:123456789012:secret:polygon/sink-a1b2c3"],
    )
    producer_health_port: int = Field(
        default=18106, description="Port of the producer's /healthz", examples=["8080"]
    )
    sink_health_port: int = Field(
        default=18107, description="Port of the sink's /healthz", examples=["8080"]
    )


class TopicAdminSettings(BaseSettings):
    """Kafka's topics: what depends on the cluster that they are created on."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_TOPIC_", extra="ignore")

    replication_factor: int = Field(
        default=-1,
        description="Copies of each partition of a new topic; -1 leaves it to the cluster",
        examples=["3"],
    )
    min_insync_replicas: int = Field(
        default=0,
        ge=0,
        description="Copies that must have a record before it is acknowledged; 0 leaves it to the "
        "cluster",
        examples=["2"],
    )


class StreamControlSettings(BaseSettings):
    """When the stream runs, and how many sinks it may have."""

    model_config = SettingsConfigDict(env_prefix="STREAM_", extra="ignore")

    hours: StreamHours = Field(
        default="regular",
        description="regular: the session; extended: pre-market and post-market too",
        examples=["extended"],
    )
    sinks_maximum: int = Field(
        default=4,
        ge=1,
        description="Most sinks that may run at once; more than partitions are never asked for",
    )


ALL_SETTINGS: tuple[type[BaseSettings], ...] = (
    PolygonSettings,
    KafkaSettings,
    TopicAdminSettings,
    ClickHouseSettings,
    SnowflakeSettings,
    AirbyteSettings,
    ConnectorSettings,
    FlatFileSettings,
    EcsSettings,
    StreamTaskSettings,
    StreamControlSettings,
    BranchSettings,
    AlertSettings,
    LinkSettings,
    DashboardSettings,
)


def wrong_setting(error: ValidationError) -> str | None:
    """The sentence for a setting that could not be read, or None for any other error."""
    found = [one for one in ALL_SETTINGS if one.__name__ == error.title]
    if not found:
        return None
    prefix = found[0].model_config.get("env_prefix") or ""
    problem = error.errors()[0]
    variable = f"{prefix}{problem['loc'][0]}".upper()
    return f"{variable} is {problem['input']!r}: {problem['msg']}. Correct it, or unset it."


def from_env(variable: str, default: str) -> str:
    """A reference to the variable where it is set, else the default.

    Dagster shows a reference by the variable's name and reads its value when a run starts, so a
    secret never becomes part of the definitions.
    """
    return dg.EnvVar(variable) if os.environ.get(variable) else default
