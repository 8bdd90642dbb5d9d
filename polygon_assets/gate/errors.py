"""What a user of the gate may get wrong."""

import subprocess

MOST_LINES = 3
"""Of a program's output: dbt gives the kind of error, the reason and the file."""

BEFORE_DBTS_REASON = "Encountered an error:"


class GateUsageError(ValueError):
    """The gate cannot judge what was asked; the message says why and what to do."""


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """Why a program failed: dbt says it first, and then what to do at length; Python last."""
    printed = done.stderr.strip() or done.stdout.strip() or "no output"
    _, is_of_dbt, said = printed.rpartition(BEFORE_DBTS_REASON)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return "; ".join(lines[:MOST_LINES] if is_of_dbt else lines[-MOST_LINES:])
