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
    "polygon_assets/module.py": '"""A module."""\n\nONE: int = 1\n',
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
    "ruff-format": ("polygon_assets/module.py", "ONE: int = 1", "ONE: int=1"),
    "ruff-check": ("polygon_assets/module.py", "ONE: int = 1", "import os"),
    "pyright": ("polygon_assets/module.py", "ONE: int = 1", 'ONE: int = "one"'),
    "sqlfluff": ("dbt_polygon/models/model.sql", "select", "SELECT"),
    "shellcheck": (".ci/script", '"$1"', "$1"),
    "actionlint": (".github/workflows/test.yml", "ubuntu-24.04", "no-such-machine"),
    "zizmor": (
        ".github/workflows/test.yml",
        "run: echo good",
        "run: echo ${{ github.event.issue.title }}",
    ),
    "hadolint": ("streaming/Dockerfile", "bookworm-20261101-slim", "latest"),
    "cfn-lint": ("streaming/ecs/stack.yaml", "RetentionInDays: 30", "RetentionInDays: 31"),
}
"""Hook -> a file, what is good in it, and what that hook refuses."""


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


def hooks(repository: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run hooks with the programs of this project; the tools' folders are the test's own."""
    of_this_project = {"UV_PROJECT": str(ROOT), "UV_NO_SYNC": "1"}
    return subprocess.run(
        ["uv", "run", "pre-commit", "run", "--all-files", "--hook-stage", "pre-push", *names],
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


@pytest.mark.parametrize("hook", BAD)
def test_each_hook_can_fail(repository: Path, hook: str) -> None:
    name, good, bad = BAD[hook]
    path = repository / name
    path.write_text(path.read_text().replace(good, bad))
    assert bad in path.read_text()
    done = hooks(repository, hook)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Failed" in done.stdout


def test_no_hook_is_without_its_case() -> None:
    assert BAD.keys() == HOOKS.keys()
