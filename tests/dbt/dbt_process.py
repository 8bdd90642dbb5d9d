"""Runs dbt commands in one process, which imports dbt only once.

It has the project as the first such process has read it, from a file: that is most of a start.
Reads a JSON list of arguments per line from stdin; answers each with a line `RESULT <JSON>`: the
status and the seconds of every node by name. Anything else on stdout is dbt's own output.
"""

import fcntl
import hashlib
import json
import pickle
import sys
from functools import cache
from pathlib import Path

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

PROJECT = Path.cwd()
KEPT = PROJECT.parent / ".pytest_cache" / "dbt_project.pickle"


@cache
def project() -> Manifest:
    """The project as dbt reads it: no configuration depends on the variables of a command."""
    of_files = digest()
    KEPT.parent.mkdir(exist_ok=True)
    with KEPT.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        content = file.read()
        if content.endswith(of_files):
            return pickle.loads(content)
        outcome = dbtRunner().invoke(["parse"])
        if outcome.exception is not None:
            raise outcome.exception
        file.truncate(0)
        file.write(pickle.dumps(outcome.result) + of_files)
        return outcome.result


def digest() -> bytes:
    """What the parsed project depends on: the files, where they are, and the version of dbt."""
    files = [path for path in PROJECT.rglob("*") if path.suffix in (".sql", ".yml", ".csv")]
    made = ("target", "logs", "dbt_packages")
    own = [path for path in files if path.relative_to(PROJECT).parts[0] not in made]
    found = hashlib.sha256()
    for path in [PROJECT.parent / "uv.lock", *sorted(own)]:
        found.update(str(path).encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.digest()


def run(arguments: list[str]) -> dict[str, tuple[str, float]]:
    """Run one command; status and seconds of every node, or of the command if it ran none."""
    # A copy, as a command writes into it what it compiles.
    outcome = dbtRunner(manifest=project().deepcopy()).invoke(arguments)
    if outcome.exception is not None:
        return {"command": (f"{type(outcome.exception).__name__}: {outcome.exception}", 0.0)}
    return {
        node.node.name: (str(node.status), node.execution_time)
        for node in outcome.result.results
        # Exposures have nothing to build, and no status of their own.
        if node.node.resource_type != "exposure"
    }


if __name__ == "__main__":
    for line in sys.stdin:
        answer = json.dumps(run(json.loads(line)))
        sys.stdout.write(f"RESULT {answer}\n")
        sys.stdout.flush()
