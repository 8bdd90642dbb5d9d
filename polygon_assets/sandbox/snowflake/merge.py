"""MERGE by DuckDB's own statement.

It is atomic and refuses a second source row for the same target row, as Snowflake does. What
differs is small: DuckDB takes no table name before a column that is set, and reports what it did
row by row where Snowflake reports counts.
"""

from collections.abc import Sequence

from sqlglot import exp

_ACTIONS = {"INSERT": "inserted", "UPDATE": "updated", "DELETE": "deleted"}


def for_duckdb(merge: exp.Merge) -> list[str]:
    """Rewrite a MERGE for DuckDB, in place, so that it returns one ``merge_action`` per row.

    Returns:
        The actions that the statement may take (INSERT, UPDATE, DELETE).
    """
    possible: set[str] = set()
    for when in merge.args["whens"].expressions:
        then = when.args["then"]
        possible.add(_action(then))
        if isinstance(then, exp.Update):
            _unqualify_assignments(then)
    returned = exp.Returning(expressions=[exp.column("merge_action")])
    merge.set("returning", returned)
    return [action for action in _ACTIONS if action in possible]


def counts_sql(possible: Sequence[str], done: Sequence[str]) -> str:
    """The query whose single row is Snowflake's answer to a MERGE.

    Args:
        possible: The actions the statement may take; each is a column of the answer.
        done: The action taken for each row.
    """
    columns = (
        f'{done.count(action)} AS "number of rows {_ACTIONS[action]}"' for action in possible
    )
    return f"SELECT {', '.join(columns)}"


def _action(then: exp.Expr) -> str:
    if isinstance(then, exp.Update):
        return "UPDATE"
    return "INSERT" if isinstance(then, exp.Insert) else "DELETE"


def _unqualify_assignments(update: exp.Update) -> None:
    for assignment in update.expressions:
        if isinstance(assignment.this, exp.Column):
            assignment.set("this", exp.Column(this=assignment.this.this))
