"""The base of a comparison: another commit, checked out beside this one for a moment."""

import os
import re
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.gate import facts
from polygon_assets.gate.errors import GateUsageError, last_words
from polygon_assets.gate.facts import Facts

DBT = Path(sys.executable).with_name("dbt")


@dataclass(frozen=True)
class Base:
    """A commit that this checkout is compared with.

    Attributes:
        ref: As the user named it.
        commit: Its full hash.
        root: The project in its checkout.
    """

    ref: str
    commit: str
    root: Path

    @property
    def dbt_project(self) -> Path:
        """Its dbt project."""
        return self.root / "dbt_polygon"

    @property
    def dbt_state(self) -> Path:
        """The folder with its manifest, once :meth:`parse_dbt` has made it."""
        return self.dbt_project / "target"

    def parse_dbt(self, target: str) -> None:
        """Let dbt make its manifest, with the target of this deployment: names must not differ.

        Raises:
            GateUsageError: dbt cannot read the project of that commit.
        """
        command = [str(DBT), "parse", "--quiet", "--target", target]
        command += ["--project-dir", str(self.dbt_project), "--profiles-dir", str(self.dbt_project)]
        command += ["--target-path", str(self.dbt_state), "--log-path", str(self.dbt_state)]
        self._run(command, "dbt cannot read the project")

    def facts(self) -> Facts:
        """The facts of its definitions, loaded by this interpreter.

        Raises:
            GateUsageError: The definitions of that commit cannot be loaded.
        """
        # As text, so that Python looks for modules in the other checkout and nowhere else first.
        program = Path(facts.__file__).read_text()
        paths = os.pathsep.join(map(str, (self.root, self.root / "streaming")))
        output = self._run(
            [sys.executable, "-W", "ignore", "-c", program],
            "the definitions cannot be loaded",
            {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        return Facts.from_json(output.splitlines()[-1])

    def _run(
        self, command: Sequence[str], problem: str, variables: Mapping[str, str] | None = None
    ) -> str:
        done = subprocess.run(
            command,
            cwd=self.root,
            env=os.environ | (variables or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise GateUsageError(
                f"--changed-since {self.ref}: {problem} of {self.commit[:10]}: {last_words(done)}"
            )
        return done.stdout


@contextmanager
def base_checkout(
    ref: str, folder: Path, project: Path = PROJECT_ROOT
) -> Generator[Base, None, None]:
    """Check out a commit into a worktree of git, which is removed at the end of the block.

    Args:
        ref: Branch, tag or commit.
        folder: An empty folder for it.
        project: The project in the checkout of now; it may be a folder of a larger repository.

    Raises:
        GateUsageError: There is no git repository, or no such commit in it.
    """
    commit = commit_of(ref, project)
    below = _git(project, "rev-parse", "--show-prefix").strip()
    tree = folder / "base"
    # A hook of the repository has nothing to do with a comparison.
    no_hooks = ("-c", f"core.hooksPath={os.devnull}")
    _git(project, *no_hooks, "worktree", "add", "--quiet", "--detach", str(tree), commit)
    try:
        yield Base(ref, commit, tree / below)
    finally:
        _git(project, "worktree", "remove", "--force", str(tree))


def commit_of(ref: str, project: Path = PROJECT_ROOT) -> str:
    """The full hash of a commit.

    Raises:
        GateUsageError: There is no git repository, or no such commit in it.
    """
    _git(project, "rev-parse", "--git-dir")
    try:
        found = _git(
            *(project, "rev-parse", "--verify", "--quiet", "--end-of-options"), f"{ref}^{{commit}}"
        )
    except GateUsageError:
        found = ""
    if not re.fullmatch(r"[0-9a-f]{40,64}", found.strip()):
        raise GateUsageError(
            f"--changed-since {ref}: git knows no such commit here; in a shallow clone fetch it "
            "first (git fetch origin, or fetch-depth: 0)."
        )
    return found.strip()


def _git(project: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(project), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise GateUsageError("--changed-since needs git, which is not installed.") from None
    if done.returncode:
        reason = (done.stderr.strip() or "it failed without a word").splitlines()[-1]
        raise GateUsageError(f"--changed-since needs the git repository of the project: {reason}")
    return done.stdout
