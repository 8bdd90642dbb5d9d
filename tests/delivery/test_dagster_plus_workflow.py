"""The workflow as it is written: what it may, whose code it runs, and commands that exist."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import click
import dagster as dg
import pytest
import typer
import typer.main
from dagster_cloud_cli.entrypoint import app as dagster_cloud
from dagster_dg_cli.cli import cli as dg_cli
from dagster_plus_support import WORKFLOW, steps, workflow

from polygon_assets.cli.main import app as polygon
from polygon_assets.env import PROJECT_ROOT
from polygon_assets.gate.selection import selected_keys

JOBS = workflow()["jobs"]

CLIENTS: dict[str, Any] = {
    "dg": dg_cli,
    "dagster-cloud": typer.main.get_command(dagster_cloud),
    "polygon": typer.main.get_command(polygon),
}
SHELL = {"$KIND": "branch", "$COMMIT": "0a1b2c3", "$base": "0a1b2c3"}


def lines() -> Iterator[tuple[str, list[str]]]:
    """Job and words of every command of our clients, as the shell would pass them on."""
    for job in JOBS:
        for step in steps(job).values():
            for line in step["run"].replace("\\\n", " ").splitlines():
                words = [SHELL.get(word, word) for word in shlex.split(line)]
                for client in CLIENTS:
                    if client in words:
                        command = words[words.index(client) :]
                        yield job, command[: command.index(">") if ">" in command else None]


def parsed(words: list[str]) -> Any:
    """Let the client parse a command line, and run nothing; gives its context.

    Raises:
        WrongCommandError: It knows no such command, option or value.
    """
    command, rest = CLIENTS[words[0]], words[1:]
    # Typer has a copy of click, whose classes are not click's.
    usage_error = (click.UsageError, typer.BadParameter.__mro__[1])
    context = command.make_context(words[0], [], resilient_parsing=True)
    while hasattr(command, "get_command"):
        name, *rest = rest
        command = command.get_command(context, name)
        if command is None:
            raise WrongCommandError(f"{words[0]} has no {name}")
        if hasattr(command, "get_command"):
            context = command.make_context(name, [], parent=context, resilient_parsing=True)
    try:
        return command.make_context(words[0], rest, parent=context)
    except usage_error as error:
        raise WrongCommandError(str(error)) from error


class WrongCommandError(Exception):
    """A client does not know what the workflow asks of it."""


def test_the_clients_of_the_lock_know_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_BUILD_STATEDIR", "/tmp/dagster-build")
    found = list(lines())
    told = {" ".join([*words[:4]]) for _, words in found}
    assert len(found) == 6, told
    for _, words in found:
        parsed(words)


def test_the_clients_know_every_command_of_the_guide() -> None:
    text = (PROJECT_ROOT / ".github" / "DAGSTER_PLUS.md").read_text()
    found = re.findall(r"uv run ((?:dg|polygon) [^`\n]+)", text)
    assert len(found) >= 6
    for line in found:
        parsed(line.split())


@pytest.mark.parametrize(
    "line",
    [
        "dg plus deploy begin",
        "dg plus deploy start --deployment-type pull-request",
        "dg plus deploy finish --wait",
        "dagster-cloud ci build --dockerfile polygon_assets/Dockerfile --statedir x",
        "polygon gate --sessions latest --changed-from main",
    ],
)
def test_the_proof_would_find_a_wrong_command(line: str) -> None:
    with pytest.raises(WrongCommandError):
        parsed(line.split())


@pytest.mark.usefixtures("builds")
def test_the_gate_runs_what_a_branch_can_fill() -> None:
    from polygon_assets.definitions import defs

    [words] = [words for job, words in lines() if words[0] == "polygon"]
    options = parsed(words).params
    assert (options["sessions"], options["defer_to"]) == ("latest", "POLYGON")
    graph = defs.resolve_asset_graph()
    left_out = graph.get_all_asset_keys() - selected_keys(graph, options["select"])
    assert {key.path[0] for key in left_out} == {"raw", "kafka"}
    assert len(left_out) == 28
    assert dg.AssetKey(["marts", "market", "fct_daily_bars"]) not in left_out


def test_no_permission_that_is_not_needed() -> None:
    assert workflow()["permissions"] == {}
    assert {job: made["permissions"] for job, made in JOBS.items()} == {
        "deploy": {"contents": "read"},
        "gate": {"contents": "read"},
        "comment": {"actions": "read", "contents": "read", "pull-requests": "write"},
        "drop": {"contents": "read"},
    }


def test_no_secret_for_the_code_of_a_fork() -> None:
    ours = "github.event.pull_request.head.repo.full_name == github.repository"
    for job, made in JOBS.items():
        condition = " ".join(made["if"].split())
        follows = made.get("needs", "")
        assert ours in condition or "deploy" in follows, job
    # What can write to the pull request knows no secret of ours.
    assert "secrets." not in str(JOBS["comment"])


def test_actions_are_pinned_and_keep_no_credentials() -> None:
    found = re.findall(r"uses: (\S+)@(\S+) # v[0-9.]+$", WORKFLOW.read_text(), re.MULTILINE)
    assert len(found) == WORKFLOW.read_text().count("uses:") > 0
    assert all(re.fullmatch("[0-9a-f]{40}", commit) for _, commit in found)
    for made in JOBS.values():
        for step in made["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_no_expression_is_part_of_a_command() -> None:
    """A branch's name is written by anybody who opens a pull request."""
    assert [step for job in JOBS for step in steps(job).values() if "${{" in step["run"]] == []


def test_every_job_ends_and_one_pull_request_has_one_deploy_at_a_time() -> None:
    assert all(made["timeout-minutes"] <= 90 for made in JOBS.values())
    concurrency: dict[str, Any] = workflow()["concurrency"]
    assert "github.event.pull_request.number" in concurrency["group"]
    # A close waits: what was being cloned could otherwise appear after the drop.
    assert "github.event.action != 'closed'" in concurrency["cancel-in-progress"]


def test_the_drop_runs_reviewed_code_in_production() -> None:
    [checkout] = [one for one in JOBS["drop"]["steps"] if "checkout" in one.get("uses", "")]
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
    assert "--deployment prod " in steps("drop")["Drop the clone"]["run"]


def test_uv_is_the_same_everywhere() -> None:
    requirements = (PROJECT_ROOT / "streaming" / "build-requirements.txt").read_text()
    image = re.findall(r"^uv==(\S+)", requirements, re.MULTILINE)
    used = re.findall(r"setup-uv@.*?version: (\S+)", WORKFLOW.read_text(), re.DOTALL)
    assert len({*image, *used}) == 1
