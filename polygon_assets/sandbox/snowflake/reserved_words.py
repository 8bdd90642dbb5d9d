"""Names that are free in Snowflake and reserved in DuckDB, such as ``at`` or ``desc``."""

from functools import cache

import duckdb
from sqlglot import Expr, exp


def quote_reserved_words(statement: Expr) -> Expr:
    """Quote identifiers that DuckDB would read as keywords, in place.

    Names are in upper case by then and DuckDB ignores case, so quotes change nothing else.
    """
    reserved = _reserved_words()
    for identifier in statement.find_all(exp.Identifier):
        if identifier.name.lower() in reserved:
            identifier.set("quoted", True)
    return statement


@cache
def _reserved_words() -> frozenset[str]:
    with duckdb.connect(":memory:") as duck:
        found = duck.execute(
            "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
        ).fetchall()
    return frozenset(str(word) for (word,) in found)
