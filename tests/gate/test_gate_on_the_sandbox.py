"""`polygon gate` as a user starts it, with the sandbox's servers behind it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
import snowflake.connector
from confluent_kafka import Producer
from support.demo import POLYGON
from support.servers import free_ports

from polygon_assets.cli.gate import run_gate
from polygon_assets.cli.gate_options import Options
from polygon_assets.defs.ticks.assets import stream_specs
from polygon_assets.defs.ticks.checks import ticks_checks
from polygon_assets.defs.ticks.lag import MAX_LAG
from polygon_assets.env import PROJECT_ROOT, deployment_names
from polygon_assets.manifest import MANIFEST
from polygon_assets.resources.assemble import resources
from polygon_assets.sandbox.control import Sandbox
from polygon_assets.sandbox.layout import DIRECTORY_VARIABLE, PORT_VARIABLE, SandboxLayout
from polygon_assets.sandbox.market import SimulatedMarket
from polygon_assets.sessions import session

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("gate"),
]

SYMBOLS = "AAPL,IBM,MSFT"
EXCHANGES = 'key:"raw/polygon/exchanges"+'
MODEL = "dbt_polygon/models/marts/dim_exchange.sql"


@pytest.fixture(scope="module")
def layout(builds: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxLayout]:
    """A running sandbox, in which the first gate creates what the platform writes to."""
    assert builds.exists()
    layout = SandboxLayout(tmp_path_factory.mktemp("gate") / "sandbox", free_ports())
    sandbox = Sandbox(layout)
    try:
        sandbox.start(SYMBOLS)
        sandbox.wait(lambda _healthy, _started: None)
        yield layout
    finally:
        sandbox.stop()


def variables(layout: SandboxLayout, **more: str) -> dict[str, str]:
    """The environment of a gate, without an instance of Dagster's."""
    here = {DIRECTORY_VARIABLE: str(layout.root), PORT_VARIABLE: str(layout.base_port)}
    found = os.environ | layout.environment() | here | more
    return {name: value for name, value in found.items() if name != "DAGSTER_HOME"}


def gate(layout: SandboxLayout, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [POLYGON, "gate", *arguments],
        env=variables(layout),
        capture_output=True,
        text=True,
        check=False,
    )


def exchanges(layout: SandboxLayout, database: str) -> list[tuple[object, ...]]:
    """The rows of `dim_exchange`."""
    with connection(layout) as connected:
        cursor = connected.cursor()
        cursor.execute(f"SELECT * FROM {database}.MARTS.DIM_EXCHANGE ORDER BY 1, 2")
        return [tuple(row) for row in cursor.fetchall()]


def connection(layout: SandboxLayout) -> snowflake.connector.SnowflakeConnection:
    return snowflake.connector.connect(
        account="sandbox",
        user="sandbox",
        password="sandbox",
        host="127.0.0.1",
        port=layout.port("snowflake"),
        protocol="http",
    )


Gated = tuple[subprocess.CompletedProcess[str], str]


@pytest.fixture(scope="module")
def gated(layout: SandboxLayout, tmp_path_factory: pytest.TempPathFactory) -> Gated:
    """A gate that made the exchanges and all below them, and the summary that it wrote."""
    summary = tmp_path_factory.mktemp("gated") / "summary.md"
    on_this = ["--sandbox", "--symbols", SYMBOLS]
    arguments = ["--select", EXCHANGES, "--sessions", "2", "--summary", str(summary)]
    done = gate(layout, *on_this, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done, summary.read_text()


def test_a_table_and_all_below_it_pass(layout: SandboxLayout, gated: Gated) -> None:
    done, summary = gated
    assert done.stdout == summary
    assert "## Gate passed" in done.stdout
    assert "3 of 3 assets materialized for 2005-02-25 to 2005-02-28" in done.stdout
    assert "| `raw/polygon/exchanges:key_unique` | ERROR | yes |" in done.stdout
    rows = exchanges(layout, "POLYGON_LOCAL")
    assert f"| `marts/market/dim_exchange` | 2 | {len(rows)} |" in done.stdout
    assert f"| `raw/polygon/exchanges` | 2 | {2 * len(rows)} |" in done.stdout


@pytest.mark.usefixtures("gated")
def test_a_failed_error_check_that_blocks_nothing_fails_the_gate(
    layout: SandboxLayout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the latest session by the vendor's clock; the topic is external, so only checks run."""
    for name, value in layout.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("DAGSTER_HOME", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{layout.port('kafka')}"})
    for number in range(MAX_LAG + 1):
        producer.produce(deployment_names().bars_topic, key="AAPL", value=b"{}")
        if number % 10_000 == 0:
            producer.flush()
    producer.flush()
    market = SimulatedMarket(layout)
    market.set_clock(session(date(2005, 3, 1)).close_at + timedelta(hours=4))
    try:
        code = run_gate(Options("latest", 'key:"kafka/stocks/agg_1s"'), stream_definitions)
    finally:
        market.end()
    told, said = capsys.readouterr()
    assert code == 1, told + said
    assert "0 of 0 assets materialized for 2005-03-01 in" in told
    row = "| **failed** | `kafka/stocks/agg_1s:sink_keeps_up` | ERROR | no | The sink is"
    assert row in told
    assert "1 ERROR checks failed: kafka/stocks/agg_1s:sink_keeps_up" in said


def stream_definitions(_: Path) -> dg.Definitions:
    """The stream's part of the code location, with the resources of the environment of now."""
    return dg.Definitions(
        assets=stream_specs,
        asset_checks=ticks_checks,
        resources=resources(deployment_names()),
        executor=dg.in_process_executor,
    )


def test_what_cannot_be_judged_ends_the_command_with_2(layout: SandboxLayout) -> None:
    done = gate(layout, "--select", EXCHANGES, "--sessions", "2005-02-21")
    assert done.returncode == 2
    assert done.stdout == ""
    said = " ".join(done.stderr.split())
    assert "2005-02-21 is not an NYSE session" in said
    assert "Traceback" not in said


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with this project, and one model that its only commit has otherwise.

    What Python and dbt have made of the same sources comes with it, and so does not cost again.
    """
    root = tmp_path / "checkout"
    # Other workers write to dbt's target and, under such names, what they compile.
    leave_out = shutil.ignore_patterns("target", "logs", "*.pyc.*", ".venv", ".user.yml")
    for name in ("polygon_assets", "dbt_polygon", "streaming"):
        shutil.copytree(PROJECT_ROOT / name, root / name, ignore=leave_out)
    (root / "airbyte_connector").mkdir()
    for name in (".gitignore", "airbyte_connector/manifest.yaml"):
        shutil.copy(PROJECT_ROOT / name, root / name)
    model = root / MODEL
    model.write_text(model.read_text().replace("session_date as last", "session_date + 0 as last"))
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "base"]):
        subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True)
    shutil.copy2(PROJECT_ROOT / MODEL, model)
    manifest = root / MANIFEST.relative_to(PROJECT_ROOT)
    manifest.parent.mkdir()
    shutil.copy2(MANIFEST, manifest)
    return root


@pytest.mark.usefixtures("gated")
def test_only_what_changed_is_made_and_its_parents_are_deferred(
    layout: SandboxLayout, checkout: Path
) -> None:
    """On the empty database of a branch: the model reads its parent from the base's database."""
    with connection(layout) as connected:
        connected.cursor().execute("CREATE DATABASE POLYGON_PR_7")
    branch = {
        "POLYGON_DEPLOYMENT": "branch",
        "DAGSTER_CLOUD_PULL_REQUEST_ID": "7",
        "PYTHONPATH": f"{checkout}:{checkout / 'streaming'}",
    }
    command = (
        "import sys; from polygon_assets.cli.main import main; sys.argv[0] = 'polygon'; main()"
    )
    arguments = ["--changed-since", "HEAD", "--sessions", "2", "--defer-to", "POLYGON_LOCAL"]
    done = subprocess.run(
        [sys.executable, "-c", command, "gate", *arguments],
        cwd=checkout,
        env=variables(layout, **branch),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 assets materialized for 2005-02-25 to 2005-02-28 in pr_7 (POLY" in done.stdout
    changed = [one for one in done.stdout.splitlines() if one.endswith(("| yes |", "| no |"))]
    assert changed == ["| `marts/market/dim_exchange` | code version, dbt: body | yes |"]
    assert exchanges(layout, "POLYGON_PR_7") == exchanges(layout, "POLYGON_LOCAL") != []
    worktrees = subprocess.check_output(["git", "-C", str(checkout), "worktree", "list"], text=True)
    assert len(worktrees.splitlines()) == 1
