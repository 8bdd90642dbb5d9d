"""Waiting for another session's transaction, which Snowflake does and DuckDB does not.

A client that was killed leaves its transaction open. Snowflake rolls it back when it blocks another
one and has been idle for five minutes; here a few seconds are enough.
"""

import time
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

import duckdb
from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr, exp

from polygon_assets.sandbox.snowflake.names import Namespace, ObjectName, object_name

ABANDONED_SECONDS = 5.0
"""How long a transaction must be idle before one that it blocks may end it."""

_WAIT_SECONDS = 20.0
_PAUSE_SECONDS = 0.02

_CHANGES = (
    *(exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Copy),
    *(exp.TruncateTable, exp.Create, exp.Drop, exp.Alter),
)

_Result = TypeVar("_Result")


class TransactionSession(Namespace, Protocol):
    """What waiting needs of a session."""

    written: set[ObjectName]
    """The tables that the open transaction has changed."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open that a later statement or rollback decides."""
        ...

    def begin_again(self) -> None:
        """Start the open transaction anew; nothing where none is open."""

    def others(self) -> Iterable["TransactionSession"]:
        """The other sessions of the server."""
        ...

    def roll_back_abandoned(self, idle_seconds: float) -> None:
        """Roll back the open transaction where no statement came for so long."""


def changed_table(statement: Expr, where: Namespace) -> ObjectName | None:
    """The table that a statement changes; None where it changes none."""
    if not isinstance(statement, _CHANGES):
        return None
    is_truncate = isinstance(statement, exp.TruncateTable)
    target = statement.expressions[0] if is_truncate else statement.this
    if isinstance(target, exp.Schema):
        target = target.this
    is_named = isinstance(target, exp.Table) and isinstance(target.this, exp.Identifier)
    return object_name(target, where) if is_named else None


def waiting_for_others(
    session: TransactionSession, table: ObjectName | None, run: Callable[[], _Result]
) -> _Result:
    """Run a statement, again while another session's transaction is in its way.

    Inside a transaction that has changed something the refusal stands: what came before cannot be
    repeated here.

    Args:
        session: The statement's session.
        table: The table that the statement changes.
        run: Runs the statement.

    Raises:
        duckdb.TransactionException: The other transaction did not end in time.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return run()
        except duckdb.TransactionException as error:
            is_conflict = "onflict" in str(error)
            if not is_conflict or session.written or time.monotonic() > deadline:
                raise
            session.begin_again()
            for other in session.others():
                if table in other.written:
                    other.roll_back_abandoned(ABANDONED_SECONDS)
            time.sleep(_PAUSE_SECONDS)


def transaction_ended_by_others() -> ProgrammingError:
    """The answer to a client whose transaction another session ended."""
    return ProgrammingError(
        msg=(
            f"The transaction was rolled back: it had been idle for {ABANDONED_SECONDS:.0f} seconds"
            " and blocked another session. Roll back, and begin it again."
        ),
        errno=2043,
        sqlstate="40000",
    )
