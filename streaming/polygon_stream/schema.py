"""Migrations: numbered SQL files that build the tables of one database, each applied once.

A file holds idempotent statements (``IF NOT EXISTS``), each ended by a semicolon at the end of a
line. ``{database}`` in it stands for the database that it belongs to, and any other ``{name}`` for
what the caller gives. What was applied is recorded in ``<database>.schema_migrations``.

Producer, sink and Dagster may all start together: ClickHouse has no lock to take, so each of them
applies what it finds missing. The statements are idempotent, an answer that only tells of another
runner is tried again, and the record keeps the first of several equal rows.
"""

import hashlib
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

TICKS = files("polygon_stream").joinpath("schema")
"""The migrations of the tick database; they need no names but ``database``."""

TEMPORARY_TABLES = ("trades", "quotes")
"""What ``set_retention`` applies to: the tables that grow fastest."""

_STATEMENT_END = re.compile(r";\s*$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_FILE = re.compile(r"\d{3}_\w+\.sql")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Table or database exists already; a concurrent ALTER changed the metadata first.
_OTHER_RUNNER = {57, 82, 517}
_ATTEMPTS = 10


class ChangedMigrationError(ValueError):
    """A file that was applied says something else now."""


@dataclass(frozen=True)
class Migration:
    """One file.

    Attributes:
        file: Its name, such as ``001_bars_1s.sql``; files are applied in the order of their names.
        checksum: Of its text before names are filled in, without comments.
        statements: What it does, in order, with names filled in.
        applied_at: When it was first applied (UTC); None if it was not.
        changed: Whether it says something else than what was applied.
    """

    file: str
    checksum: str
    statements: tuple[str, ...]
    applied_at: datetime | None = None
    changed: bool = False

    @property
    def state(self) -> str:
        """``applied``, ``changed`` or ``pending``."""
        if self.applied_at is None:
            return "pending"
        return "changed" if self.changed else "applied"


def read_migrations(folder: Traversable, names: Mapping[str, str]) -> list[Migration]:
    """The files of a folder, in order; nothing is connected.

    Args:
        folder: Where the numbered files are.
        names: Text in place of each ``{name}``; ``database`` is the one that they belong to.

    Raises:
        ValueError: A name is not a plain identifier, a file has a placeholder without a name, or a
            file is not called like ``001_what.sql``.
    """
    for name in names.values():
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError(f"{name!r} is not a plain ClickHouse database name")
    found: list[Migration] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".sql"):
            continue
        if not _FILE.fullmatch(entry.name):
            raise ValueError(f"{entry.name}: a migration is called like 001_what.sql")
        text = _COMMENT.sub("", entry.read_text(encoding="utf-8"))
        parts = [part.strip() for part in _STATEMENT_END.split(text)]
        checksum = hashlib.sha256("\n;\n".join(parts).encode()).hexdigest()
        statements = tuple(_fill_in(part, names, entry.name) for part in parts if part)
        found.append(Migration(entry.name, checksum, statements))
    return found


def status(client: Client, folder: Traversable, names: Mapping[str, str]) -> list[Migration]:
    """The files of a folder with what the database says about them; changes nothing.

    Raises:
        ValueError: See ``read_migrations``.
        ClickHouseError: ClickHouse is away or refuses.
    """
    found = recorded(client, names["database"])
    return [
        replace(one, applied_at=found[one.file][1], changed=found[one.file][0] != one.checksum)
        if one.file in found
        else one
        for one in read_migrations(folder, names)
    ]


def apply(
    client: Client,
    folder: Traversable,
    names: Mapping[str, str],
    only: Collection[str] | None = None,
) -> list[Migration]:
    """Create the database where it is missing and apply what was not applied yet.

    Args:
        client: Connection to ClickHouse.
        folder: Where the numbered files are.
        names: Text in place of each ``{name}``; ``database`` is the one that they belong to.
        only: Files to apply, by name; None = every one.

    Returns:
        The files that were applied by this call.

    Raises:
        ChangedMigrationError: A file has changed since it was applied; nothing was done.
        ValueError: See ``read_migrations``.
        ClickHouseError: ClickHouse is away or refuses.
    """
    found = status(client, folder, names)
    for migration in found:
        if migration.changed:
            raise ChangedMigrationError(
                f"{migration.file} was applied to {names['database']} at "
                f"{migration.applied_at:%Y-%m-%d %H:%M:%S} UTC and has changed since: put its old "
                "text back and write the change as a new file with the next number."
            )
    pending = [
        migration
        for migration in found
        if migration.applied_at is None and (only is None or migration.file in only)
    ]
    if pending:
        _prepare(client, names["database"])
    for migration in pending:
        for statement in migration.statements:
            _execute(client, statement)
        _execute(
            client,
            f"INSERT INTO {names['database']}.schema_migrations SELECT {{file:String}}, "
            "{checksum:String}, now64(3, 'UTC')",
            {"file": migration.file, "checksum": migration.checksum},
        )
    return pending


def _fill_in(statement: str, names: Mapping[str, str], file: str) -> str:
    def name(match: re.Match[str]) -> str:
        if match[1] not in names:
            raise ValueError(f"{file}: nothing is given for the placeholder {match[0]}")
        return names[match[1]]

    return _PLACEHOLDER.sub(name, statement)


def recorded(client: Client, database: str) -> dict[str, tuple[str, datetime]]:
    """Checksum and time (UTC) of each file that was applied; none where there is no database."""
    exists = client.query(
        "SELECT count() FROM system.tables WHERE database = {database:String} "
        "AND name = 'schema_migrations'",
        parameters={"database": database},
    ).result_rows[0][0]
    if not exists:
        return {}
    rows = client.query(
        "SELECT file, argMin(checksum, applied_at), min(applied_at) AS first "
        f"FROM {database}.schema_migrations GROUP BY file"
    ).result_rows
    return {file: (checksum, first.replace(tzinfo=UTC)) for file, checksum, first in rows}


def _prepare(client: Client, database: str) -> None:
    _execute(client, f"CREATE DATABASE IF NOT EXISTS {database}")
    _execute(
        client,
        f"CREATE TABLE IF NOT EXISTS {database}.schema_migrations "
        "(file String, checksum String, applied_at DateTime64(3, 'UTC')) "
        "ENGINE = MergeTree ORDER BY file",
    )


def _execute(client: Client, statement: str, parameters: dict[str, str] | None = None) -> None:
    """Run a statement, again where it only met another runner."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            client.command(statement, parameters=parameters, settings={"async_insert": 0})
        except DatabaseError as error:
            if error.code not in _OTHER_RUNNER or attempt == _ATTEMPTS:
                raise
            time.sleep(0.1 * attempt)
        else:
            return


def set_retention(client: Client, database: str, days: int) -> None:
    """Let trades and quotes go after so many days; the bars stay.

    Args:
        client: Connection to ClickHouse.
        database: The tick database.
        days: Age of the session in days; 0 = keep them.

    Raises:
        ClickHouseError: ClickHouse is away or refuses.
    """
    wanted = f"TTL session_date + toIntervalDay({days})"
    for table in TEMPORARY_TABLES:
        engine = client.query(
            "SELECT engine_full FROM system.tables WHERE database = {database:String} "
            "AND name = {table:String}",
            parameters={"database": database, "table": table},
        ).result_rows[0][0]
        if days and wanted not in engine:
            _execute(client, f"ALTER TABLE {database}.{table} MODIFY {wanted}")
        elif not days and " TTL " in engine:
            _execute(client, f"ALTER TABLE {database}.{table} REMOVE TTL")
