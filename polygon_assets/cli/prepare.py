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
from polygon_assets.sandbox.layout import BI, SERVERS
from polygon_assets.sandbox.superset import environment as superset_environment

CONNECTOR = PROJECT_ROOT / "airbyte_connector"
LOOK_SECONDS = 0.1

INSTANCE_SETTINGS = PROJECT_ROOT / "polygon_assets" / "dagster.yaml"


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
    builds = missing_manifest(logs)
    if not (CONNECTOR / ".venv" / "bin" / "source-polygon").exists():
        uv = os.environ.get("UV", "uv")
        command = [uv, "sync", "--project", str(CONNECTOR), "--frozen", "--no-dev"]
        builds.append(Build("connector's environment", command, logs / "connector.log"))
    return builds


def missing_manifest(logs: Path) -> list[Build]:
    """dbt's manifest, where there is none or it is older than its sources."""
    if manifest_is_current():
        return []
    dbt = Path(sys.executable).with_name("dbt")
    command = [str(dbt), "parse", "--project-dir", str(DBT_PROJECT)]
    command += ["--profiles-dir", str(DBT_PROJECT)]
    return [Build("dbt manifest", command, logs / "dbt_parse.log")]


def missing_superset(logs: Path) -> list[Build]:
    """Superset's environment, where it is not installed as its lock says."""
    if superset_environment.is_installed():
        return []
    command = [sys.executable, "-m", superset_environment.__name__]
    return [Build("Superset environment", command, logs / "superset_install.log")]


def install_superset(board: Board, logs: Path) -> None:
    """Install Superset's environment where it is missing; the bar counts its packages.

    Raises:
        SandboxError: The installation failed.
    """
    for build in missing_superset(logs):
        total = superset_environment.packages_locked()
        with board.stage("superset", total) as stage:
            process = build.start()
            while process.poll() is None:
                done = min(superset_environment.packages_installed(), total)
                stage.update(done, note="installing Superset, once for this checkout")
                time.sleep(LOOK_SECONDS)
            build.require(process)
            stage.finish(f"{superset_environment.packages_installed()} packages installed")


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


def prepare(board: Board, sandbox: Sandbox, symbols: str, *, bi: bool = False) -> None:
    """Start the sandbox, or use the one that runs, and build what is missing.

    Args:
        board: Where the progress is shown.
        sandbox: Where it is.
        symbols: The simulated market.
        bi: With Superset.

    Raises:
        SandboxError: A service did not start, a build failed, or the running sandbox simulates
            another market or has no Superset.
    """
    layout = sandbox.layout
    write_dagster_config(layout.data("dagster"))
    running = is_running(layout)
    if running:
        _use_running(read_state(layout), symbols, bi=bi)
    elif bi:
        install_superset(board, layout.root / "logs")
    services = len(SERVERS) + bi
    with board.stage("sandbox", services) as stage:
        if not running:
            sandbox.start(symbols, bi=bi)
            sandbox.wait_for_supervisor()
        choose_tickers(symbols)
        builds = [(build, build.start()) for build in missing_builds(layout.root / "logs")]
        total = services + len(builds)
        stage.update(0, total, f"starting {services} services")
        sandbox.wait(lambda healthy, _: stage.update(healthy, total))
        _wait_for_builds(stage, builds, services)
        stage.finish(f"{services} services in {short_path(layout.root)}")


def write_dagster_config(home: Path) -> None:
    """Give the sandbox's Dagster instance its folder and its configuration."""
    home.mkdir(parents=True, exist_ok=True)
    (home / INSTANCE_SETTINGS.name).write_text(INSTANCE_SETTINGS.read_text())


def _wait_for_builds(
    stage: Stage, builds: list[tuple[Build, subprocess.Popen[bytes]]], ready: int
) -> None:
    while running := [build for build, process in builds if process.poll() is None]:
        names = " and ".join(build.name for build in running)
        stage.update(ready + len(builds) - len(running), note=f"building the {names}")
        time.sleep(LOOK_SECONDS)
    for build, process in builds:
        build.require(process)


def _use_running(state: SandboxState | None, symbols: str, *, bi: bool) -> None:
    if bi and state is not None and BI not in state.services:
        raise SandboxError(
            "A sandbox without Superset is running: restart it with `polygon up --bi`, or stop it "
            "with `polygon down` first."
        )
    if state is not None and state.symbols != symbols:
        raise SandboxError(
            f"A sandbox with --symbols {state.symbols} is running: use the same, or stop it with "
            "`polygon down` first."
        )
