"""The variables of Dagster+: the table in the guide, and how the gate gets them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dagster_plus_support import (
    BRANCH,
    DEPLOY,
    command,
    dagster_plus,
    github_event,
    run_step,
    script,
    steps,
)

from polygon_assets.env import PROJECT_ROOT

variables = script("variables")
with_variables = script("with_variables")

GUIDE = PROJECT_ROOT / ".github" / "DAGSTER_PLUS.md"
BRANCH_VARIABLES = {
    "DAGSTER_CLOUD_DEPLOYMENT_NAME": BRANCH,
    "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1",
    "DAGSTER_CLOUD_PULL_REQUEST_ID": "12",
}
PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


def must_be_set(scope: str) -> dict[str, str]:
    """What the table says must be set, with its examples; a word of ours where it has none."""
    return {
        one.name: one.example or f"a-{one.name.lower()}"
        for one in variables.variables()
        if getattr(one, scope) == variables.MUST
    }


def secrets(values: dict[str, str], locations: list[str] | None = None) -> dict[str, Any]:
    """Dagster+'s answer with these variables."""
    return {
        "__typename": "Secrets",
        "secrets": [
            {"secretName": name, "secretValue": value, "locationNames": locations or []}
            for name, value in values.items()
        ],
    }


def test_the_guide_has_the_table_of_the_settings() -> None:
    """Otherwise: ``uv run python .ci/deploy/variables.py --write``."""
    text = GUIDE.read_text()
    assert variables.with_table(text) == text
    assert "| `SNOWFLAKE_PRIVATE_KEY` | yes | optional | optional |  |" in text
    assert "| `AIRBYTE_CLIENT_SECRET` | yes | set |  |  |" in text


def test_no_example_is_a_secret() -> None:
    found = {one.name: one for one in variables.variables()}
    for name in ("POLYGON_API_KEY", "KAFKA_API_SECRET", "ALERT_SLACK_WEBHOOK_URL"):
        assert found[name].is_secret
    assert [name for name, one in found.items() if one.is_secret and one.example] == []


REACH = """
import json
from polygon_assets.preflight import endpoints
from polygon_assets.resources.superset import superset
print(json.dumps([one.host for one in endpoints()] + [superset().url]))
"""


@pytest.mark.usefixtures("builds")
@pytest.mark.parametrize("scope", ["prod", "branches"])
def test_what_must_be_set_is_all_that_leads_away_from_the_sandbox(
    scope: str, tmp_path: Path
) -> None:
    where = BRANCH_VARIABLES if scope == "branches" else {"DAGSTER_CLOUD_DEPLOYMENT_NAME": "prod"}
    done = command(
        [sys.executable, "-W", "ignore", "-c", REACH], must_be_set(scope) | where, tmp_path
    )
    assert done.returncode == 0, done.stderr
    hosts = json.loads(done.stdout.splitlines()[-1])
    local = [host for host in hosts if "127.0.0.1" in host]
    # Airbyte is off in a branch, and nothing asks it for anything.
    assert local == (["127.0.0.1"] if scope == "branches" else [])
    assert len(hosts) >= 8


def test_a_private_key_does_instead_of_a_password() -> None:
    given = must_be_set("branches")
    assert variables.missing_in_branches(given) == []
    del given["SNOWFLAKE_PASSWORD"]
    assert variables.missing_in_branches(given) == ["SNOWFLAKE_PASSWORD"]
    assert variables.missing_in_branches(given | {"SNOWFLAKE_PRIVATE_KEY": "-----BEGIN"}) == []


def run(answer: dict[str, Any], home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a command that prints its environment."""
    with dagster_plus() as plus:
        plus.secrets = answer
        told = {"DAGSTER_CLOUD_URL": plus.address, "DAGSTER_CLOUD_API_TOKEN": "ci-token"}
        arguments = ["--deployment", BRANCH, "--pull-request", "12", "--"]
        done = command(
            [
                *(sys.executable, str(DEPLOY / "with_variables.py"), *arguments),
                *(sys.executable, "-c", PRINT),
            ],
            told | more,
            home,
        )
        [asked] = plus.variables_of("AllSecretsQuery")
        assert asked == {"onlyViewable": True, "scopes": {"allBranchDeploymentsScope": True}}
    return done


def test_the_command_gets_the_variables_and_is_the_branch(tmp_path: Path) -> None:
    answer = secrets(must_be_set("branches") | {"PATH": "/evil", "POLYGON_DEPLOYMENT": "prod"})
    answer["secrets"] += secrets({"OTHER": "x"}, ["another_location"])["secrets"]
    done = run(answer, tmp_path, GITHUB_ACTIONS="true")
    assert done.returncode == 0, done.stderr
    *masks, last = done.stdout.splitlines()
    found = json.loads(last)
    assert found["SNOWFLAKE_ACCOUNT"] == "myorg-myaccount"
    assert BRANCH_VARIABLES.items() <= found.items()
    assert "/evil" not in found["PATH"]
    assert {"OTHER", "POLYGON_DEPLOYMENT", "DAGSTER_CLOUD_API_TOKEN"}.isdisjoint(found)
    assert "::add-mask::a-snowflake_password" in masks
    assert not [mask for mask in masks if "myorg-myaccount" in mask]


def test_secrets_of_several_lines_are_masked_line_by_line() -> None:
    found = {"SNOWFLAKE_PRIVATE_KEY": "BEGIN\n  ab%c  \n\nEND", "AWS_REGION": "us-east-1"}
    assert list(with_variables.masks(found)) == [
        "::add-mask::BEGIN",
        "::add-mask::END",
        "::add-mask::ab%25c",
    ]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    given = must_be_set("branches")
    del given["CLICKHOUSE_URL"]
    done = run(secrets(given), tmp_path)
    assert done.returncode == 2
    assert (
        "no value that this token may see of CLICKHOUSE_URL for branch deployments" in done.stderr
    )
    assert done.stdout == ""


def test_a_refusal_is_told() -> None:
    with pytest.raises(
        with_variables.VariablesError, match=r"to this token: no\. It needs the role"
    ):
        with_variables.chosen({"__typename": "UnauthorizedError", "message": "no."})


POLYGON = """#!/bin/bash
printf '%s\\n' "$@" > "$HOME/arguments"
env > "$HOME/environment"
exit 1
"""


@pytest.mark.parametrize("fails", [True, False])
def test_the_step_of_the_gate(tmp_path: Path, fails: bool) -> None:
    """As it is written, with a gate that notes how it was called; its exit code decides."""
    program = tmp_path / "polygon"
    program.write_text(POLYGON if fails else POLYGON.replace("exit 1", "exit 0"))
    program.chmod(0o755)
    text = steps("gate")["Gate"]["run"].replace(" polygon gate ", f" {program} gate ")
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    with dagster_plus() as plus:
        plus.secrets = secrets(must_be_set("branches"))
        told = github_event(tmp_path, 12) | {
            "DAGSTER_CLOUD_URL": plus.address,
            "DAGSTER_CLOUD_API_TOKEN": "ci-token",
            "DEPLOYMENT": BRANCH,
            "NUMBER": "12",
            "BASE": "HEAD",
        }
        done = run_step(text, told, tmp_path)
    assert done.returncode == int(fails), done.stderr
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert arguments[:5] == ["gate", "--sessions", "latest", "--changed-since", head]
    found = (tmp_path / "environment").read_text()
    assert "DAGSTER_CLOUD_PULL_REQUEST_ID=12" in found
    assert "ci-token" not in found
