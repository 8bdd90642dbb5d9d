"""SYSTEM$CANCEL_ALL_QUERIES: one session stops what another runs, as SQL editors do."""

from collections.abc import Sequence
from typing import Protocol

from duckdb import DuckDBPyConnection
from sqlglot import Expr, exp

_FUNCTION = "SYSTEM$CANCEL_ALL_QUERIES"


class RunningSession(Protocol):
    """What cancelling needs of a session."""

    session_id: int

    @property
    def duck(self) -> DuckDBPyConnection: ...

    @property
    def is_busy(self) -> bool:
        """Whether a statement is running."""
        ...


def cancelled(statement: Expr, others: Sequence[RunningSession]) -> Expr | None:
    """Stop the statements of the session that a call of the function names.

    Args:
        statement: A parsed statement.
        others: The sessions apart from the one that asks.

    Returns:
        The query whose row tells how many were stopped; None for any other statement.
    """
    call = statement.expressions[0] if len(statement.expressions) == 1 else None
    if not isinstance(call, exp.Anonymous) or call.name.upper() != _FUNCTION:
        return None
    wanted = call.expressions[0].name if call.expressions else ""
    running = [one for one in others if str(one.session_id) == wanted and one.is_busy]
    for session in running:
        session.duck.interrupt()
    told = exp.Literal.string(f"{len(running)} cancelled.")
    return exp.select(exp.alias_(told, f"{_FUNCTION}({wanted})", quoted=True))
