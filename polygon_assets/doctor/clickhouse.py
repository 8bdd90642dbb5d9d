"""ClickHouse: the user, what it may do, and the migrations of both databases."""

import re
import secrets
from collections.abc import Iterator

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from polygon_stream import schema

from polygon_assets.bootstrap import schemas
from polygon_assets.doctor.findings import (
    ACCEPTED,
    Finding,
    Findings,
    ok,
    problem,
    reached,
    warning,
    what_creates,
    words,
)
from polygon_assets.env import Names
from polygon_assets.preflight import CLICKHOUSE
from polygon_assets.resources.clickhouse import clickhouse

SUPPORTED_FROM = (25, 3)
"""The oldest release with long-term support when this was written; CI runs a newer engine."""

IN_OUR_DATABASES = (
    *("SELECT", "INSERT", "CREATE DATABASE", "CREATE TABLE", "CREATE VIEW"),
    *("DROP TABLE", "DROP VIEW", "ALTER TABLE", "ALTER VIEW"),
)
IN_SYSTEM = ("tables", "columns", "parts")
"""Tables of ``system`` that migrations, rebuilds and ``polygon status`` read."""


def examine(names: Names, *, probe: bool) -> Findings:
    """Whether the user is known and may do what the code does, and every migration is applied."""
    if not (yield from reached(CLICKHOUSE)):
        return
    store = clickhouse(names).process_config_and_initialize()
    try:
        with store.client() as client:
            yield from _ask(client, names, probe)
    except ClickHouseError as error:
        yield _refused(error)


def _ask(client: Client, names: Names, probe: bool) -> Iterator[Finding]:
    version, user = client.query("SELECT version(), currentUser()").result_rows[0]
    yield ok(ACCEPTED, f"as {user}")
    yield _version(str(version))
    databases = [variables["database"] for _, variables in schemas(names)]
    for database in databases:
        yield _permissions(client, database)
    yield _system_tables(client)
    present = {row[0] for row in client.query("SELECT name FROM system.databases").result_rows}
    for folder, variables in schemas(names):
        database = variables["database"]
        if database not in present:
            todo = f"Run {what_creates(names)}."
            yield problem(f"database {database}", "It does not exist", todo)
        else:
            yield _migrations(database, schema.status(client, folder, variables))
    if probe and set(databases) <= present:
        for database in databases:
            yield _probe(client, database)


def _version(version: str) -> Finding:
    numbers = tuple(int(one) for one in re.findall(r"\d+", version)[:2])
    wanted = ".".join(map(str, SUPPORTED_FROM))
    if numbers < SUPPORTED_FROM:
        return warning("version", version, f"Update to {wanted} or later.")
    return ok("version", f"{version}; supported from {wanted} on")


def _permissions(client: Client, database: str) -> Finding:
    check = f"permissions on {database}"
    lacking = [one for one in IN_OUR_DATABASES if not _granted(client, one, f"{database}.*")]
    if lacking:
        needed = ", ".join(lacking)
        return problem(check, f"Lacks {needed}", f"GRANT {needed} ON {database}.* TO the user.")
    return ok(check, "all that the code needs")


def _system_tables(client: Client) -> Finding:
    check = "permissions on system"
    lacking = [one for one in IN_SYSTEM if not _granted(client, "SELECT", f"system.{one}")]
    if lacking:
        needed = ", ".join(f"system.{one}" for one in lacking)
        return problem(check, f"May not read {needed}", f"GRANT SELECT ON {needed} TO the user.")
    return ok(check, "all that the code needs")


def _granted(client: Client, privilege: str, where: str) -> bool:
    """What ClickHouse says of a privilege of this user and its roles; names are our own."""
    return bool(client.query(f"CHECK GRANT {privilege} ON {where}").result_rows[0][0])


def _migrations(database: str, found: list[schema.Migration]) -> Finding:
    check = f"migrations of {database}"
    changed = [one.file for one in found if one.state == "changed"]
    pending = [one.file for one in found if one.state == "pending"]
    if changed:
        todo = "Put the old text back, and write the change as a new file with the next number."
        return problem(check, f"Changed since they were applied: {', '.join(changed)}", todo)
    if pending:
        return problem(check, f"Not applied: {', '.join(pending)}", "Run `polygon migrate`.")
    return ok(check, f"all {len(found)} are applied")


def _probe(client: Client, database: str) -> Finding:
    """Make a table of a name of its own, write a row, and remove it."""
    check, table = f"probe of {database}", f"{database}.doctor_{secrets.token_hex(6)}"
    try:
        client.command(f"CREATE TABLE {table} (at DateTime) ENGINE = MergeTree ORDER BY at")
        try:
            client.command(f"INSERT INTO {table} SELECT now()")
        finally:
            client.command(f"DROP TABLE {table}")
    except ClickHouseError as error:
        return problem(
            check, _words(error), "Look at the user's grants, and at the service's disk."
        )
    return ok(check, "a table was made, written and dropped")


def _refused(error: ClickHouseError) -> Finding:
    code = getattr(error, "code", None)
    if code in (192, 193, 194, 516):
        return problem(ACCEPTED, _words(error), "Check CLICKHOUSE_USER and CLICKHOUSE_PASSWORD.")
    return problem("answers", _words(error), "See the message; Cloud services may be asleep.")


def _words(error: ClickHouseError) -> str:
    return words(error)[:300]
