"""Functions of Snowflake that fakesnow does not translate for DuckDB."""

from collections.abc import Mapping

from sqlglot import Expr, exp

from polygon_assets.sandbox.snowflake.dates import formatted, typed_like_its_date

DIVISION_BY_ZERO = "Division by zero"

_SIGNED_64_BIT_OFFSET = "9223372036854775808"


def translate_functions(statement: Expr, context: Mapping[str, str]) -> Expr:
    """Replace session functions, hashes, divisions, date functions and positional columns.

    Args:
        statement: A parsed statement; it is changed in place where possible.
        context: Values of the session's functions, such as ``CURRENT_ROLE``.

    Returns:
        The statement, which is another object only where it was itself replaced.
    """
    # The inner ones first: what replaces a node holds copies of its parts.
    for node in reversed(list(statement.dfs())):
        translated = _translated(node, context)
        if translated is node:
            continue
        if node is statement:
            statement = translated
        else:
            node.replace(translated)
    return statement


def _translated(node: Expr, context: Mapping[str, str]) -> Expr:
    if isinstance(node, exp.DateAdd | exp.TimestampTrunc | exp.DateTrunc):
        return typed_like_its_date(node)
    if isinstance(node, exp.ToChar):
        return formatted(node)
    if isinstance(node, exp.Div):
        return _checked_division(node)
    if isinstance(node, exp.MD5NumberLower64):
        return exp.func("md5_number_lower", node.this)
    if isinstance(node, exp.HashAgg):
        return _hash_agg([node.this, *node.expressions])
    if isinstance(node, exp.Anonymous) and node.name.upper() == "HASH":
        return _signed_hash(node.expressions)
    if isinstance(node, exp.Parameter) and node.name.isdigit():
        return _positional_column(node)
    if isinstance(node, exp.Func):
        name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).upper()
        if name in context:
            return _named(exp.Literal.string(context[name]), node, f"{name}()")
    return node


def _checked_division(division: exp.Div) -> Expr:
    """An error for a division by zero, for which DuckDB returns infinity."""
    divisor = division.expression
    bare = divisor.unnest()
    cannot_be_zero = isinstance(bare, exp.Nullif) or (
        isinstance(bare, exp.Literal) and not bare.is_string and float(bare.name) != 0
    )
    if cannot_be_zero:
        return division
    is_zero = exp.EQ(this=divisor.copy(), expression=exp.Literal.number(0))
    failure = exp.Anonymous(this="error", expressions=[exp.Literal.string(DIVISION_BY_ZERO)])
    division.set("expression", exp.case().when(is_zero, failure).else_(divisor.copy()))
    return division


def _hash_arguments(arguments: list[Expr]) -> list[Expr]:
    # DuckDB spreads the columns of the row where Snowflake takes a bare star.
    return [exp.Var(this="*COLUMNS(*)") if isinstance(one, exp.Star) else one for one in arguments]


def _duckdb_hash(arguments: list[Expr]) -> Expr:
    hashed = exp.Anonymous(this="hash", expressions=_hash_arguments(arguments))
    offset = exp.Literal.number(_SIGNED_64_BIT_OFFSET)
    return exp.Sub(this=exp.cast(hashed, "INT128"), expression=offset)


def _signed_hash(arguments: list[Expr]) -> Expr:
    return exp.cast(exp.Paren(this=_duckdb_hash(arguments)), "BIGINT")


def _hash_agg(arguments: list[Expr]) -> Expr:
    total = exp.Sum(this=_duckdb_hash(arguments))
    return exp.Coalesce(this=total, expressions=[exp.Literal.number(0)])


def _positional_column(parameter: exp.Parameter) -> Expr:
    """``$2`` of a query over a table; in a COPY it means the file's column and stays."""
    if parameter.find_ancestor(exp.Copy) is not None:
        return parameter
    return exp.Var(this=f"#{parameter.name}")


def _named(value: Expr, replaced: Expr, name: str) -> Expr:
    """The value, under the name that Snowflake gives the column of a bare call."""
    if isinstance(replaced.parent, exp.Select) and replaced.arg_key == "expressions":
        return exp.alias_(value, name, quoted=True)
    return value
