"""Variables of the operation: branch deployments, who is told of problems, where links lead."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class BranchSettings(BaseSettings):
    """The clones of production that branch deployments work on."""

    model_config = SettingsConfigDict(env_prefix="BRANCH_", extra="ignore")

    sessions: int = Field(
        default=5,
        ge=0,
        description="Newest final sessions of the stream that a branch deployment gets",
        examples=["10"],
    )
    max_age_days: int = Field(
        default=14,
        ge=1,
        description="The janitor drops what belongs to a branch deployment after this many days",
        examples=["7"],
    )


class AlertSettings(BaseSettings):
    """Who is told of problems. With neither a webhook nor a mail server nobody is."""

    model_config = SettingsConfigDict(env_prefix="ALERT_", extra="ignore")

    slack_webhook_url: SecretStr = Field(
        default=SecretStr(""), description="Slack's incoming webhook; empty = no Slack. A secret"
    )
    smtp_host: str = Field(
        default="",
        description="Mail server; empty = no e-mail",
        examples=["email-smtp.us-east-1.amazonaws.com"],
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Port of the mail server")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls, tls (port 465), or none"
    )
    smtp_user: str = Field(default="", description="User of the mail server; empty = no login")
    smtp_password: SecretStr = Field(
        default=SecretStr(""), description="Password of the mail server"
    )
    mail_from: str = Field(
        default="", description="Sender of the e-mails", examples=["polygon@example.com"]
    )
    mail_to: str = Field(
        default="",
        description="Who gets the e-mails, comma separated",
        examples=["market-data@example.com"],
    )
    ui_url: str = Field(
        default="http://127.0.0.1:18108",
        description="Dagster's UI, which messages link to",
        examples=["https://myorg.dagster.cloud/prod"],
    )
    runbook_url: str = Field(
        default="",
        description="Address of the runbook, which messages link to; they name its file when empty",
        examples=["https://github.com/myorg/polygon-assets/blob/main/.github/RUNBOOK.md"],
    )
    branch_deployments: bool = Field(
        default=False, description="Tell of problems of branch deployments, too"
    )


class LinkSettings(BaseSettings):
    """Where the links lead that the assets show. What is empty is not linked."""

    model_config = SettingsConfigDict(env_prefix="LINK_", extra="ignore")

    kafka_topic: str = Field(
        default="",
        description="Page of a topic in a Kafka UI, with {topic} for its name; empty = no link",
        examples=["https://confluent.cloud/environments/env-1/clusters/lkc-1/topics/{topic}"],
    )
    dbt_docs: str = Field(
        default="",
        description="Address of dbt's docs (`dbt docs generate`); empty = no link",
        examples=["https://dbt.example.com"],
    )


class DashboardSettings(BaseSettings):
    """Superset or Preset, and how it reaches the databases."""

    model_config = SettingsConfigDict(env_prefix="DASHBOARDS_", extra="ignore")

    target: Literal["superset", "preset"] = Field(
        default="superset",
        description="superset: your own server, with the plugin; preset: a workspace of Preset",
    )
    url: str = Field(
        default="http://127.0.0.1:18109",
        description="Address of the server or of the workspace",
        examples=["https://1a2b3c4d.us2a.app.preset.io"],
    )
    user: str = Field(
        default="admin", description="User who pushes; for Preset the name of an API token"
    )
    password: SecretStr = Field(
        default=SecretStr("sandbox"), description="Its password; for Preset the token's secret"
    )
    preset_api_url: str = Field(
        default="https://api.app.preset.io", description="Where Preset gives access to API tokens"
    )
    clickhouse_url: str = Field(
        default="", description="ClickHouse as the server sees it; CLICKHOUSE_URL when empty"
    )
    clickhouse_user: str = Field(
        default="",
        description="Read-only user of the dashboards; the platform's when empty",
        examples=["DASHBOARDS"],
    )
    clickhouse_password: SecretStr = Field(
        default=SecretStr(""), description="Password of that user"
    )
    snowflake_user: str = Field(
        default="",
        description="Read-only user of the dashboards; the platform's when empty",
        examples=["DASHBOARDS"],
    )
    snowflake_password: SecretStr = Field(
        default=SecretStr(""), description="Programmatic access token of that user"
    )
    snowflake_role: str = Field(
        default="", description="Its role; the platform's when empty", examples=["READER"]
    )
    snowflake_warehouse: str = Field(
        default="", description="Its warehouse; the platform's when empty", examples=["READING"]
    )
