"""Is this SQL really Snowflake's, and not merely what DuckDB tolerates behind the sandbox?

The parser accepts nearly everything, so it proves little by itself. What is checked: every function
as written is one that Snowflake documents, and no construct of DuckDB's own is used. Not checked:
types, exactness of decimals, and the length of text. Only a real account knows those.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType
from support.snowflake_functions import SNOWFLAKE_FUNCTIONS

_GRAMMAR = """
    ALL AND ANY ARRAY AS BETWEEN BINARY BY CASE CHARACTER DECIMAL DISTINCT DOUBLE ELSE EXCEPT
    EXCLUDE EXISTS FLOAT FROM GROUP HAVING IN INT INTEGER INTERSECT INTO IS JOIN KEY LATERAL LIMIT
    MAP MINUS NOT NUMBER NUMERIC OBJECT ON OR OVER PARTITION PIVOT PRIMARY QUALIFY RENAME SAMPLE
    SELECT SET STRING TABLE TEXT THEN TIMESTAMP TIMESTAMP_LTZ TIMESTAMP_NTZ TIMESTAMP_TZ UNION
    UNIQUE UNPIVOT USING VALUES VARCHAR WHEN WHERE WITHIN
"""
_DUCKDB_TYPES = """
    HUGEINT UHUGEINT UBIGINT UINTEGER USMALLINT UTINYINT INT128 BLOB BITSTRING UUID LIST STRUCT
    ENUM TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS
"""
_BEFORE_PARENTHESIS = frozenset(_GRAMMAR.split())
_FOREIGN_TYPES = frozenset(_DUCKDB_TYPES.split())
_NO_NAMES = (TokenType.STRING, TokenType.IDENTIFIER, TokenType.NUMBER)
_FOREIGN_PAIRS = ("USING SAMPLE", "POSITIONAL JOIN", "SEMI JOIN", "ANTI JOIN")

_STATEMENTS = (
    *(exp.Query, exp.DML, exp.Create, exp.Alter, exp.Drop, exp.TruncateTable),
    *(exp.Transaction, exp.Commit, exp.Rollback),
)

_FOREIGN: list[tuple[type[exp.Expr], Callable[[exp.Expr], bool], str]] = [
    (exp.Distinct, lambda node: node.args.get("on") is not None, "DISTINCT ON"),
    (exp.Filter, lambda _: True, "FILTER (WHERE ...) of an aggregate"),
    (exp.Columns, lambda _: True, "COLUMNS()"),
    (exp.Comprehension, lambda _: True, "list comprehension"),
]


def findings(sql: str) -> list[str]:
    """What in a statement is not Snowflake's; empty where nothing was found.

    Args:
        sql: One or more statements, as dbt compiled them.
    """
    try:
        tokens = sqlglot.tokenize(sql, read="snowflake")
        statements = [each for each in sqlglot.parse(sql, read="snowflake") if each is not None]
    except SqlglotError as error:
        return [f"does not parse: {str(error).splitlines()[0]}"]
    names = {
        named.alias_or_name.upper() if isinstance(named, exp.CTE) else named.name.upper()
        for each in statements
        for named in each.find_all(exp.CTE, exp.Table)
        if not isinstance(named.this, exp.Func)
    }
    found = list(_foreign_functions(tokens, names)) + list(_foreign_tokens(tokens))
    for statement in statements:
        found += _foreign_constructs(statement)
    return sorted(set(found))


def functions_of(sql: str) -> set[str]:
    """Every function of Snowflake's that a statement calls, in upper case."""
    tokens = sqlglot.tokenize(sql, read="snowflake")
    return {
        token.text.upper()
        for token, after in pairwise(tokens)
        if after.token_type == TokenType.L_PAREN and token.token_type not in _NO_NAMES
    } & (SNOWFLAKE_FUNCTIONS - _BEFORE_PARENTHESIS)


def _foreign_functions(tokens: list[Token], table_names: set[str]) -> Iterator[str]:
    for token, after in pairwise(tokens):
        name = token.text.upper()
        if after.token_type != TokenType.L_PAREN or not name.replace("_", "").isalnum():
            continue
        if token.token_type in _NO_NAMES:
            continue
        if name not in SNOWFLAKE_FUNCTIONS | _BEFORE_PARENTHESIS | table_names:
            yield f"function {name}"


def _foreign_tokens(tokens: list[Token]) -> Iterator[str]:
    if tokens and tokens[0].token_type == TokenType.FROM:
        yield "FROM before SELECT"
    for token, after in pairwise(tokens):
        pair = f"{token.text} {after.text}".upper()
        if pair in _FOREIGN_PAIRS:
            yield pair
        if token.text in ("==", ":="):
            yield f"operator {token.text}"
        if token.token_type == TokenType.INTERVAL and after.token_type != TokenType.STRING:
            yield "INTERVAL without quotes"
        if after.text.upper() in _FOREIGN_TYPES and pair.startswith((":: ", "AS ")):
            yield f"type {after.text.upper()}"


def _foreign_constructs(statement: exp.Expr) -> Iterator[str]:
    if not isinstance(statement, _STATEMENTS):
        yield f"statement {statement.sql('snowflake')[:40]}"
    for kind, is_foreign, name in _FOREIGN:
        for node in statement.find_all(kind):
            if is_foreign(node):
                yield name
    for table in statement.find_all(exp.Table):
        if isinstance(table.this, exp.Literal):
            yield f"file '{table.this.name}' as a table"
    for limit in statement.find_all(exp.Limit, exp.Fetch):
        if limit.find(exp.Mod) or (limit.args.get("limit_options") is not None):
            yield "LIMIT with a percentage"
