"""Runs dbt commands in one process, which imports dbt and reads the project only once.

Reads a JSON list of arguments per line from stdin; answers each with a line `RESULT <JSON>`: the
status and the seconds of every node by name. Anything else on stdout is dbt's own output.
"""

import json
import sys
from functools import cache

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest


@cache
def project() -> Manifest:
    """The project as dbt reads it: no configuration depends on the variables of a command."""
    outcome = dbtRunner().invoke(["parse"])
    if outcome.exception is not None:
        raise outcome.exception
    return outcome.result


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
