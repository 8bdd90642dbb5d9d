"""Runs dbt commands in one process, which imports dbt only once.

Reads a JSON list of arguments per line from stdin; answers each with a line `RESULT <JSON>`: the
status of every node by name. Anything else on stdout is dbt's own output.
"""

import json
import sys

from dbt.cli.main import dbtRunner


def run(arguments: list[str]) -> dict[str, str]:
    """Run one command; the status of every node, or of the command if it did not get to run any."""
    outcome = dbtRunner().invoke(arguments)
    if outcome.exception is not None:
        return {"command": f"{type(outcome.exception).__name__}: {outcome.exception}"}
    return {node.node.name: str(node.status) for node in outcome.result.results}


if __name__ == "__main__":
    for line in sys.stdin:
        answer = json.dumps(run(json.loads(line)))
        sys.stdout.write(f"RESULT {answer}\n")
        sys.stdout.flush()
