"""Read a Dockerfile, and take its steps in a plain folder.

``/src``, ``/wheels``, ``/app`` and the like become folders of that folder, and a virtual
environment stands for the base image's Python. The steps themselves are the Dockerfile's own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

NO_NETWORK = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
BASE = "base"

# Python's part of a read-only root: whoever opens a file for writing is told what the kernel would.
GUARD = """
import errno, os, sys
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir")
def refuse(event, arguments):
    path = arguments[0] if event == "open" or event in CHANGES else None
    if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        path = None
    if path is not None and not str(path).startswith("/dev/"):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
sys.addaudithook(refuse)
"""


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        name: In capitals.
        text: What follows, without flags, on one line.
        flags: ``--from=build`` is ``{"from": "build"}``.
    """

    name: str
    text: str
    flags: dict[str, str]

    def pairs(self) -> dict[str, str]:
        """Of ENV and LABEL."""
        found = re.findall(r'([\w./-]+)=("[^"]*"|\S+)', self.text)
        return {name: value.strip('"') for name, value in found}

    def command(self) -> list[str]:
        """Of CMD, ENTRYPOINT and HEALTHCHECK in exec form.

        Raises:
            ValueError: It is in shell form.
        """
        text = self.text.removeprefix("CMD ").strip()
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise ValueError(f"{self.name} {self.text} is not in exec form") from None


@dataclass
class Stage:
    """The instructions from one FROM to the next."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list[Instruction])

    def all(self, name: str) -> list[Instruction]:
        """Its instructions of one kind."""
        return [one for one in self.instructions if one.name == name]

    def last(self, name: str) -> Instruction:
        """The one that counts."""
        return self.all(name)[-1]


def read(text: str) -> list[Stage]:
    """The stages of a Dockerfile."""
    lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[:1] != "#"]
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _, rest = line.partition(" ")
        flags = dict(re.findall(r"--([a-z-]+)=(\S+)", rest)) if name != "RUN" else {}
        while found := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
            flags[found[1]] = found[2]
            rest = rest[found.end() :]
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            stages.append(Stage(base.strip(), alias.strip()))
        else:
            stages[-1].instructions.append(Instruction(name, rest.strip(), flags))
    return stages


@dataclass
class Image:
    """What the steps of a Dockerfile lead to in a plain folder.

    Attributes:
        folder: Stands for the root of the file system.
        environment: The variables of the last stage.
        command: What starts without arguments.
        probe: The health check.
        offline: The steps that were taken without the network.
    """

    folder: Path
    environment: dict[str, str]
    command: list[str]
    probe: list[str]
    offline: list[str]

    def start(self, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        """Start a command with the image's variables, where nothing can be written."""
        return subprocess.Popen(
            command,
            executable=shutil.which(command[0], path=self.environment["PATH"]),
            cwd=self.folder / "app",
            env=self.environment | {"PYTHONPATH": str(self.folder / "guard")} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, command: list[str], **environment: str) -> tuple[int, str]:
        """Run a command to its end: the exit code and all output."""
        process = self.start(command, **environment)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output.decode()


def build(dockerfile: Path, context: Path, folder: Path) -> Image:
    """Take the steps of a Dockerfile."""
    stages = read(dockerfile.read_text())
    subprocess.run([sys.executable, "-m", "venv", folder / BASE], check=True)
    (folder / "guard").mkdir()
    (folder / "guard" / "sitecustomize.py").write_text(GUARD)
    offline: list[str] = []
    for stage in stages:  # one that stands on another finds its files: all are in one folder here
        environment = _environment(folder)
        folder_now = folder
        for step in stage.instructions:
            if step.name == "ENV":
                environment |= _resolved(step.pairs(), environment, stages, folder)
            elif step.name == "WORKDIR":
                folder_now = Path(_inside(step.text, stages, folder))
                folder_now.mkdir(exist_ok=True)
            elif step.name == "COPY":
                _copy(step, context, folder_now, stages, folder)
            elif step.name == "RUN":
                alone = step.flags.get("network") == "none"
                offline += [step.text] * alone
                _run(_inside(step.text, stages, folder), folder_now, environment, alone=alone)
    final = stages[-1]
    base = {"PATH": f"{folder / BASE / 'bin'}:/usr/bin:/bin", "HOME": "/"}
    variables: dict[str, str] = {}
    for step in final.all("ENV"):
        variables |= step.pairs()
    return Image(
        folder,
        base | _resolved(variables, base, stages, folder),
        final.last("CMD").command(),
        final.last("HEALTHCHECK").command(),
        offline,
    )


def _environment(folder: Path) -> dict[str, str]:
    """This process's, with the base image's Python before all others and none of uv's settings."""
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return kept | {"PATH": f"{folder / BASE / 'bin'}:{os.environ['PATH']}"}


def _run(command: str, folder: Path, environment: dict[str, str], *, alone: bool) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=environment | (NO_NETWORK if alone else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"RUN {command}\nended with {done.returncode}:\n{done.stderr[-3000:]}")


def _copy(
    step: Instruction, context: Path, folder_now: Path, stages: list[Stage], folder: Path
) -> None:
    *sources, target = step.text.split()
    end = Path(_inside(target, stages, folder)) if target[:1] == "/" else folder_now / target
    for source in sources:
        start = Path(_inside(source, stages, folder)) if "from" in step.flags else context / source
        if start == end:
            continue
        if start.is_dir():
            shutil.copytree(start, end, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            end_file = end / start.name if target.endswith("/") else end
            end_file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(start, end_file)


def _resolved(
    variables: dict[str, str], known: dict[str, str], stages: list[Stage], folder: Path
) -> dict[str, str]:
    return {
        name: Template(_inside(value, stages, folder)).safe_substitute(known)
        for name, value in variables.items()
    }


def _inside(text: str, stages: list[Stage], folder: Path) -> str:
    """The text with the image's folders in ``folder``."""
    steps: list[Any] = [one for stage in stages for one in stage.instructions]
    known = " ".join(one.text for one in steps if one.name in ("WORKDIR", "COPY", "RUN"))
    made = set(re.findall(r"(?<![\w./-])/([a-z]+)\b", known)) - {"bin", "usr", "dev", "tmp", "root"}
    return re.sub(rf"(?<![\w./-])/({'|'.join(sorted(made))})(?=[/:\s]|$)", rf"{folder}/\1", text)
