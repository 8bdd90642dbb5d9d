"""Every workflow keeps the rules, and no step of one can rot unseen."""

import subprocess
from collections.abc import Callable

import pytest
import yaml
from delivery.workflow_files import GITHUB, ROOT, File, broken_rules, files

SCRIPTS = ROOT / ".ci"

BY_TEST = {
    '.ci/tests "$PART"': "tests/delivery/test_scripts.py: the parts are the whole suite",
    ".ci/image": "tests/delivery/test_image.py: the same, and .ci/lint its linter",
    ".ci/site": "tests/site: the same script",
    ".ci/services": "tests/delivery/test_scripts.py: on servers started for the test",
    'uv run polygon roll "$IMAGE"': "tests/delivery/test_permissions.py: on moto's ECS",
    "uv sync --locked --no-dev": ".ci/dagster-image: into a folder, without the sandbox's engines",
    ".ci/with-settings connector publish": "tests/delivery/test_scripts.py: the same script; "
    "tests/sandbox/airbyte/test_airbyte_publish.py: the same command",
    'uv run python tests/faults/stream_faults.py --faults 300 --kafka "$KAFKA"': (
        "tests/faults/test_stream_faults.py: with fewer faults"
    ),
    "uv run python tests/delivery/smoke.py --image polygon-stream:smoke": (
        "tests/delivery/test_scripts.py: without an image"
    ),
}
"""Command -> the test that runs it."""

_PLUS = "tests/delivery/test_dagster_plus_"
_AS_WRITTEN = f"{_PLUS}deploy.py: as written, with a stand-in of Dagster+"
BY_TEST_PART = {
    "dg plus deploy ": _AS_WRITTEN,
    "dagster-cloud ci ": _AS_WRITTEN,
    'repository="$GITHUB_SERVER_URL/': _AS_WRITTEN,
    "name='import json, sys": _AS_WRITTEN,
    'python -c "$name"': _AS_WRITTEN,
    ".ci/deploy/run_job.py ": f"{_PLUS}run_job.py: on Dagster's own web server",
    ".ci/deploy/with_variables.py ": f"{_PLUS}variables.py; {_PLUS}workflow.py: the gate's options",
    ".ci/deploy/comment.py ": f"{_PLUS}comment.py",
}
"""Part of a command -> the test that runs it, with values of its own."""

NOT_HERE = {
    ".ci/upgrade": "resolves and installs packages anew: it would change with the day",
    ".ci/audit": "asks a service for known vulnerabilities",
    'base=$(git merge-base "$BASE" HEAD)': "needs a pull request",
    'gh run download "$GITHUB_RUN_ID" --name gate || echo "no summary"': "GitHub's artifacts",
}
"""Command -> why nothing runs it but its workflow."""

ACTIONS_NOT_HERE = {
    "actions/checkout": "the work tree is there",
    "actions/cache": "GitHub's cache",
    "actions/upload-artifact": "GitHub's artifacts",
    "astral-sh/setup-uv": ".ci/setup installs uv",
    "aws-actions/configure-aws-credentials": "AWS, by GitHub's OIDC",
    "aws-actions/amazon-ecr-login": "AWS",
    "docker/setup-buildx-action": "needs a Docker engine",
    "docker/build-push-action": "needs a Docker engine; .ci/image does its steps in a folder",
}
"""Actions of others -> why no script stands for them."""


def run_steps() -> set[str]:
    """The scripts that ``.ci/run`` calls, as a workflow names them."""
    lines = (SCRIPTS / "run").read_text().splitlines()
    (steps,) = [line for line in lines if line.startswith("for steps in ")]
    names = steps.removeprefix("for steps in ").removesuffix("; do").replace('"', "").split()
    return {f".ci/{name}" for name in names}


def where_it_runs(command: str) -> str | None:
    """What keeps a command of a workflow from rotting; None where nothing does."""
    if command in run_steps():
        return ".ci/run"
    if command in NOT_HERE:
        return f"not here: {NOT_HERE[command]}"
    parts = (test for part, test in BY_TEST_PART.items() if part in command)
    return BY_TEST.get(command) or next(parts, None)


@pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
def test_every_rule_holds(file: File) -> None:
    assert broken_rules(file) == []


def test_every_step_runs_here_or_says_why_not(record_property: Callable[[str, str], None]) -> None:
    table = [(file.name, line, where_it_runs(line)) for file in files() for line in file.commands()]
    assert [row for row in table if row[2] is None] == []
    width = max(len(line) for _, line, _ in table)
    rows = [f"{name:<26} {line:<{width}} {where}" for name, line, where in table]
    record_property("what runs the steps of the workflows", "\n".join(rows))

    used = {line for _, line, _ in table}
    assert (BY_TEST.keys() | NOT_HERE.keys()) - used == set()
    assert [part for part in BY_TEST_PART if not any(part in line for line in used)] == []


def test_every_action_of_others_has_its_reason() -> None:
    used = {
        step["uses"].partition("@")[0]
        for file in files()
        for step in file.steps()
        if not step.get("uses", "./").startswith("./")
    }
    assert used - ACTIONS_NOT_HERE.keys() == set()


def test_an_unknown_step_is_seen() -> None:
    assert where_it_runs("curl https://example.com | sh") is None
    assert where_it_runs(".ci/lint") == ".ci/run"


def test_every_script_of_run_exists_and_a_missing_one_would_be_seen() -> None:
    assert all((ROOT / step).exists() for step in run_steps())
    assert where_it_runs(".ci/nothing") is None


GOOD = """
name: good
on: push
permissions: {}
concurrency: {group: good}
jobs:
  one:
    timeout-minutes: 5
    permissions: {}
    services:
      kafka: {image: apache/kafka@sha256:DIGEST}
    steps:
      - uses: actions/checkout@COMMIT # v7.0.1
        with: {persist-credentials: false}
      - run: .ci/lint
""".replace("DIGEST", "0" * 64).replace("COMMIT", "a" * 40)


@pytest.mark.parametrize(
    ("good", "bad", "rule"),
    [
        ("permissions: {}\nconc", "permissions: read-all\nconc", "own permissions are not {}"),
        ("permissions: {}\nconc", "conc", "own permissions are not {}"),
        ("concurrency: {group: good}\n", "", "no concurrency group"),
        ("    timeout-minutes: 5\n", "", "one: no timeout-minutes"),
        ("    permissions: {}\n", "", "one: no permissions of its own"),
        ("    permissions: {}\n", "    permissions: write-all\n", "one: no permissions of its own"),
        ("a" * 40, "v7", "actions/checkout@v7 is not pinned by commit"),
        (" # v7.0.1", "", "no version beside"),
        (" # v7.0.1", " # main", "no version beside"),
        ("\n        with: {persist-credentials: false}", "", "checkout leaves its token"),
        ("@sha256:" + "0" * 64, ":4.1.0", "image apache/kafka:4.1.0 without a digest"),
        (".ci/lint", "echo ${{ github.event.pull_request.title }}", "an expression within"),
        ("run: .ci/lint", "uses: ./.github/actions/none", "./.github/actions/none does not exist"),
    ],
)
def test_each_rule_can_fail(good: str, bad: str, rule: str) -> None:
    assert broken_rules(File("good", GOOD)) == []
    assert good in GOOD
    (found,) = broken_rules(File("bad", GOOD.replace(good, bad)))
    assert rule in found


def test_every_lock_and_image_is_kept_up_to_date() -> None:
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text())["updates"]
    watched = {one["package-ecosystem"]: one["directories"] for one in updates}
    tracked = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()

    def folders(name: str) -> set[str]:
        return {f"/{one.rpartition('/')[0]}" for one in tracked if one.split("/")[-1] == name}

    assert folders("uv.lock") == set(watched["uv"])
    assert folders("Dockerfile") <= set(watched["docker"])
    assert all(one["cooldown"]["default-days"] >= 7 and one["groups"] for one in updates)
