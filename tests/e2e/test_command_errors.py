"""What a user may get wrong gets one sentence that says what to do."""

import socket
import subprocess
from pathlib import Path

import pytest
from support.demo import DemoFolder

pytestmark = pytest.mark.usefixtures("builds")


@pytest.fixture
def folder(tmp_path: Path) -> DemoFolder:
    return DemoFolder(tmp_path / "sandbox")


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The command's whole output, which holds no stack trace."""
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "Traceback" not in output
    return " ".join(output.split())


def test_busy_port(folder: DemoFolder) -> None:
    port = folder.layout.port("clickhouse")
    with socket.create_server(("127.0.0.1", port)):
        output = sentence(folder.run("demo", "--sessions", "1"))
    assert f"Port {port}" in output
    assert "clickhouse" in output
    assert "POLYGON_SANDBOX_PORT" in output
    assert folder.wait_until_clean() == []


def test_port_that_is_no_number(folder: DemoFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DemoFolder, "environment", folder.environment | bad_port())
    assert "POLYGON_SANDBOX_PORT is 'eighty'" in sentence(folder.run("status"))


def bad_port() -> dict[str, str]:
    return {"POLYGON_SANDBOX_PORT": "eighty"}


def test_unknown_session(folder: DemoFolder) -> None:
    output = sentence(folder.run("demo", "--sessions", "2005-02-21"))
    assert "2005-02-21 is not an NYSE session" in output


def test_unknown_symbol(folder: DemoFolder) -> None:
    output = sentence(folder.run("demo", "--symbols", "AAPL,NOPE", "--sessions", "1"))
    assert "NOPE" in output
    assert folder.wait_until_clean() == []


def test_replay_without_a_sandbox(folder: DemoFolder) -> None:
    assert "polygon up" in sentence(folder.run("replay", "2005-02-28"))


def test_tables_without_data(folder: DemoFolder) -> None:
    assert "polygon demo" in sentence(folder.run("status", "--tables"))


def test_down_with_nothing_running(folder: DemoFolder) -> None:
    done = folder.run("down")
    assert done.returncode == 0
    assert "Nothing was running" in done.stdout


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        ({"POLYGON_REST_URL": "http://127.0.0.1:9"}, ["Polygon REST", "9", "POLYGON_REST_URL"]),
        ({"POLYGON_REST_URL": "https://api.massive.com"}, ["POLYGON_API_KEY is not set"]),
        ({"SNOWFLAKE_ACCOUNT": "acme"}, ["SNOWFLAKE_USER is not set", "acme.snowflake"]),
        ({"KAFKA_BOOTSTRAP_SERVERS": "broker"}, ["KAFKA_BOOTSTRAP_SERVERS", "host:port"]),
        ({"POLYGON_DEPLOYMENT": "staging"}, ["POLYGON_DEPLOYMENT", "local, branch, prod"]),
        ({"SNOWFLAKE_PORT": "many"}, ["SNOWFLAKE_PORT"]),
    ],
    ids=["unreachable", "no-key", "no-user", "address", "deployment", "number"],
)
def test_bootstrap_names_the_wrong_setting(
    folder: DemoFolder,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    parts: list[str],
) -> None:
    monkeypatch.setattr(DemoFolder, "environment", folder.environment | variables)
    output = sentence(folder.run("bootstrap"))
    for part in parts:
        assert part in output
