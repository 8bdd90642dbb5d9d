"""Workflows and composite actions as data, and the rules that hold for each of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"

Rule = str
"""What is wrong, and where."""

_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
_VERSION = re.compile(r"uses: *\S+@[0-9a-f]{40} # v\d+(\.\d+)*$")
_DIGEST = re.compile(r"\S+@sha256:[0-9a-f]{64}")
_EXPRESSION = re.compile(r"\$\{\{")


@dataclass(frozen=True)
class File:
    """A workflow or a composite action."""

    name: str
    text: str

    @property
    def data(self) -> dict[str, Any]:
        # BaseLoader: `on` stays a word, and true a text.
        return yaml.load(self.text, yaml.BaseLoader)

    @property
    def jobs(self) -> dict[str, dict[str, Any]]:
        """The jobs of a workflow; none of an action."""
        return self.data.get("jobs", {})

    def steps(self) -> Iterator[dict[str, Any]]:
        """Every step of every job, or of the action."""
        for holder in [*self.jobs.values(), self.data.get("runs", {})]:
            yield from holder.get("steps", [])

    def commands(self) -> Iterator[str]:
        """Each command that a shell runs, on one line."""
        for step in self.steps():
            lines = step.get("run", "").replace("\\\n", " ").splitlines()
            yield from (" ".join(line.split()) for line in lines if line.strip())


def files() -> list[File]:
    """Every one of this repository."""
    paths = [*GITHUB.glob("workflows/*.yml"), *GITHUB.glob("actions/*/action.yml")]
    return [File(str(path.relative_to(GITHUB)), path.read_text()) for path in sorted(paths)]


def broken_rules(file: File) -> list[Rule]:
    """What this file does that none may do; empty where it is good."""
    found = [*_of_steps(file)]
    if "jobs" in file.data:
        found += _of_workflow(file)
    return found


def _of_workflow(file: File) -> Iterator[Rule]:
    if file.data.get("permissions") != {}:
        yield "the workflow's own permissions are not {}"
    if "group" not in file.data.get("concurrency", {}):
        yield "no concurrency group"
    for name, job in file.jobs.items():
        if not isinstance(job.get("permissions"), dict):
            yield f"{name}: no permissions of its own"
        if "timeout-minutes" not in job:
            yield f"{name}: no timeout-minutes"
        for service in job.get("services", {}).values():
            if not _DIGEST.fullmatch(service["image"]):
                yield f"{name}: image {service['image']} without a digest"


def _of_steps(file: File) -> Iterator[Rule]:
    for step in file.steps():
        uses = step.get("uses", "")
        if uses and not uses.startswith("./") and not _PINNED.fullmatch(uses):
            yield f"{uses} is not pinned by commit"
        if uses.startswith("./") and not (ROOT / uses / "action.yml").exists():
            yield f"{uses} does not exist"
        if (
            uses.startswith("actions/checkout@")
            and step.get("with", {}).get("persist-credentials") != "false"
        ):
            yield "checkout leaves its token in the work tree"
        if _EXPRESSION.search(step.get("run", "")):
            yield f"an expression within a shell's line: {step['run'].strip()}"
    for line in file.text.splitlines():
        pinned = re.search(r"uses: *[^.\s]\S*@[0-9a-f]{40}", line)
        if pinned and not _VERSION.search(line):
            yield f"no version beside {line.strip()}"
