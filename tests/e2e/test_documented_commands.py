"""Every command of the documents is run: here as it stands, or by what is named beside it."""

import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from checks.checks_support import variables
from support.demo import DemoFolder, end
from support.documents import DOCUMENTS, prose, shell_lines

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.sandbox.market import SimulatedMarket

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("documented"),
]

PREFIXES = ("pip install uv && ", "uv run ")
START_SECONDS, REPLAY_SECONDS = 240.0, 180.0

HERE = {
    "polygon status --tables": "snowflake",
    "polygon doctor": "problems",
    "polygon doctor kafka ecs": "problems",
    "polygon doctor polygon": "problems",
    "polygon doctor snowflake": "problems",
    "polygon doctor clickhouse": "problems",
    "polygon doctor kafka": "problems",
    "polygon doctor airbyte": "problems",
    "polygon migrate --dry-run": "applied",
    "polygon migrate": "applied",
    "polygon topics apply --dry-run": "stocks.agg.1s",
    "polygon topics apply": "stocks.agg.1s",
    "polygon connector publish --dry-run": "unchanged",
    "polygon connector publish": "unchanged",
}
"""Command -> a word of what it prints on a sandbox where everything is created."""

ELSEWHERE = {
    "polygon up": ("tests/e2e/test_documented_commands.py", 'start("up"'),
    "polygon bootstrap": ("tests/e2e/test_documented_commands.py", '"polygon bootstrap"'),
    "polygon replay 2005-02-28 --speed 60": ("tests/e2e/test_documented_commands.py", '"replay"'),
    "polygon down": ("tests/e2e/test_demo.py", 'run("down")'),
    "polygon demo": ("tests/e2e/test_demo.py", 'run("demo"'),
    "polygon demo --bi": ("tests/e2e/conftest.py", '"--bi"'),
    "polygon up --bi": ("tests/sandbox/superset/test_superset_command.py", '"--bi"'),
    "polygon dashboards push": ("tests/e2e/test_dashboards.py", '"push"'),
    "polygon dashboards pull": ("tests/e2e/test_dashboards.py", '"pull"'),
    "polygon gate": ("tests/gate/test_gate_on_the_sandbox.py", '"gate"'),
    "polygon site": (".ci/site", "polygon site"),
    "python -m polygon_stream.producer": ("tests/support/stream_programs.py", "stream.producer"),
    "python -m polygon_stream.sink": ("tests/support/stream_programs.py", "stream.sink"),
    "python -m polygon_stream.backfill": ("tests/streaming/test_streaming_backfill.py", "backfill"),
    "python tests/faults/stream_faults.py": ("tests/faults/test_stream_faults.py", "faults.py"),
    "python tests/bench/": ("tests/bench/test_benchmarks_run.py", "stream.py"),
    "pytest": (".ci/tests", "pytest"),
    "dg check defs": (".ci/definitions", "dg check defs"),
    "dg list defs": (".ci/definitions", "dg list defs"),
    "bash .ci/": (".ci/run", "bash"),
    ".ci/": (".ci/run", ".ci/$1"),
    "dg dev -w workspace.yaml": ("polygon_assets/sandbox/services.py", '"workspace.yaml"'),
    "dg launch": ("tests/security/test_secrets.py", '"launch"'),
    "python -m polygon_stream.probe": ("tests/delivery/test_image.py", "polygon_stream.probe"),
    "uv sync": (".ci/setup", "uv sync"),
    "sqlfluff lint": (".pre-commit-config.yaml", "sqlfluff lint"),
    "cd airbyte_connector": (".ci/connector", "airbyte_connector"),
    "--project airbyte_connector --frozen source-polygon spec": (
        "airbyte_connector/tests/test_command.py",
        '[COMMAND, "spec"]',
    ),
    "--frozen pytest": (".ci/connector", "pytest"),
    "python tests/contract/definitions_text.py": (
        "tests/contract/test_definitions_text.py",
        "definitions_text",
    ),
    "python tests/checks/columns_made.py": ("tests/checks/test_columns.py", "columns_made"),
    "python -c 'from polygon_assets.defs.dashboards.bundle": (
        "tests/dashboards/test_bundle.py",
        "identifier",
    ),
    "git diff": ("tests/dashboards/test_pull.py", "pulled_files"),
    ".ci/audit": (".github/workflows/nightly.yml", ".ci/audit"),
    "detect-secrets": ("tests/security/test_repository.py", "detect"),
    "dg plus ": ("tests/delivery/test_dagster_plus_workflow.py", "of_the_guide"),
    "polygon roll": ("tests/delivery/test_scripts.py", '"roll"'),
    "pre-commit install": ("tests/delivery/test_pre_commit.py", "pre-commit"),
    "python .ci/deploy/": ("tests/delivery/test_dagster_plus_variables.py", "variables"),
    "aws cloudformation": ("tests/delivery/stack.py", "stack.yaml"),
    "aws secretsmanager": ("tests/delivery/test_stack.py", "secrets"),
}
"""Beginning of a command -> what runs it, perhaps smaller, and the words that do it there."""


def commands(text: str) -> set[str]:
    """The commands in a document's bash blocks and in its inline code, without comments."""
    lines = [" ".join(line.partition("  #")[0].split()) for line in shell_lines(text)]
    lines += re.findall(r"`((?:uv run|bash|python -m) [^`]+|\.ci/[a-z-]+(?: [^`]+)?)`", prose(text))
    found = set[str]()
    for line in lines:
        for prefix in PREFIXES:
            line = line.replace(prefix, "")
        found |= {part.strip() for part in line.split("&&") if part.strip()}
    return found


def documented() -> set[str]:
    texts = [document.read_text() for document in DOCUMENTS]
    return set[str]().union(*map(commands, texts))


def unproven(found: set[str]) -> set[str]:
    return {one for one in found if one not in HERE and not one.startswith(tuple(ELSEWHERE))}


def test_every_command_is_run_by_something() -> None:
    assert unproven(documented()) == set()
    for path, words in ELSEWHERE.values():
        assert words in (PROJECT_ROOT / path).read_text(), path


def test_a_command_that_nothing_runs_is_found() -> None:
    block = "uv run polygon up   # stays\nuv run polygon fly && uv run pytest"
    text = f"```bash\n{block}\n```\n`uv run dg dance`"
    assert commands(text) == {"polygon up", "polygon fly", "pytest", "dg dance"}
    assert unproven(commands(text)) == {"polygon fly", "dg dance"}


def run(folder: DemoFolder, command: str) -> subprocess.CompletedProcess[str]:
    """A documented command, on the sandbox of the test."""
    program, *arguments = shlex.split(command)
    with variables(**folder.layout.environment()):
        return subprocess.run(
            [str(Path(sys.executable).with_name(program)), *arguments],
            env=folder.environment | folder.layout.environment(),
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, builds: Path) -> Iterator[DemoFolder]:
    """What `polygon up` starts, after `polygon bootstrap`."""
    assert builds.exists()
    folder = DemoFolder(tmp_path_factory.mktemp("documented") / "sandbox")
    up = folder.start("up", "--symbols", "3")
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(folder.layout.ui_url):
            assert up.poll() is None, up.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.5)
        done = run(folder, "polygon bootstrap")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "ecs" in done.stdout
        yield folder
        up.send_signal(signal.SIGINT)
        told, _ = up.communicate(timeout=120)
        assert up.returncode == 0, told
        assert "Ctrl-C stops it." in told
        assert folder.wait_until_clean() == []
    finally:
        up.kill()
        folder.run("down")


def answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except OSError:
        return False


@pytest.mark.parametrize("command", HERE)
def test_it_runs(folder: DemoFolder, command: str) -> None:
    done = run(folder, command)
    problems = [line for line in done.stdout.splitlines() if " problem " in line]
    assert done.returncode == 0, [*problems, done.stdout, done.stderr]
    assert HERE[command] in done.stdout
    assert "Traceback" not in done.stderr


def test_a_replay_is_streamed_by_the_sensors(folder: DemoFolder) -> None:
    replay = folder.start("replay", "2005-02-28", "--speed", "60")
    try:
        deadline = time.monotonic() + REPLAY_SECONDS
        market = SimulatedMarket(folder.layout)
        while market.replay().events_sent == 0:
            assert replay.poll() is None, replay.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert folder.run("status").stdout.count("healthy") == 7
    finally:
        end(replay, signal.SIGINT)
