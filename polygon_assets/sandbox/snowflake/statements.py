"""Statements that this server answers itself, before fakesnow sees them.

Three kinds: what DuckDB has no word for (CLONE, SWAP, DROP DATABASE), what means nothing on one
machine and is accepted without effect (grants, roles, warehouses, session parameters), and what
clients ask of every account (SHOW DATABASES, SHOW GRANTS, SHOW PARAMETERS LIKE 'query_tag').
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import sqlglot
from duckdb import DuckDBPyConnection
from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr, exp

from polygon_assets.sandbox.snowflake import clones, databases, grants
from polygon_assets.sandbox.snowflake.cancelling import RunningSession, cancelled
from polygon_assets.sandbox.snowflake.errors import COMPILATION
from polygon_assets.sandbox.snowflake.names import (
    Namespace,
    object_name,
    quoted,
    schema_name,
    stored,
)

_ACCOUNT_OBJECTS = (
    r"(role|user|warehouse|resource\s+monitor|network\s+policy|storage\s+integration"
    r"|masking\s+policy|row\s+access\s+policy|session\s+policy|task|alert|tag)\b"
)
_ACCOUNT_COMMAND = re.compile(
    rf"(create|alter|drop)\s+(or\s+replace\s+)?{_ACCOUNT_OBJECTS}", re.IGNORECASE
)
_WITHOUT_EFFECT = re.compile(
    r"alter\s+table\s+\S+\s+((add|drop)\s+search\s+optimization|alter\s+.*\bcomment\b)"
    r"|alter\s+dynamic\s+table\s+\S+\s+(refresh|suspend|resume|set)\b",
    re.IGNORECASE | re.DOTALL,
)
_DYNAMIC_TABLE = re.compile(r"dynamic\s+table\b", re.IGNORECASE)
_SHOW_GRANTS = re.compile(r"grants\b", re.IGNORECASE)
_SHOW_GRANTS_TO_ROLE = re.compile(r'grants\s+to\s+role\s+(?P<role>"?[\w$]+"?)$', re.IGNORECASE)
_SHOW_QUERY_TAG = re.compile(r"parameters\s+like\s+'query_tag'", re.IGNORECASE)
_SESSION_PARAMETERS_WITH_EFFECT = frozenset({"AUTOCOMMIT", "QUOTED_IDENTIFIERS_IGNORE_CASE"})


class StatementSession(Namespace, Protocol):
    """What these statements need of a session."""

    query_tag: str
    context: dict[str, str]
    data: Path

    @property
    def duck(self) -> DuckDBPyConnection: ...

    def create_database(self, name: str, content: Path | None = None) -> None:
        """Create a database if it does not exist, empty or from a file."""

    def others(self) -> Sequence[RunningSession]:
        """The other sessions of the server."""
        ...

    def leave_database(self, name: str) -> None:
        """Have no current database where it is this one."""


def normalized(statement: Expr) -> Expr:
    """The statement in the form fakesnow knows, where Snowflake has two forms."""
    if isinstance(statement, exp.Alias) and statement.sql().upper() == "START AS TRANSACTION":
        return exp.Transaction()
    if isinstance(statement, exp.Command) and str(statement.this).upper() == "DROP":
        text = _DYNAMIC_TABLE.sub("TABLE", _rest(statement), count=1)
        if text != _rest(statement):
            return sqlglot.parse_one(f"DROP {text}", read="snowflake")
    return statement


def answered(statement: Expr, session: StatementSession) -> Expr | None:
    """Run a statement that this server answers itself.

    Returns:
        The query whose rows are the answer; None for a statement that is not one of these.

    Raises:
        ProgrammingError: An object does not exist.
        duckdb.Error: DuckDB refused a part of it.
    """
    if isinstance(statement, exp.Command):
        return _answered_command(statement, session)
    if isinstance(statement, exp.Select):
        return cancelled(statement, session.others())
    if isinstance(statement, exp.Show) and statement.name.upper() == "DATABASES":
        return databases.shown(statement)
    _keep_session_settings(statement, session)
    if isinstance(statement, exp.Grant | exp.Revoke) or _is_without_effect(statement):
        return _success()
    if isinstance(statement, exp.Create) and statement.args.get("clone"):
        return _clone(statement, session)
    if isinstance(statement, exp.Create) and statement.args.get("kind") == "DATABASE":
        if _is_wanted(statement, session):
            _replace_database(stored(statement.this.this) or "", session)
        return _success()
    if isinstance(statement, exp.Create) and _like(statement) is not None:
        return _create_like(statement, session)
    if isinstance(statement, exp.Drop) and statement.args.get("kind") == "DATABASE":
        return _drop_database(statement, session)
    if isinstance(statement, exp.Alter):
        for action in statement.args.get("actions") or []:
            if isinstance(action, exp.SwapTable):
                first, second = statement.this, action.this
                clones.swap_tables(
                    session.duck, object_name(first, session), object_name(second, session)
                )
                return _success()
    return None


def _answered_command(command: exp.Command, session: StatementSession) -> Expr | None:
    keyword, rest = str(command.this).upper(), _rest(command)
    text = f"{keyword} {rest}"
    if _ACCOUNT_COMMAND.match(text) or _WITHOUT_EFFECT.match(text):
        return _success()
    if keyword == "SHOW" and (asked := _SHOW_GRANTS_TO_ROLE.match(rest)):
        return grants.to_role(asked["role"].strip('"'), session)
    if keyword == "SHOW" and _SHOW_GRANTS.match(rest):
        return grants.none()
    if keyword == "SHOW" and _SHOW_QUERY_TAG.match(rest):
        return _show_query_tag(session.query_tag)
    return None


def _show_query_tag(tag: str) -> Expr:
    row = {"key": "QUERY_TAG", "value": tag, "default": "", "level": "SESSION" if tag else ""}
    return exp.select(
        *(exp.alias_(exp.Literal.string(one), name, quoted=True) for name, one in row.items())
    )


def _keep_session_settings(statement: Expr, session: StatementSession) -> None:
    """Note the query tag that a session sets or unsets, and the warehouse that it uses."""
    if isinstance(statement, exp.Use) and str(statement.args.get("kind")).upper() == "WAREHOUSE":
        session.context["CURRENT_WAREHOUSE"] = stored(statement.this.this) or ""
    if not isinstance(statement, exp.Alter) or statement.args.get("kind") != "SESSION":
        return
    for change in statement.find_all(exp.AlterSession):
        for item in change.expressions:
            name = item.find(exp.Identifier)
            if name is not None and name.name.upper() == "QUERY_TAG":
                value = None if change.args.get("unset") else item.find(exp.Literal)
                session.query_tag = value.name if value is not None else ""


def _is_without_effect(statement: Expr) -> bool:
    if isinstance(statement, exp.Create | exp.Drop):
        kind = str(statement.args.get("kind") or "").lower()
        return re.match(_ACCOUNT_OBJECTS, kind) is not None
    if isinstance(statement, exp.Comment):
        return str(statement.args.get("kind")).upper() == "COLUMN"
    if isinstance(statement, exp.Alter) and statement.args.get("kind") == "SESSION":
        names = {name.name.upper() for name in statement.find_all(exp.Identifier)}
        return not names & _SESSION_PARAMETERS_WITH_EFFECT
    return isinstance(statement, exp.Use) and _is_secondary_roles(statement)


def _is_secondary_roles(use: exp.Use) -> bool:
    return "SECONDARY" in str(use.args.get("kind")).upper()


def _clone(create: exp.Create, session: StatementSession) -> Expr:
    kind = str(create.args.get("kind")).upper()
    clone = create.args["clone"]
    if clone.args.get("at") is not None or clone.this.args.get("when") is not None:
        message = "CLONE AT (time travel)"
        raise NotImplementedError(message)
    replace = bool(create.args.get("replace"))
    target, source = create.this, clone.this
    if kind == "TABLE":
        clones.copy_table(
            session.duck,
            object_name(source, session),
            object_name(target, session),
            replace=replace,
        )
    elif kind == "SCHEMA":
        into = schema_name(target, session)
        if replace:
            session.duck.execute(f"DROP SCHEMA IF EXISTS {into.sql()} CASCADE")
        clones.copy_schema(session.duck, schema_name(source, session), into)
    elif kind == "DATABASE":
        _clone_database(create, session)
    else:
        message = f"CLONE of {kind}"
        raise NotImplementedError(message)
    return _success()


def _clone_database(create: exp.Create, session: StatementSession) -> None:
    source, target = stored(create.args["clone"].this.this) or "", stored(create.this.this) or ""
    if not databases.database_exists(session.duck, source):
        raise _no_database(source)
    if _is_wanted(create, session):
        content = databases.copy_aside(session.duck, session.data, source, target)
        _replace_database(target, session, content)
        databases.copy_notes(session.duck, source, target)


def _is_wanted(create: exp.Create, session: StatementSession) -> bool:
    """Whether a statement makes a database, or makes it anew.

    Raises:
        ProgrammingError: It exists and is neither replaced nor left alone.
    """
    name = stored(create.this.this) or ""
    if not databases.database_exists(session.duck, name):
        return True
    if create.args.get("exists"):
        return False
    if not create.args.get("replace"):
        raise ProgrammingError(
            msg=f"{COMPILATION}Object '{name}' already exists.", errno=2002, sqlstate="42710"
        )
    return True


def _replace_database(name: str, session: StatementSession, content: Path | None = None) -> None:
    session.leave_database(name)
    databases.drop_database(session.duck, name)
    session.create_database(name, content)


def _create_like(create: exp.Create, session: StatementSession) -> Expr:
    source = _like(create)
    assert source is not None
    clones.copy_table(
        session.duck,
        object_name(source, session),
        object_name(create.this, session),
        replace=bool(create.args.get("replace")),
        with_rows=False,
    )
    return _success()


def _like(create: exp.Create) -> exp.Table | None:
    properties = create.args.get("properties")
    if not isinstance(properties, exp.Properties) or isinstance(create.this, exp.Schema):
        return None
    kinds = {type(each) for each in properties.expressions}
    if exp.TemporaryProperty in kinds:
        return None
    found = properties.find(exp.LikeProperty)
    return found.this if found is not None and isinstance(found.this, exp.Table) else None


def _drop_database(drop: exp.Drop, session: StatementSession) -> Expr:
    for table in drop.args.get("tables") or [drop.this]:
        name = stored(table.this) or ""
        if not databases.database_exists(session.duck, name):
            if drop.args.get("exists"):
                continue
            raise _no_database(name)
        session.leave_database(name)
        databases.drop_database(session.duck, name)
    return _success()


def _no_database(name: str) -> ProgrammingError:
    return ProgrammingError(
        msg=f"{COMPILATION}Database {quoted(name)} does not exist or not authorized.",
        errno=2003,
        sqlstate="02000",
    )


def _success() -> Expr:
    text = exp.Literal.string("Statement executed successfully.")
    return exp.select(exp.alias_(text, "status", quoted=True))


def _rest(command: exp.Command) -> str:
    """A command's text after its keyword."""
    rest = command.expression
    return (rest if isinstance(rest, str) else str(getattr(rest, "this", rest))).strip()
