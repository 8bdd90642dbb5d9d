"""What ``SHOW GRANTS`` answers: every role owns everything, but for PUBLIC, which has nothing."""

from typing import Protocol

import sqlglot
from duckdb import DuckDBPyConnection
from sqlglot import Expr

from polygon_assets.sandbox.snowflake import databases

_COLUMNS = ("created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name")
_NOBODY = "PUBLIC"


class _Session(Protocol):
    context: dict[str, str]

    @property
    def duck(self) -> DuckDBPyConnection: ...


def none() -> Expr:
    """An answer without a row."""
    return _answer([])


def to_role(role: str, session: _Session) -> Expr:
    """The answer to ``SHOW GRANTS TO ROLE``."""
    if role.upper() == _NOBODY:
        return none()
    owned = [("OWNERSHIP", "DATABASE", name) for name in databases.database_names(session.duck)]
    owned += [
        ("OWNERSHIP", "SCHEMA", f"{schema.database}.{schema.schema}")
        for _, _, database in list(owned)
        for schema in databases.schemas_of(session.duck, database)
    ]
    account = ("CREATE DATABASE", "ACCOUNT", session.context["CURRENT_ACCOUNT"])
    warehouse = ("USAGE", "WAREHOUSE", session.context["CURRENT_WAREHOUSE"])
    return _answer([account, warehouse, *owned], role.upper())


def _answer(grants: list[tuple[str, str, str]], role: str = "") -> Expr:
    rows = [f"({', '.join(map(_text, (*grant, 'ROLE', role)))})" for grant in grants]
    values = ", ".join(rows or ["('', '', '', '', '')"])
    names = ", ".join(f'"{column}"' for column in _COLUMNS[1:])
    return sqlglot.parse_one(
        f'SELECT now() AS "{_COLUMNS[0]}", * FROM (VALUES {values}) AS granted ({names}) '
        f"WHERE {'1 = 1' if rows else '1 = 0'}",
        read="duckdb",
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
