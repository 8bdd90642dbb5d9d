"""Run a command with the variables that Dagster+ gives to branch deployments.

    python .ci/deploy/with_variables.py --deployment 0f3a5c --pull-request 12 -- polygon doctor

So the credentials are kept in one place, and GitHub has a single secret. The command is told that
it is the branch deployment, so that it uses the branch's names; the token is kept from it. Reads
``DAGSTER_CLOUD_URL`` and ``DAGSTER_CLOUD_API_TOKEN``.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dagster_cloud_cli import gql
from dagster_dg_cli.utils.plus.gql import SECRETS_QUERY
from variables import missing_in_branches, variables

LOCATION = "polygon_assets"
TOKEN = "DAGSTER_CLOUD_API_TOKEN"  # noqa: S105 - a name

GUIDE = ".github/DAGSTER_PLUS.md"


class VariablesError(RuntimeError):
    """Dagster+ does not give the variables; says why and what to do."""


def fetch(url: str, token: str, deployment: str) -> dict[str, str]:
    """The variables of all branch deployments that this code location gets.

    Raises:
        VariablesError: The token may not see them, or one that a branch needs is missing.
    """
    address = f"{url.rstrip('/')}/{deployment}"
    scopes = {"allBranchDeploymentsScope": True}
    try:
        with gql.graphql_client_from_url(address, token, deployment_name=deployment) as client:
            answer = client.execute(SECRETS_QUERY, {"onlyViewable": True, "scopes": scopes})
    except Exception as error:
        raise VariablesError(f"Dagster+ did not answer: {error}") from error
    return chosen(answer["data"]["secretsOrError"])


def chosen(answer: Mapping[str, Any]) -> dict[str, str]:
    """The variables in an answer.

    Raises:
        VariablesError: It is a refusal, or one that a branch needs is missing.
    """
    if answer["__typename"] != "Secrets":
        raise VariablesError(
            f"Dagster+ does not show variables to this token: {answer.get('message')} It needs the "
            f"role Editor for branch deployments, see {GUIDE}."
        )
    found = {
        one["secretName"]: one["secretValue"]
        for one in answer["secrets"]
        if not one["locationNames"] or LOCATION in one["locationNames"]
    }
    if missing := missing_in_branches(found):
        raise VariablesError(
            f"Dagster+ has no value that this token may see of {', '.join(missing)} for branch "
            f"deployments: see {GUIDE}."
        )
    return found


def environment(
    found: Mapping[str, str], own: Mapping[str, str], deployment: str, pull_request: int
) -> dict[str, str]:
    """The environment of the command; what says where it runs cannot be set in Dagster+."""
    inherited = {name: value for name, value in own.items() if name != TOKEN}
    reserved = ("DAGSTER_CLOUD_", "GITHUB_", "RUNNER_", "POLYGON_DEPLOYMENT", "PATH", "HOME")
    given = {name: value for name, value in found.items() if not name.startswith(reserved)}
    return {
        **inherited,
        **given,
        "DAGSTER_CLOUD_DEPLOYMENT_NAME": deployment,
        "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1",
        "DAGSTER_CLOUD_PULL_REQUEST_ID": str(pull_request),
    }


def masks(found: Mapping[str, str]) -> Iterator[str]:
    """GitHub's commands that keep secrets out of its log; a variable of nobody's may be one."""
    plain = {one.name for one in variables() if not one.is_secret}
    for value in secret_lines(value for name, value in found.items() if name not in plain):
        yield f"::add-mask::{value.replace('%', '%25')}"


def secret_lines(values: Iterable[str]) -> list[str]:
    """The lines of secrets: GitHub masks line by line."""
    return sorted({line.strip() for value in values for line in value.splitlines() if line.strip()})


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Run a command as a branch deployment.")
    parser.add_argument("--deployment", required=True)
    parser.add_argument("--pull-request", type=int, required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    try:
        found = fetch(os.environ["DAGSTER_CLOUD_URL"], os.environ[TOKEN], options.deployment)
    except VariablesError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if os.environ.get("GITHUB_ACTIONS"):
        sys.stdout.writelines(f"{mask}\n" for mask in masks(found))
        sys.stdout.flush()
    told = environment(found, os.environ, options.deployment, options.pull_request)
    return subprocess.run(options.command, env=told, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
