"""Snowflake: the login, warehouses, what the role may do, and the schemas."""

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import Error

from polygon_assets.doctor.findings import (
    ACCEPTED,
    Finding,
    Findings,
    ok,
    problem,
    reached,
    what_creates,
    words,
)
from polygon_assets.env import Names
from polygon_assets.preflight import SNOWFLAKE
from polygon_assets.resources.snowflake import SCHEMAS, account
from polygon_assets.settings import SnowflakeSettings

IN_EVERY_SCHEMA = ("USAGE", "CREATE TABLE", "CREATE VIEW")
STAGE_SCHEMA = "RAW"
"""Flat files are staged here."""

MOST_ROLES = 50

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


@dataclass(frozen=True)
class Grant:
    """One privilege of a role or of one that it has.

    Attributes:
        privilege: Such as ``USAGE`` or ``CREATE TABLE``.
        kind: Kind of the object, such as ``DATABASE``.
        name: The object, such as ``POLYGON.RAW``.
    """

    privilege: str
    kind: str
    name: str


def examine(names: Names, *, probe: bool) -> Findings:
    """Whether login, role, warehouses, privileges and schemas are what the code needs."""
    if not (yield from reached(SNOWFLAKE)):
        return
    house = account(names).process_config_and_initialize()
    try:
        with house.cursor() as cursor:
            yield from _ask(cursor, names, probe)
    except Error as error:
        yield _refused(error)


def _ask(cursor: SnowflakeCursor, names: Names, probe: bool) -> Iterator[Finding]:
    ((version, user, role),) = _rows(
        cursor, "SELECT CURRENT_VERSION(), CURRENT_USER(), CURRENT_ROLE()"
    )
    yield ok(ACCEPTED, f"as {user} with the role {role}; Snowflake {version}")
    settings = SnowflakeSettings()
    for variable, name in (
        ("SNOWFLAKE_WAREHOUSE", settings.warehouse),
        ("SNOWFLAKE_WAREHOUSE_MARTS", settings.warehouse_marts),
    ):
        if name:
            yield _warehouse(cursor, variable, name)
    grants = list(grants_of(cursor, str(role)))
    database = names.snowflake_database
    schemas = _schemas(cursor, database)
    if schemas is None:
        todo = f"Run {what_creates(names)} with a role that may create it, or check SNOWFLAKE_ROLE."
        yield problem(f"database {database}", "It does not exist, or the role may not see it", todo)
        yield _permission(
            "may create the database",
            [] if _has(grants, "CREATE DATABASE", "ACCOUNT") else ["CREATE DATABASE ON ACCOUNT"],
            str(role),
        )
        return
    missing = [schema for schema in SCHEMAS if schema not in schemas]
    if missing:
        # A clone is whole: what it lacks now, somebody dropped, or production had not.
        anew = " with refresh" if names.is_branch else ""
        todo = f"Run {what_creates(names)}{anew}, or check SNOWFLAKE_ROLE."
        yield problem(f"schemas of {database}", f"Missing: {', '.join(missing)}", todo)
    else:
        yield ok(f"schemas of {database}", ", ".join(SCHEMAS))
    present = [schema for schema in SCHEMAS if schema in schemas]
    yield _permission("permissions", lacking(grants, database, present), str(role))
    if probe and STAGE_SCHEMA in present:
        yield _probe(cursor, f"{database}.{STAGE_SCHEMA}")


def _warehouse(cursor: SnowflakeCursor, variable: str, name: str) -> Finding:
    """Use it in this session; it does not start before a statement needs it."""
    try:
        cursor.execute(f"USE WAREHOUSE {_identifier(name)}")
    except Error as error:
        todo = f"Check {variable}, and GRANT USAGE ON WAREHOUSE {name} TO the role."
        return problem(f"warehouse {name}", _words(error), todo)
    return ok(f"warehouse {name}", "the role may use it")


def grants_of(cursor: SnowflakeCursor, role: str) -> Iterator[Grant]:
    """The privileges of a role, and of every role that it has been given."""
    waiting, seen = [("ROLE", role)], set[tuple[str, str]]()
    while waiting and len(seen) < MOST_ROLES:
        kind, name = waiting.pop()
        if (kind, name) in seen:
            continue
        seen.add((kind, name))
        parts = [name] if kind == "ROLE" else name.split(".")
        where = ".".join(map(_identifier, parts))
        rows = _rows(cursor, f"SHOW GRANTS TO {kind} {where}")
        columns = [column.name.lower() for column in cursor.description or []]
        for row in rows:
            told = dict(zip(columns, row, strict=True))
            grant = Grant(
                str(told["privilege"]).upper(),
                str(told["granted_on"]).upper().replace("_", " "),
                str(told["name"]).replace('"', ""),
            )
            if grant.kind in ("ROLE", "DATABASE ROLE"):
                waiting.append((grant.kind, grant.name))
            else:
                yield grant


def lacking(grants: Sequence[Grant], database: str, schemas: Sequence[str]) -> list[str]:
    """The privileges that the code needs and the role lacks, as in a GRANT statement."""
    needed = [("USAGE", "DATABASE", database)]
    for schema in schemas:
        name = f"{database}.{schema}"
        needed += [(privilege, "SCHEMA", name) for privilege in IN_EVERY_SCHEMA]
        needed += [("CREATE STAGE", "SCHEMA", name)] if schema == STAGE_SCHEMA else []
    return [
        f"{privilege} ON {kind} {name}"
        for privilege, kind, name in needed
        if not _has(grants, privilege, kind, name)
    ]


def _has(grants: Sequence[Grant], privilege: str, kind: str, name: str = "") -> bool:
    """Whether one of the grants is this one, or owns the object."""
    return any(
        one.kind == kind
        and (not name or one.name.upper() == name.upper())
        and one.privilege in (privilege, "OWNERSHIP", "ALL", "ALL PRIVILEGES")
        for one in grants
    )


def _permission(check: str, missing: Sequence[str], role: str) -> Finding:
    if not missing:
        return ok(check, "all that the code needs")
    shown = "; ".join(missing[:6]) + (f"; and {len(missing) - 6} more" if len(missing) > 6 else "")
    return problem(check, f"{role} lacks {shown}", f"GRANT these TO ROLE {role}.")


def _schemas(cursor: SnowflakeCursor, database: str) -> set[str] | None:
    """The database's schemas; None where there is no such database."""
    try:
        found = _rows(cursor, f"SELECT SCHEMA_NAME FROM {database}.INFORMATION_SCHEMA.SCHEMATA")
    except Error as error:
        if error.errno == _NO_SUCH_OBJECT:
            return None
        raise
    return {str(row[0]) for row in found}


_NO_SUCH_OBJECT = 2003


def _probe(cursor: SnowflakeCursor, schema: str) -> Finding:
    """Make a table of a name of its own, write a row, and remove it."""
    check, table = f"probe of {schema}", f"{schema}.DOCTOR_{secrets.token_hex(6).upper()}"
    try:
        cursor.execute(f"CREATE TABLE {table} (A NUMBER)")
        try:
            cursor.execute(f"INSERT INTO {table} VALUES (1)")
        finally:
            cursor.execute(f"DROP TABLE {table}")
    except Error as error:
        return problem(check, _words(error), "Look at the role's grants and at the warehouse.")
    return ok(check, "a table was made, written and dropped")


def _rows(cursor: SnowflakeCursor, sql: str) -> list[tuple[Any, ...]]:
    cursor.execute(sql)
    return [tuple(row) for row in cursor.fetchall()]


def _identifier(name: str) -> str:
    """A name as an identifier, as the connector takes it: plain ones in any case."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _refused(error: Error) -> Finding:
    return problem(
        ACCEPTED,
        _words(error),
        "Check SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_ROLE and the password or private key.",
    )


def _words(error: Error) -> str:
    return words(error.raw_msg or error)[:300]
