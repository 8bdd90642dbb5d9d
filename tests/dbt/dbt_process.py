"""Runs dbt commands in one process, which imports dbt only once.

Reads a JSON list of arguments per line from stdin; answers each with a line `RESULT <JSON>`: the
status and the seconds of every node by name. Anything else on stdout is dbt's own output.
"""

import json
import sys

from dbt.cli.main import dbtRunner


def run(arguments: list[str]) -> dict[str, tuple[str, float]]:
    """Run one command; status and seconds of every node, or of the command if it ran none."""
    outcome = dbtRunner().invoke(arguments)
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
