"""Where dbt connects: the defaults, and what the variables of a real account change."""

import json
import subprocess

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dbt.adapters.snowflake.connections import SnowflakeCredentials
from dbt.config.renderer import ProfileRenderer
from dbt.exceptions import EnvVarMissingError
from dbt_common.context import set_invocation_context
from dbt_warehouse import PROJECT

from polygon_assets.env import Deployment, Names
from polygon_assets.resources.dbt import DBT, dbt

SANDBOX = {
    "account": "sandbox",
    "host": "127.0.0.1",
    "port": 18103,
    "protocol": "http",
    "user": "sandbox",
    "password": "sandbox",
    "role": "SANDBOX",
    "warehouse": "SANDBOX",
}
REAL_ACCOUNT = {
    "SNOWFLAKE_ACCOUNT": "myorg-myaccount",
    "SNOWFLAKE_USER": "DAGSTER",
    "SNOWFLAKE_PASSWORD": "not-used",
    "SNOWFLAKE_ROLE": "TRANSFORMER",
    "SNOWFLAKE_WAREHOUSE": "TRANSFORMING",
}


def connection(target: str, variables: dict[str, str]) -> SnowflakeCredentials:
    """What dbt connects with where only `variables` are set, rendered by dbt itself."""
    set_invocation_context(variables)
    profiles = yaml.safe_load((PROJECT / "profiles.yml").read_text())["dbt_polygon"]
    assert profiles["target"] == "local"
    rendered = ProfileRenderer({}).render_data(profiles["outputs"][target])
    for of_the_target in ("type", "threads"):
        del rendered[of_the_target]
    SnowflakeCredentials.validate(rendered)
    return SnowflakeCredentials.from_dict(rendered)


def test_defaults_are_the_sandbox() -> None:
    found = connection("local", {})
    assert {name: getattr(found, name) for name in SANDBOX} == SANDBOX
    assert found.auth_args()["password"] == "sandbox"


def test_empty_variables_count_as_unset() -> None:
    empty = dict.fromkeys(("SNOWFLAKE_ACCOUNT", "SNOWFLAKE_HOST", "SNOWFLAKE_PORT"), "")
    assert connection("local", empty) == connection("local", {})


@pytest.mark.parametrize(
    ("target", "database"),
    [("local", "POLYGON_LOCAL"), ("branch", "POLYGON_PR_17"), ("prod", "POLYGON")],
)
def test_each_target_has_its_database(target: str, database: str) -> None:
    assert connection(target, {"DAGSTER_CLOUD_PULL_REQUEST_ID": "17"}).database == database


def test_a_branch_without_a_number_has_no_database() -> None:
    with pytest.raises(EnvVarMissingError, match="DAGSTER_CLOUD_PULL_REQUEST_ID"):
        connection("branch", {})


@pytest.mark.parametrize(("target", "label"), [("local", "local"), ("branch", "pr_17")])
def test_the_query_tag_tells_the_deployment(target: str, label: str) -> None:
    found = connection(target, {"DAGSTER_CLOUD_PULL_REQUEST_ID": "17"})
    assert json.loads(str(found.query_tag))["deployment"] == label


def test_address_follows_from_a_real_account() -> None:
    found = connection("prod", REAL_ACCOUNT)
    assert (found.protocol, found.host, found.port) == (
        "https",
        "myorg-myaccount.snowflakecomputing.com",
        443,
    )
    assert (found.user, found.role, found.warehouse) == ("DAGSTER", "TRANSFORMER", "TRANSFORMING")


def test_address_can_be_given() -> None:
    given = {"SNOWFLAKE_HOST": "proxy.internal", "SNOWFLAKE_PORT": "8443"}
    found = connection("prod", REAL_ACCOUNT | given | {"SNOWFLAKE_PROTOCOL": "http"})
    assert (found.protocol, found.host, found.port) == ("http", "proxy.internal", 8443)


def test_private_key_replaces_the_password() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    arguments = connection("prod", REAL_ACCOUNT | {"SNOWFLAKE_PRIVATE_KEY": pem}).auth_args()
    assert "password" not in arguments
    assert arguments["private_key"]


def test_the_version_is_known_without_asking_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """dagster-dbt would ask it before each of its commands, and it asks PyPI."""
    told = subprocess.check_output([DBT, "--version"], text=True)
    monkeypatch.setattr(subprocess, "Popen", None)
    found = dbt(Names(Deployment.LOCAL, "_local"))._cli_version  # pyright: ignore[reportPrivateUsage]
    assert f"installed: {found}\n" in told
