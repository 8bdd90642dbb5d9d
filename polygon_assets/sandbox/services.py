"""The services of a sandbox: how each is started, and how one sees that it works."""

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.sandbox.layout import BI, SERVERS, UI, SandboxLayout
from polygon_assets.sandbox.lifeline import LIFELINE_VARIABLE
from polygon_assets.sandbox.superset.environment import PYTHON

HEALTH_SECONDS = 2.0


@dataclass(frozen=True)
class Service:
    """One process of the sandbox.

    Attributes:
        name: Which outside system it stands for.
        command: Program and arguments.
        port: Where it listens on 127.0.0.1.
        health_path: HTTP path that answers 200; None where the port alone is asked.
        start_seconds: How long it may take until it answers.
    """

    name: str
    command: list[str]
    port: int
    health_path: str | None = "/healthz"
    start_seconds: float = 120.0

    def is_healthy(self) -> bool:
        """Whether the service answers."""
        try:
            if self.health_path is None:
                with socket.create_connection(("127.0.0.1", self.port), HEALTH_SECONDS):
                    return True
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HEALTH_SECONDS)
            try:
                connection.request("GET", self.health_path)
                return connection.getresponse().status == 200
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return False

    def start(self, layout: SandboxLayout, lifeline: int) -> subprocess.Popen[bytes]:
        """Start the process; its output goes to its log."""
        log = layout.log(self.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            return subprocess.Popen(
                self.command,
                cwd=PROJECT_ROOT,
                env=service_environment(layout, os.environ) | {LIFELINE_VARIABLE: str(lifeline)},
                pass_fds=[lifeline],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def service_environment(layout: SandboxLayout, variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of the sandbox's processes: its addresses on top of what there is."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{variables.get('PATH', '')}"
    fixed = {"TZ": "UTC", "PYTHONUNBUFFERED": "1", "PATH": programs}
    return {**variables, **layout.environment(), **fixed}


def port_in_use(port: int) -> bool:
    """Whether something listens on this port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def servers(layout: SandboxLayout, symbols: str) -> list[Service]:
    """The stand-ins of the outside systems.

    Args:
        layout: Folder and ports.
        symbols: The simulated market: a number of symbols, or their names.
    """
    extra = {"polygon": ["--symbols", symbols]}
    apache = {"kafka": "kafka.apache"} if layout.kafka == "apache" else {}
    return [
        Service(
            name,
            [
                *(sys.executable, "-m", f"polygon_assets.sandbox.{apache.get(name, name)}"),
                *("--port", str(layout.port(name))),
                *("--data", str(layout.data(apache.get(name, name)))),
                *extra.get(name, []),
            ],
            layout.port(name),
            health_path=None if name == "kafka" else "/healthz",
        )
        for name in SERVERS
    ]


def dagster_ui(layout: SandboxLayout) -> Service:
    """Dagster's UI and daemon."""
    command = [sys.executable, "-m", "polygon_assets.sandbox.dagster_ui"]
    command += ["-w", "workspace.yaml", "-h", "127.0.0.1", "-p"]
    # The UI knows nothing of the sandbox, so its runner ends it together with its children.
    return Service(
        UI,
        [sys.executable, "-m", "polygon_assets.sandbox.run", *command, str(layout.port(UI))],
        layout.port(UI),
        health_path="/server_info",
    )


def superset(layout: SandboxLayout) -> Service:
    """The dashboards; their environment must be installed."""
    return Service(
        BI,
        [
            *(str(PYTHON), "-m", "polygon_assets.sandbox.superset.serve"),
            *("--port", str(layout.port(BI))),
            *("--data", str(layout.data(BI))),
        ],
        layout.port(BI),
        health_path="/health",
        # The first start makes its metadata database: half a minute of computing.
        start_seconds=300.0,
    )
