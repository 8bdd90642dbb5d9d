"""The linters before a commit are those of CI, at the versions of the lock, and each can fail."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from delivery.workflow_files import ROOT

CONFIG = ".pre-commit-config.yaml"
HOOKS = {
    hook["id"]: hook
    for repo in yaml.safe_load((ROOT / CONFIG).read_text())["repos"]
    for hook in repo["hooks"]
}

WORKFLOW = """
name: test
on: push
permissions: {}
concurrency: {group: test, cancel-in-progress: false}
jobs:
  one:
    name: One
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions: {}
    steps:
      - run: echo good
"""

GOOD = {
    "polygon_assets/module.py": '"""A module."""\n\nONE: int = 1\nTWO: int = 2\nSIX: int = 6\n',
    "dbt_polygon/models/model.sql": "select close from bars\n",
    ".ci/script": '#!/usr/bin/env bash\necho "$1"\n',
    ".github/workflows/test.yml": WORKFLOW,
    "streaming/Dockerfile": "FROM debian:bookworm-20261101-slim\nUSER 10001\n",
    "streaming/ecs/stack.yaml": (
        "Resources:\n  Log:\n    Type: AWS::Logs::LogGroup\n    UpdateReplacePolicy: Delete\n"
        "    DeletionPolicy: Delete\n    Properties: {RetentionInDays: 30}\n"
    ),
}

BAD = {
    "ruff-format": ("polygon_assets/module.py", "TWO: int = 2", "TWO: int=2", "1 file reformatted"),
    "ruff-check": ("polygon_assets/module.py", "ONE: int = 1", "import os", "F401"),
    "pyright": ("polygon_assets/module.py", "SIX: int = 6", 'SIX: int = "six"', "reportAssignment"),
    "sqlfluff": ("dbt_polygon/models/model.sql", "select", "SELECT", "CP01"),
    "shellcheck": (".ci/script", '"$1"', "$1", "SC2086"),
    "actionlint": (
        ".github/workflows/test.yml",
        "ubuntu-24.04",
        "no-such-machine",
        'label "no-such-machine" is unknown',
    ),
    "zizmor": (
        ".github/workflows/test.yml",
        "run: echo good",
        "run: echo ${{ github.event.issue.title }}",
        "template-injection",
    ),
    "hadolint": ("streaming/Dockerfile", "bookworm-20261101-slim", "latest", "DL3007"),
    "cfn-lint": (
        "streaming/ecs/stack.yaml",
        "RetentionInDays: 30",
        "RetentionInDays: 31",
        "31 is not one of",
    ),
}
"""Hook -> a file, what is good in it, what that hook refuses, and what it says then."""


def test_every_hook_is_of_the_lock() -> None:
    config = yaml.safe_load((ROOT / CONFIG).read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    others = {name for name, hook in HOOKS.items() if not hook["entry"].startswith("uv run ")}
    assert others == {"actionlint"}
    assert re.match(r"npx --yes @[\w/-]+@\d+\.\d+\.\d+ ", HOOKS["actionlint"]["entry"])
    assert all(hook["language"] == "system" for hook in HOOKS.values())


def test_ci_runs_every_hook() -> None:
    """Those of a push include those of a commit."""
    assert "pre-commit run --all-files --hook-stage pre-push" in (ROOT / ".ci/lint").read_text()
    config = yaml.safe_load((ROOT / CONFIG).read_text())
    assert config["default_stages"] == ["pre-commit", "pre-push"]
    assert all("pre-push" in hook.get("stages", ["pre-push"]) for hook in HOOKS.values())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a good file for every hook."""
    root = tmp_path / "repository"
    for name, text in GOOD.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / ".ci/script").chmod(0o755)
    for name in (CONFIG, "pyproject.toml", ".sqlfluff"):
        shutil.copy(ROOT / name, root)
    (root / "dbt_polygon/macros").mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    return root


def hooks(repository: Path) -> subprocess.CompletedProcess[str]:
    """Run the hooks with the programs of this project; the tools' folders are the test's own."""
    of_this_project = {"UV_PROJECT": str(ROOT), "UV_NO_SYNC": "1"}
    return subprocess.run(
        ["uv", "run", "pre-commit", "run", "--all-files", "--hook-stage", "pre-push"],
        cwd=repository,
        env=os.environ | of_this_project | {"PRE_COMMIT_HOME": str(repository.parent / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_good_passes_every_hook(repository: Path) -> None:
    done = hooks(repository)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == len(BAD), done.stdout


def test_each_hook_can_fail(repository: Path) -> None:
    """All at once, and each for what is bad in its own eyes."""
    for name, good, bad, _ in BAD.values():
        path = repository / name
        path.write_text(path.read_text().replace(good, bad))
    done = hooks(repository)
    assert done.returncode == 1, done.stdout + done.stderr
    _, *failed = re.split(r"^- hook id: ", done.stdout, flags=re.MULTILINE)
    said = {text.partition("\n")[0]: text for text in failed}
    assert said.keys() == BAD.keys(), done.stdout
    for hook, (*_, words) in BAD.items():
        assert words in said[hook], said[hook]


def test_no_hook_is_without_its_case() -> None:
    assert BAD.keys() == HOOKS.keys()
