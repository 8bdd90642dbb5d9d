"""The steps of the workflow that deploy, run as they are written there.

Dagster+ is a server that answers the client of the lock, and Docker a program that notes how it was
called. All else is real: the commands, the session that they share, the location that is deployed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster_plus_support import (
    BRANCH,
    REGISTRY,
    Plus,
    dagster_plus,
    github_event,
    run_step,
    steps,
    workflow,
)

from polygon_assets.env import PROJECT_ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dagster_plus")]

DOCKER = """#!/bin/bash
printf '%s\\n' "$*" >> "$HOME/docker.log"
[ "$1" = login ] && cat > "$HOME/docker.password"
exit 0
"""


@pytest.fixture
def plus() -> Iterator[Plus]:
    with dagster_plus() as found:
        yield found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A runner's home, with a Docker in its path."""
    docker = tmp_path / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    return tmp_path


def environment(plus: Plus, home: Path, kind: str, pull_request: int | None) -> dict[str, str]:
    """What the job gives to its steps."""
    return github_event(home, pull_request) | {
        "DAGSTER_CLOUD_URL": plus.address,
        "DAGSTER_CLOUD_API_TOKEN": "ci-token",
        "DAGSTER_CLOUD_ORGANIZATION": "acme",
        "DAGSTER_CLOUD_LOCATION_LOAD_TIMEOUT": workflow()["env"][
            "DAGSTER_CLOUD_LOCATION_LOAD_TIMEOUT"
        ],
        "DAGSTER_BUILD_STATEDIR": str(home / "session"),
        "COMMIT": "0a1b2c3",
        "KIND": kind,
    }


def deploy(plus: Plus, home: Path, kind: str, pull_request: int | None) -> None:
    """Run the three steps."""
    variables = environment(plus, home, kind, pull_request)
    for name in ("Start", "Build and push", "Finish"):
        done = run_step(steps("deploy")[name]["run"], variables, home)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        assert "ci-token" not in done.stdout + done.stderr


def test_a_branch_deployment(plus: Plus, home: Path) -> None:
    deploy(plus, home, "branch", 12)
    assert (home / "output").read_text() == f"deployment={BRANCH}\n"
    [branch] = plus.variables_of("CliCreateOrUpdateBranchDeployment")
    text = json.dumps(branch)
    assert "new-mart" in text
    assert "0a1b2c3" in text
    image = f"{REGISTRY}:{BRANCH}-polygon_assets-0a1b2c3"
    calls = (home / "docker.log").read_text().splitlines()
    dockerfile = "polygon_assets/Dockerfile"
    assert f"build {PROJECT_ROOT} -t {image} -f {dockerfile} --platform linux/amd64" in calls
    assert f"push {image}" in calls
    assert (home / "docker.password").read_text() == "registry-password"
    [document] = plus.variables_of("CliDeployLocations")
    [location] = document["document"]["locations"]
    assert location["location_name"] == "polygon_assets"
    assert location["code_source"] == {"module_name": "polygon_assets.definitions"}
    assert location["image"] == image
    assert location["git"]["url"] == "https://github.com/acme/polygon-assets/tree/0a1b2c3"
    assert {token for *_, token in plus.asked} == {"ci-token"}
    [path] = {path for path, operation, *_ in plus.asked if operation == "CliDeployLocations"}
    assert path == f"/{BRANCH}/graphql"


def test_production_and_a_location_that_cannot_be_loaded(plus: Plus, home: Path) -> None:
    deploy(plus, home, "full", None)
    assert (home / "output").read_text() == "deployment=prod\n"
    assert plus.variables_of("CliCreateOrUpdateBranchDeployment") == []
    [path] = {path for path, operation, *_ in plus.asked if operation == "CliDeployLocations"}
    assert path == "/prod/graphql"
    plus.load_error = "ModuleNotFoundError: No module named 'chdb'"
    done = run_step(steps("deploy")["Finish"]["run"], environment(plus, home, "full", None), home)
    assert done.returncode == 1
    assert "No module named 'chdb'" in done.stdout + done.stderr


def test_a_closed_pull_request_closes_its_deployment(plus: Plus, home: Path) -> None:
    variables = environment(plus, home, "branch", 12) | github_event(home, 12, state="closed")
    del variables["DAGSTER_CLOUD_ORGANIZATION"]
    done = run_step(steps("drop")["Close the branch deployment"]["run"], variables, home)
    assert done.returncode == 0, done.stdout + done.stderr
    [branch] = plus.variables_of("CliCreateOrUpdateBranchDeployment")
    assert "CLOSED" in json.dumps(branch)
