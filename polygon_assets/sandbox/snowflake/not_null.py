"""NOT NULL in CREATE TABLE ... (columns) AS SELECT, the statement of every dbt contract.

fakesnow keeps the columns' types and drops their constraints. The query is wrapped so that a null
ends it before a table is replaced, and the constraint is added to the table that it made.
"""

from collections.abc import Sequence

from sqlglot import Expr, exp

from polygon_assets.sandbox.snowflake.names import quoted, stored

NULL_RESULT = "NULL result in a non-nullable column: "


def not_null_columns(statement: Expr) -> list[str]:
    """The columns that a CREATE TABLE ... AS SELECT declares NOT NULL; empty for any other."""
    if not isinstance(statement, exp.Create) or statement.kind != "TABLE":
        return []
    if not isinstance(statement.this, exp.Schema) or statement.expression is None:
        return []
    return [
        stored(column.this) or ""
        for column in statement.this.expressions
        if isinstance(column, exp.ColumnDef) and _is_not_null(column)
    ]


def refuse_nulls(create: Expr, columns: Sequence[str]) -> None:
    """Wrap the query of a transformed CREATE TABLE ... AS SELECT, in place.

    Args:
        create: The statement, whose query names each of its columns.
        columns: Columns that must not be null.
    """
    query = create.expression.unnest()
    names = [projection.alias_or_name for projection in query.expressions]
    checked = [_checked(name) if name in columns else _column(name) for name in names]
    create.set("expression", exp.select(*checked).from_(query.copy().subquery("_rows")))


def constraint_statements(create: Expr, columns: Sequence[str]) -> list[str]:
    """The DuckDB statements that add the constraints to the table once it is made."""
    table = create.find(exp.Table)
    assert table is not None
    name = quoted(*(part.name for part in table.parts))
    return [f"ALTER TABLE {name} ALTER COLUMN {quoted(column)} SET NOT NULL" for column in columns]


def _is_not_null(column: exp.ColumnDef) -> bool:
    return any(
        isinstance(constraint.args.get("kind"), exp.NotNullColumnConstraint)
        and not constraint.args["kind"].args.get("allow_null")
        for constraint in column.args.get("constraints") or []
    )


def _column(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True))


def _checked(name: str) -> Expr:
    is_null = exp.Is(this=_column(name), expression=exp.Null())
    failure = exp.Anonymous(this="error", expressions=[exp.Literal.string(NULL_RESULT + name)])
    checked = exp.case().when(is_null, failure).else_(_column(name))
    return exp.alias_(checked, name, quoted=True)
