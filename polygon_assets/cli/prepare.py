"""The first stage: start the sandbox and, meanwhile, build what a fresh checkout lacks."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from polygon_assets.cli.board import Board, Stage, short_path
from polygon_assets.env import PROJECT_ROOT
from polygon_assets.manifest import DBT_PROJECT, manifest_is_current
from polygon_assets.sandbox.control import (
    Sandbox,
    SandboxError,
    SandboxState,
    is_running,
    read_state,
)
from polygon_assets.sandbox.layout import SERVERS

CONNECTOR = PROJECT_ROOT / "airbyte_connector"
LOOK_SECONDS = 0.1

DAGSTER_YAML = """\
# One writer at a time per pool; the sandbox's telemetry stays at home.
concurrency:
  pools:
    default_limit: 1
    granularity: op
  runs:
    max_concurrent_runs: 2
telemetry:
  enabled: false
nux:
  enabled: false
"""


@dataclass(frozen=True)
class Build:
    """A command that makes something which a fresh checkout lacks."""

    name: str
    command: list[str]
    log: Path

    def start(self) -> subprocess.Popen[bytes]:
        """Start it; its output goes to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            return subprocess.Popen(
                self.command, cwd=PROJECT_ROOT, stdout=output, stderr=subprocess.STDOUT
            )

    def require(self, process: subprocess.Popen[bytes]) -> None:
        """Fail if the command failed.

        Raises:
            SandboxError: Says what was not built, and the command's last line.
        """
        if process.returncode:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            raise SandboxError(
                f"Building the {self.name} failed: {lines[-1] if lines else 'no output'} "
                f"(log: {self.log})"
            )


def missing_builds(logs: Path) -> list[Build]:
    """What is not built yet, or is older than its sources."""
    builds: list[Build] = []
    if not manifest_is_current():
        dbt = Path(sys.executable).with_name("dbt")
        command = [str(dbt), "parse", "--project-dir", str(DBT_PROJECT)]
        command += ["--profiles-dir", str(DBT_PROJECT)]
        builds.append(Build("dbt manifest", command, logs / "dbt_parse.log"))
    if not (CONNECTOR / ".venv" / "bin" / "source-polygon").exists():
        uv = os.environ.get("UV", "uv")
        command = [uv, "sync", "--project", str(CONNECTOR), "--frozen", "--no-dev"]
        builds.append(Build("connector's environment", command, logs / "connector.log"))
    return builds


def choose_tickers(symbols: str) -> None:
    """Let the tables of single symbols be about symbols that the simulated market has.

    ``CONNECTOR_TICKERS`` in the environment wins.

    Raises:
        ValueError: The simulator does not know such a market.
    """
    from polygon_assets.sandbox.polygon.universe import choose
    from polygon_assets.settings import ConnectorSettings

    market = choose(symbols)
    usual = [ticker for ticker in ConnectorSettings().ticker_list if ticker in market]
    os.environ.setdefault("CONNECTOR_TICKERS", ",".join(usual or market[:3]))


def prepare(board: Board, sandbox: Sandbox, symbols: str) -> None:
    """Start the sandbox, or use the one that runs, and build what is missing.

    Raises:
        SandboxError: A service did not start, a build failed, or the running sandbox simulates
            another market.
    """
    layout = sandbox.layout
    write_dagster_config(layout.data("dagster"))
    with board.stage("sandbox", len(SERVERS)) as stage:
        if is_running(layout):
            _use_running(read_state(layout), symbols)
        else:
            sandbox.start(symbols)
            sandbox.wait_for_supervisor()
        choose_tickers(symbols)
        builds = [(build, build.start()) for build in missing_builds(layout.root / "logs")]
        total = len(SERVERS) + len(builds)
        stage.update(0, total, f"starting {len(SERVERS)} services")
        sandbox.wait(lambda healthy, _: stage.update(healthy, total))
        _wait_for_builds(stage, builds, len(SERVERS))
        stage.finish(f"{len(SERVERS)} services in {short_path(layout.root)}")


def write_dagster_config(home: Path) -> None:
    """Give the sandbox's Dagster instance its folder and its configuration."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(DAGSTER_YAML)


def _wait_for_builds(
    stage: Stage, builds: list[tuple[Build, subprocess.Popen[bytes]]], ready: int
) -> None:
    while running := [build for build, process in builds if process.poll() is None]:
        names = " and ".join(build.name for build in running)
        stage.update(ready + len(builds) - len(running), note=f"building the {names}")
        time.sleep(LOOK_SECONDS)
    for build, process in builds:
        build.require(process)


def _use_running(state: SandboxState | None, symbols: str) -> None:
    if state is not None and state.symbols != symbols:
        raise SandboxError(
            f"A sandbox with --symbols {state.symbols} is running: use the same, or stop it with "
            "`polygon down` first."
        )
