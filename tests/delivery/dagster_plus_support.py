"""Dagster+ for tests: the GraphQL that its command-line client asks, and the programs beside it."""

import base64
import importlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from polygon_assets.env import PROJECT_ROOT

WORKFLOW = PROJECT_ROOT / ".github" / "workflows" / "deploy.yml"
DEPLOY = PROJECT_ROOT / ".ci" / "deploy"
BIN = Path(sys.executable).parent

BRANCH = "0f3a5c"
REGISTRY = "123456789012.dkr.ecr.us-west-2.amazonaws.com/serverless-1"


def workflow() -> dict[str, Any]:
    """The workflow as YAML."""
    return yaml.safe_load(WORKFLOW.read_text())


def script(name: str) -> ModuleType:
    """A script of the deploy as a module."""
    sys.path.insert(0, str(DEPLOY))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DEPLOY))


def steps(job: str) -> dict[str, dict[str, Any]]:
    """The steps of a job that run something, by their name."""
    return {
        one.get("name", one["run"]): one for one in workflow()["jobs"][job]["steps"] if "run" in one
    }


@dataclass
class Plus:
    """What was asked, and what is answered.

    Attributes:
        asked: Path, operation, variables and token of every request.
        secrets: The answer to the question for variables.
        load_error: Why the code location cannot be loaded; empty where it can.
    """

    address: str = ""
    asked: list[tuple[str, str, dict[str, Any], str]] = field(default_factory=list[Any])
    secrets: dict[str, Any] = field(default_factory=dict[str, Any])
    load_error: str = ""

    def variables_of(self, operation: str) -> list[dict[str, Any]]:
        """The variables of each request of an operation."""
        return [variables for _, name, variables, _ in self.asked if name == operation]

    def answer(self, operation: str) -> dict[str, Any]:
        """The data of an answer."""
        located: dict[str, Any] = {"__typename": "RepositoryLocation", "name": "polygon_assets"}
        if self.load_error:
            located = {"__typename": "PythonError", "message": self.load_error, "stack": []}
            located["errorChain"] = []
        token = base64.b64encode(b"AWS:registry-password").decode()
        known: dict[str, dict[str, Any]] = {
            "CliOrganizationSettings": {"organizationSettings": {"settings": {}}},
            "CliCreateOrUpdateBranchDeployment": {
                "createOrUpdateBranchDeployment": {
                    "__typename": "DagsterCloudDeployment",
                    "deploymentName": BRANCH,
                    "deploymentId": 7,
                }
            },
            "CliGetEcrInfo": {
                "serverless": {
                    "awsRegion": "us-west-2",
                    "awsAuthToken": token,
                    "registryAllowCustomBase": True,
                    "registryIsHarbor": False,
                    "registryUrl": REGISTRY,
                }
            },
            "MarkCliEventMutation": {"markCliEvent": "ok"},
            "CliDeployLocations": {
                "deployLocations": {
                    "__typename": "DeployLocationsSuccess",
                    "locations": [{"locationName": "polygon_assets"}],
                }
            },
            "DeploymentInfoQuery": {"currentDeployment": {"agentType": "SERVERLESS"}},
            "CliAgentStatus": {"agents": [{"status": "RUNNING", "errors": []}]},
            "CliLocationsQuery": {
                "workspaceOrError": {
                    "__typename": "Workspace",
                    "locationEntries": [
                        {
                            "__typename": "WorkspaceLocationEntry",
                            "name": "polygon_assets",
                            "loadStatus": "LOADED",
                            "locationOrLoadError": located,
                        }
                    ],
                }
            },
            "AllSecretsQuery": {"secretsOrError": self.secrets},
        }
        return known[operation]


@contextmanager
def dagster_plus() -> Generator[Plus, None, None]:
    """A server that answers as Dagster+ does, until the block ends."""
    plus = Plus()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = re.search(r"(?:query|mutation)\s+(\w+)", request["query"])
            operation = found[1] if found else ""
            token = self.headers.get("Dagster-Cloud-Api-Token", "")
            plus.asked.append((self.path, operation, request.get("variables") or {}, token))
            try:
                content = {"data": plus.answer(operation)}
            except KeyError:
                content = {"errors": [{"message": f"the test knows no {operation}"}]}
            text = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with serving(Handler) as address:
        plus.address = address
        yield plus


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Generator[str, None, None]:
    """Serve on a free port of this machine; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def github_event(folder: Path, pull_request: int | None, *, state: str = "open") -> dict[str, str]:
    """GitHub's variables of a workflow's run."""
    event: dict[str, Any] = {"repository": {"full_name": "acme/polygon-assets"}}
    if pull_request:
        event |= {
            "action": "closed" if state == "closed" else "synchronize",
            "pull_request": {
                "number": pull_request,
                "state": state,
                "html_url": f"https://github.com/acme/polygon-assets/pull/{pull_request}",
                "head": {"sha": "0a1b2c3", "ref": "new-mart"},
            },
        }
    path = folder / "event.json"
    path.write_text(json.dumps(event))
    return {
        "GITHUB_ACTION": "__run",
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "acme/polygon-assets",
        "GITHUB_RUN_ID": "42",
        "GITHUB_SHA": "0a1b2c3",
        "GITHUB_OUTPUT": str(folder / "output"),
        "RUNNER_TEMP": str(folder),
    }


def plain_environment(home: Path) -> dict[str, str]:
    """The environment of a program that knows nothing of this test's."""
    kept = {name: value for name, value in os.environ.items() if name in ("LANG", "UV_CACHE_DIR")}
    path = f"{home}:{BIN}:{os.environ['PATH']}"
    return {**kept, "HOME": str(home), "PATH": path, "DAGSTER_DISABLE_TELEMETRY": "1"}


def run_step(
    text: str, variables: Mapping[str, str], home: Path
) -> subprocess.CompletedProcess[str]:
    """Run the text of a step as GitHub does, in the checkout."""
    return command(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text], variables, home
    )


def command(
    arguments: Sequence[str], variables: Mapping[str, str], home: Path
) -> subprocess.CompletedProcess[str]:
    """Run a program in the checkout."""
    return subprocess.run(
        arguments,
        cwd=PROJECT_ROOT,
        env=plain_environment(home) | dict(variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
