"""Other addresses are environment variables only.

The code is started in a process of its own with settings as in production, and tells which hosts,
databases and topics it would use. Nothing is connected.
"""

import copy
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.sandbox.layout import DIRECTORY_VARIABLE, PORT_VARIABLE
from polygon_assets.settings import ALL_SETTINGS

PRODUCTION = {
    "POLYGON_API_KEY": "production-polygon-key",
    "POLYGON_REST_URL": "https://api.massive.com",
    "POLYGON_WS_URL": "wss://socket.massive.com/stocks",
    "KAFKA_BOOTSTRAP_SERVERS": "pkc-abcde.us-east-1.aws.confluent.cloud:9092",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_API_KEY": "production-kafka-key",
    "KAFKA_API_SECRET": "production-kafka-secret",
    "CLICKHOUSE_URL": "https://abc123.us-east-1.aws.clickhouse.cloud:8443",
    "CLICKHOUSE_USER": "dagster",
    "CLICKHOUSE_PASSWORD": "production-clickhouse-password",
    "SNOWFLAKE_ACCOUNT": "myorg-myaccount",
    "SNOWFLAKE_USER": "DAGSTER",
    "SNOWFLAKE_PASSWORD": "production-snowflake-password",
    "SNOWFLAKE_ROLE": "TRANSFORMER",
    "SNOWFLAKE_WAREHOUSE": "TRANSFORMING",
    "AIRBYTE_REST_URL": "https://api.airbyte.com/v1",
    "AIRBYTE_CONFIG_URL": "https://cloud.airbyte.com/api/v1",
    "AIRBYTE_WORKSPACE_ID": "11111111-2222-4333-8444-555555555555",
    "AIRBYTE_CLIENT_ID": "production-airbyte-client",
    "AIRBYTE_CLIENT_SECRET": "production-airbyte-secret",
    "FLAT_FILES_ENDPOINT_URL": "https://files.massive.com",
    "FLAT_FILES_ACCESS_KEY_ID": "production-flat-files-key",
    "FLAT_FILES_SECRET_ACCESS_KEY": "production-flat-files-secret",
    "ECS_ENDPOINT_URL": "https://ecs.eu-west-1.amazonaws.com",
    "AWS_REGION": "eu-west-1",
    "ALERT_SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/production-webhook",
    "ALERT_SMTP_HOST": "smtp.example.com",
    "ALERT_SMTP_PASSWORD": "production-smtp-password",
    "DASHBOARDS_URL": "https://dashboards.example.com",
    "DASHBOARDS_PASSWORD": "production-dashboards-password",
    "DASHBOARDS_CLICKHOUSE_PASSWORD": "production-reader-password",
    "DASHBOARDS_SNOWFLAKE_PASSWORD": "production-reader-token",
    "DAGSTER_CLOUD_DEPLOYMENT_NAME": "prod",
}

SECRET_NAMES = ("SECRET", "PASSWORD", "WEBHOOK", "POLYGON_API_KEY", "KAFKA_API_KEY")

TELL = """
import json
import socket
def refuse(*_):
    raise AssertionError("loading the definitions opened a connection")
socket.socket.connect = socket.socket.connect_ex = refuse
import dagster as dg
from polygon_assets.definitions import defs
from polygon_assets.preflight import endpoints
from dagster_dbt import DbtCliResource
found = {}
for name, resource in defs.resources.items():
    fields = resource.model_dump() if not isinstance(resource, DbtCliResource) else {
        "target": resource.target}
    found[name] = {
        field: f"variable {value.env_var_name}" if isinstance(value, dg.EnvVar) else repr(value)
        for field, value in fields.items()
    }
repository = defs.get_repository_def()
automation = [*repository.sensor_defs, *repository.schedule_defs]
found["statuses"] = {one.name: one.default_status.value for one in automation}
found["endpoints"] = [f"{one.host}:{one.port}" for one in endpoints()]
from polygon_stream.settings import KafkaSettings
found["librdkafka"] = KafkaSettings().client_config()
print(json.dumps(found))
"""


def tell(environment: dict[str, str]) -> dict[str, dict[str, str]]:
    """What a fresh process would connect to."""
    return copy.deepcopy(told(tuple(environment.items())))


@functools.cache
def told(environment: tuple[tuple[str, str], ...]) -> dict[str, dict[str, str]]:
    base = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TELL],
        cwd=PROJECT_ROOT,
        env=base | dict(environment),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.usefixtures("builds")
def test_production_addresses_and_names() -> None:
    found = tell(PRODUCTION)
    assert found["endpoints"] == [
        "api.massive.com:443",
        "socket.massive.com:443",
        "pkc-abcde.us-east-1.aws.confluent.cloud:9092",
        "abc123.us-east-1.aws.clickhouse.cloud:8443",
        "myorg-myaccount.snowflakecomputing.com:443",
        "api.airbyte.com:443",
        "ecs.eu-west-1.amazonaws.com:443",
    ]
    assert found["snowflake"]["database"] == repr("POLYGON")
    assert found["snowflake"]["warehouse"] == repr("TRANSFORMING")
    assert found["clickhouse"]["ticks"] == repr("ticks")
    assert found["clickhouse"]["rollups"] == repr("rollups")
    assert found["kafka"]["bars_topic"] == repr("stocks.agg.1s")
    assert found["stream_services"]["cluster"] == repr("polygon")
    assert found["stream_services"]["region_name"] == repr("eu-west-1")
    assert found["stream_services"]["aws_access_key_id"] == "None"
    assert found["airbyte"]["workspace_id"] == repr(PRODUCTION["AIRBYTE_WORKSPACE_ID"])
    assert found["flat_files"]["endpoint_url"] == repr("https://files.massive.com")
    assert found["airbyte"]["database"] == repr("POLYGON")
    assert found["superset"]["url"] == repr("https://dashboards.example.com")
    assert found["dbt"]["target"] == repr("prod")
    assert set(found["statuses"].values()) == {"RUNNING"}
    assert "janitor_nightly" in found["statuses"]
    assert found["librdkafka"]["sasl.password"] == "production-kafka-secret"


@pytest.mark.usefixtures("builds")
def test_secrets_are_references_in_the_definitions() -> None:
    found = tell(PRODUCTION)
    found.pop("librdkafka")
    assert found["snowflake"]["password"] == "variable SNOWFLAKE_PASSWORD"
    text = json.dumps(found)
    for name, value in PRODUCTION.items():
        if any(part in name for part in SECRET_NAMES):
            assert value not in text, name


@pytest.mark.usefixtures("builds")
def test_without_variables_everything_is_the_sandbox() -> None:
    found = tell({})
    assert {endpoint.split(":")[0] for endpoint in found["endpoints"]} == {"127.0.0.1"}
    assert found["snowflake"]["database"] == repr("POLYGON_LOCAL")
    assert found["kafka"]["bars_topic"] == repr("local.stocks.agg.1s")
    assert found["dbt"]["target"] == repr("local")


@pytest.mark.usefixtures("builds")
def test_a_branch_has_its_own_names_and_nothing_runs_by_itself() -> None:
    found = tell(
        PRODUCTION
        | {
            "DAGSTER_CLOUD_DEPLOYMENT_NAME": "0f3a5c",
            "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1",
            "DAGSTER_CLOUD_PULL_REQUEST_ID": "12",
        }
    )
    assert found["snowflake"]["database"] == repr("POLYGON_PR_12")
    assert found["clickhouse"]["ticks"] == repr("ticks_pr_12")
    assert found["kafka"]["consumer_group"] == repr("pr_12.sink")
    assert found["stream_services"]["cluster"] == repr("polygon-pr-12")
    assert found["stream_services"]["producers_maximum"] == "0"
    assert found["airbyte"]["database"] == repr("")
    assert found["dbt"]["target"] == repr("branch")
    assert set(found["statuses"].values()) == {"STOPPED"}
    assert len(found["statuses"]) >= 11


def test_the_document_lists_every_variable_with_its_default() -> None:
    lines = Path(PROJECT_ROOT / ".github" / "SETTINGS.md").read_text().splitlines()
    rows = {line.split("`")[1]: line for line in lines if line.startswith("| `")}
    for settings in ALL_SETTINGS:
        prefix = settings.model_config.get("env_prefix") or ""
        for name, field in settings.model_fields.items():
            default = field.default
            shown = default.get_secret_value() if isinstance(default, SecretStr) else default
            assert str(shown or "") in rows[f"{prefix}{name}".upper()]
    assert {DIRECTORY_VARIABLE, PORT_VARIABLE, "POLYGON_DEPLOYMENT"} <= rows.keys()


def test_no_code_path_of_its_own_for_the_sandbox() -> None:
    outside = [
        path
        for path in (PROJECT_ROOT / "polygon_assets").rglob("*.py")
        if not {"sandbox", "cli"} & set(path.relative_to(PROJECT_ROOT).parts[:-1])
    ]
    outside += list((PROJECT_ROOT / "streaming").rglob("polygon_stream/*.py"))
    assert len(outside) > 40
    guilty = [path.name for path in outside if "polygon_assets.sandbox" in path.read_text()]
    assert guilty == []
