"""With a secret in every setting, none is shown: definitions, runs, commands, errors, addresses."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import boto3
import pytest
from polygon_stream.settings import KafkaSettings
from pydantic import SecretStr, ValidationError
from support.demo import POLYGON

from polygon_assets.env import PROJECT_ROOT, Deployment, Names
from polygon_assets.resources.assemble import resources
from polygon_assets.resources.ecs import stream_services
from polygon_assets.sandbox.layout import SandboxLayout
from polygon_assets.settings import ALL_SETTINGS
from polygon_assets.stream_tasks import task_variables

pytestmark = pytest.mark.xdist_group("security")

NAMES = Names(Deployment.LOCAL, "_secrets")
SECRETS = {
    name: f"sentinel-{number:02}-{name.lower()}"
    for number, name in enumerate(
        f"{kind.model_config.get('env_prefix') or ''}{field}".upper()
        for kind in ALL_SETTINGS
        for field, about in kind.model_fields.items()
        if about.annotation is SecretStr
    )
}
"""Variable -> what must appear nowhere."""

SNAPSHOT = """
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from polygon_assets.definitions import defs
print(serialize_value(RepositorySnap.from_def(defs.get_repository_def())))
print(defs.resources)
"""
"""Prints what Dagster's UI and Dagster+ get of the definitions."""

FAILING = ("raw/polygon/daily_bars", "raw/polygon/flat_daily_bars", "clickhouse/rollups/bars_1m")


def shown(text: str | bytes) -> list[str]:
    """The settings whose secret is in a text."""
    data = text.encode() if isinstance(text, str) else text
    return [name for name, secret in SECRETS.items() if secret.encode() in data]


class Refusing(ThreadingHTTPServer):
    """Answers everything with an error, and notes the addresses that it is asked for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Refusing

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.lines.append(self.requestline)
        self.send_error(403)

    do_GET = do_POST = do_PATCH = do_HEAD = do_PUT = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def outside() -> Iterator[Refusing]:
    with Refusing() as server:
        yield server
        server.shutdown()


@pytest.fixture
def environment(outside: Refusing, tmp_path: Path) -> dict[str, str]:
    """Every secret set, every system refusing, and a home of Dagster's own."""
    home = tmp_path / "home"
    home.mkdir()
    url = f"http://127.0.0.1:{outside.server_port}"
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    urls = ("POLYGON_REST_URL", "CLICKHOUSE_URL", "AIRBYTE_REST_URL", "AIRBYTE_CONFIG_URL")
    urls += ("FLAT_FILES_ENDPOINT_URL", "ECS_ENDPOINT_URL", "DASHBOARDS_URL")
    return {
        **kept,
        **SECRETS,
        **dict.fromkeys(urls, url),
        "POLYGON_WS_URL": f"ws://127.0.0.1:{outside.server_port}/stocks",
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{outside.server_port}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_API_KEY": "key",
        "SNOWFLAKE_PRIVATE_KEY": "",  # one or the other; the test of the resources has both
        "SNOWFLAKE_PORT": str(outside.server_port),
        "AWS_ACCESS_KEY_ID": "key",
        "ALERT_SMTP_HOST": "127.0.0.1",
        "ALERT_SMTP_PORT": str(outside.server_port),
        "ALERT_SMTP_USER": "user",
        "ALERT_MAIL_FROM": "a@example.com",
        "ALERT_MAIL_TO": "b@example.com",
        "DASHBOARDS_CLICKHOUSE_USER": "user",
        "DASHBOARDS_SNOWFLAKE_USER": "user",
        "DAGSTER_HOME": str(home),
        "POLYGON_SANDBOX_DIR": str(tmp_path / "sandbox"),
    }


def run(environment: dict[str, str], *command: str) -> tuple[int, str]:
    """Exit code and all output of a command."""
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_every_secret_setting_is_known() -> None:
    assert len(SECRETS) == len(set(SECRETS.values())) >= 13
    assert shown(f"a {SECRETS['POLYGON_API_KEY']} b") == ["POLYGON_API_KEY"]  # the test can fail


def test_a_setting_that_sounds_like_a_secret_is_one() -> None:
    plain = {
        "POLYGON_API_KEY",
        "KAFKA_API_KEY",
        "STREAM_PRODUCER_SECRET_ARN",
        "STREAM_SINK_SECRET_ARN",
    } - SECRETS.keys()
    words = ("PASSWORD", "SECRET", "PRIVATE_KEY", "API_KEY", "WEBHOOK", "TOKEN")
    named = {
        f"{kind.model_config.get('env_prefix') or ''}{field}".upper()
        for kind in ALL_SETTINGS
        for field in kind.model_fields
    }
    assert {name for name in named if any(word in name for word in words)} == {*SECRETS, *plain}


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "sasl_ssl", ""])
def test_kafkas_secret_is_not_sent_in_clear(protocol: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        KafkaSettings(security_protocol=protocol)
    config = KafkaSettings(security_protocol="SASL_SSL").client_config()
    assert not [name for name in config if "verification" in name or "identification" in name]


def test_resources_do_not_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("AIRBYTE_CLIENT_ID", "client")
    for name, resource in resources(NAMES).items():
        ready = resource.process_config_and_initialize() if name != "dbt" else resource
        texts = [repr(resource), str(resource), repr(ready), str(ready), f"{ready}"]
        assert shown("".join(texts)) == [], name
    for kind in ALL_SETTINGS:
        assert shown(f"{kind()!r} {kind()}") == []
    values = resources(NAMES)["kafka"].process_config_and_initialize()
    assert values.api_secret == SECRETS["KAFKA_API_SECRET"]  # although it is there


def test_ecs_is_told_names_of_secrets_only(
    addresses: SandboxLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    stream_services(NAMES).process_config_and_initialize().deploy(task_variables(NAMES))
    client = boto3.client("ecs", endpoint_url=addresses.environment()["ECS_ENDPOINT_URL"],
                          region_name="us-east-1")  # fmt: skip
    for arn in client.list_task_definitions()["taskDefinitionArns"]:
        found = client.describe_task_definition(taskDefinition=arn)
        assert shown(json.dumps(found, default=str)) == []
    assert shown((addresses.data("ecs") / "state.json").read_bytes()) == []


def test_definitions_do_not_hold_them(builds: Path, environment: dict[str, str]) -> None:
    code, output = run(environment, sys.executable, "-W", "ignore", "-c", SNAPSHOT)
    assert (code, shown(output)) == (0, []), output[-500:]
    assert "POLYGON_API_KEY" in output  # the reference


@pytest.mark.slow
def test_commands_that_fail_do_not_tell_them(
    environment: dict[str, str], outside: Refusing, tmp_path: Path
) -> None:
    told = [("doctor", "--json"), ("status",), ("connector", "publish"), ("dashboards", "push")]
    for arguments in told:
        code, output = run(environment, POLYGON, *arguments)
        assert shown(output) == [], arguments
        assert code != 0 or arguments == ("status",), output
    assert outside.lines
    assert shown("\n".join(outside.lines)) == []


@pytest.mark.slow
def test_a_run_that_fails_keeps_them_to_itself(
    builds: Path, environment: dict[str, str], outside: Refusing
) -> None:
    """Event log, run, compute logs: all that Dagster writes down."""
    home = Path(environment["DAGSTER_HOME"])
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    chosen = " or ".join(f'key:"{asset}"' for asset in FAILING)
    dg = str(Path(sys.executable).with_name("dg"))
    code, output = run(environment, dg, "launch", "--assets", chosen, "--partition", "2005-02-28")
    assert code != 0
    assert "STEP_FAILURE" in output
    assert shown(output) == []
    written = [file for file in home.rglob("*") if file.is_file()]
    assert any(b"STEP_FAILURE" in file.read_bytes() for file in written)
    assert {
        str(file): shown(file.read_bytes()) for file in written if shown(file.read_bytes())
    } == {}
    assert shown("\n".join(outside.lines)) == []
