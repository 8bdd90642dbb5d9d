"""The examination as a whole, and the command."""

import fcntl
import io
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from polygon_assets.cli.doctor import name_the_sandboxs_instance
from polygon_assets.cli.main import app
from polygon_assets.doctor import examination
from polygon_assets.doctor.findings import Finding, ok, problem, warning
from polygon_assets.env import PROD, Deployment, Names
from polygon_assets.sandbox.control import SandboxState, ServiceState

NAMES = Names(Deployment.LOCAL, "_local")
SECRET = "a-password-that-nobody-sees"


def good(_names: Names, *, probe: bool) -> Iterator[Finding]:
    yield ok("first", "as it should be")
    yield warning("second", "probed" if probe else "not probed", "Look at it.")


def bad(_names: Names, *, probe: bool) -> Iterator[Finding]:
    yield problem("only", f"refused {SECRET}", f"Check [it], not {SECRET}.")


def broken(_names: Names, *, probe: bool) -> Iterator[Finding]:
    yield ok("first", "fine")
    raise RuntimeError(f"with {SECRET}\nin two lines")


class Hanging:
    """A system whose client does not come back."""

    def __init__(self) -> None:
        self.end = threading.Event()

    def __call__(self, _names: Names, *, probe: bool) -> Iterator[Finding]:
        yield ok("first", "fine")
        self.end.wait(60)


@pytest.fixture
def systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, examination.Examine]]:
    hanging = Hanging()
    found: dict[str, examination.Examine] = {"good": good, "bad": bad, "broken": broken}
    found["hanging"] = hanging
    for module in ("doctor.examination", "cli.doctor"):
        monkeypatch.setattr(f"polygon_assets.{module}.SYSTEMS", found)
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", SECRET)
    monkeypatch.setenv("POLYGON_DEPLOYMENT", "local")
    monkeypatch.setenv("POLYGON_SANDBOX_DIR", str(tmp_path))
    yield found
    hanging.end.set()


@pytest.mark.usefixtures("systems")
def test_one_system_that_hangs_or_breaks_hides_no_other() -> None:
    seen: list[list[str]] = []
    started = time.monotonic()
    found = examination.examine(
        NAMES,
        ["hanging", "broken", "good"],
        probe=True,
        seconds=1.0,
        progress=lambda waiting: seen.append(list(waiting)),
    )
    assert time.monotonic() - started < 30
    assert [(one.system, one.check, one.result) for one in found] == [
        ("hanging", "first", "ok"),
        ("hanging", "answers in time", "problem"),
        ("broken", "first", "ok"),
        ("broken", "unexpected", "problem"),
        ("good", "first", "ok"),
        ("good", "second", "warning"),
    ]
    assert found[3].found == "RuntimeError: with *** in two lines"
    assert "after 'first' within 1 s" in found[1].found
    assert seen[0] == ["hanging", "broken", "good"]
    assert seen[-1] == ["hanging"]


def test_a_default_is_no_secret(
    systems: dict[str, examination.Examine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def talks(_names: Names, *, probe: bool) -> Iterator[Finding]:
        yield problem("only", f"the sandbox, {SECRET}", "Start the sandbox.")

    systems["talks"] = talks
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
    (found,) = examination.examine(NAMES, ["talks"], probe=False, seconds=10)
    assert (found.found, found.todo) == ("the sandbox, ***", "Start the sandbox.")


def test_definitions_are_loaded_before_the_systems_are_asked_side_by_side(
    systems: dict[str, examination.Examine], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def load() -> None:
        order.append(f"loaded by {threading.current_thread().name}")

    def asked(_names: Names, *, probe: bool) -> Iterator[Finding]:
        order.append(f"asked by {threading.current_thread().name}")
        yield ok("only", "fine")

    systems["dagster"] = asked
    monkeypatch.setattr(examination.dagster, "loaded", load)
    examination.examine(NAMES, ["dagster"], probe=False, seconds=10)
    assert order == [f"loaded by {threading.current_thread().name}", "asked by dagster"]


def test_definitions_that_do_not_load_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polygon_assets.definitions", None)
    found = examination.examine(NAMES, ["dagster"], probe=False, seconds=60)
    assert [(one.check, one.result) for one in found] == [
        ("packages", "ok"),
        ("definitions", "problem"),
    ]
    assert "ModuleNotFoundError" in found[1].found


@pytest.mark.usefixtures("systems")
def test_the_table_says_what_to_do_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr("polygon_assets.cli.doctor.console", Console(file=terminal, width=110))
    done = CliRunner().invoke(app, ["doctor", "good", "bad"])
    assert done.exit_code == 1
    lines = terminal.getvalue().splitlines()
    assert lines[0].split() == ["system", "check", "result", "found", "what", "to", "do"]
    assert "Check [it], not ***." in terminal.getvalue()
    assert lines[-1] == "1 ok, 1 warnings, 1 problems in the deployment local."
    assert SECRET not in terminal.getvalue()


@pytest.mark.usefixtures("systems")
def test_json_holds_everything_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    done = CliRunner().invoke(app, ["doctor", "bad", "good", "--json", "--probe"])
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told[0] == {
        "system": "bad",
        "check": "only",
        "result": "problem",
        "found": "refused ***",
        "todo": "Check [it], not ***.",
    }
    assert told[2]["found"] == "probed"


@pytest.mark.usefixtures("systems")
def test_warnings_alone_are_exit_code_0() -> None:
    assert CliRunner().invoke(app, ["doctor", "good", "--json"]).exit_code == 0


@pytest.mark.usefixtures("systems")
def test_an_unknown_system_is_a_sentence() -> None:
    done = CliRunner().invoke(app, ["doctor", "oracle"])
    assert "choose among good, bad" in str(done.exception)


def test_every_system_is_there() -> None:
    assert list(examination.SYSTEMS) == [
        *("polygon", "websocket", "flat-files", "airbyte", "snowflake", "dbt"),
        *("kafka", "clickhouse", "ecs", "dagster", "dashboards", "alerts"),
    ]


def test_the_instance_is_that_of_a_sandbox_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYGON_SANDBOX_DIR", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")  # so that the test's end removes what is set
    monkeypatch.delenv("DAGSTER_HOME")
    ui = ServiceState(pid=1, port=1, healthy=True, restarts=0)
    state = SandboxState("running", "", 1, "1", {"dagster": ui})
    (tmp_path / "supervisor.json").write_text(json.dumps(asdict(state)))
    name_the_sandboxs_instance(NAMES)
    assert "DAGSTER_HOME" not in os.environ
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        name_the_sandboxs_instance(PROD)
        assert "DAGSTER_HOME" not in os.environ
        name_the_sandboxs_instance(NAMES)
    assert os.environ["DAGSTER_HOME"] == str(tmp_path / "dagster")
