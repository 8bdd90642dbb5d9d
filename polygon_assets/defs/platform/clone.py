"""What makes a branch deployment out of production, one function per system.

Each can run again: what is there stays, what is missing is added, so that a clone that was killed
goes on. ``refresh`` starts anew, and what the branch built is lost. Production is only read.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from polygon_stream import schema
from snowflake.connector.errors import ProgrammingError

from polygon_assets.bootstrap import create_stream_tables, schemas
from polygon_assets.defs.rollups.assets import ROLLUPS
from polygon_assets.env import PROD, Names
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.snowflake import Warehouse

Metadata = Mapping[str, Any]

_PLAIN = re.compile("[A-Z_][A-Z0-9_]*")

_FIRST_SCHEMA = "RAW"
"""A database without it is no clone: Snowflake makes clones whole."""


class CloneError(RuntimeError):
    """Production cannot be cloned; the text says why and what to do."""


def clone_warehouse(names: Names, account: Warehouse, *, refresh: bool) -> Metadata:
    """Clone production's database; Snowflake copies nothing until either side is changed.

    Views keep the text that they have in production, which names production's database: dbt must
    write them again (:func:`cloned_views`).

    Args:
        names: The branch deployment.
        account: Snowflake, without a current database.
        refresh: Make it anew where it exists.

    Raises:
        DeploymentError: This is no branch deployment.
        CloneError: Production's database does not exist, or the role may not clone it.
    """
    database = names.snowflake_database
    names.require_own("snowflake database", database)
    told = {"database": database, "cloned_from": PROD.snowflake_database}
    if not refresh and _is_clone(account, database):
        return told | {"made": False}
    try:
        account.query(f"CREATE OR REPLACE DATABASE {database} CLONE {PROD.snowflake_database}")
    except ProgrammingError as error:
        raise CloneError(
            f"Snowflake did not clone {PROD.snowflake_database} to {database}: {error.raw_msg} "
            "(What the role must be allowed: PRODUCTION.md, Branch deployments.)"
        ) from error
    return told | {"made": True}


def cloned_views(names: Names, account: Warehouse) -> list[str]:
    """The views of the branch's database, lower case.

    What the branch itself adds is not among them: what it reads may not be there yet, and the
    branch builds it as it builds its tables.

    Raises:
        DeploymentError: This is no branch deployment.
    """
    database = names.snowflake_database
    names.require_own("snowflake database", database)
    rows = account.query(
        f"SELECT TABLE_NAME FROM {database}.INFORMATION_SCHEMA.TABLES "
        "WHERE TABLE_TYPE = 'VIEW' AND TABLE_SCHEMA != 'INFORMATION_SCHEMA' ORDER BY 1"
    )
    return [str(name).lower() for (name,) in rows if _PLAIN.fullmatch(name)]


def clone_stream_tables(
    names: Names, clickhouse: ClickHouse, *, sessions: int, refresh: bool
) -> Metadata:
    """Make the branch's databases and give them the newest final sessions of production.

    The tables are first made as production has them. Partitions are then attached, which copies no
    data, and the branch's own migrations come last, over production's rows, as they will on the day
    when the branch is merged. Once they are applied the tables differ, and newer sessions come with
    ``refresh`` only.

    Args:
        names: The branch deployment.
        clickhouse: With the branch's databases.
        sessions: How many; only sessions whose rollups are final, so that nothing is half there.
        refresh: Drop the branch's databases first.

    Raises:
        DeploymentError: This is no branch deployment.
        CloneError: Production's tables are not those that the branch knows.
    """
    for database in (clickhouse.rollups, clickhouse.ticks):
        names.require_own("clickhouse database", database)
    attached, is_ahead = 0, False
    with clickhouse.client() as client:
        if refresh:
            for database in (clickhouse.rollups, clickhouse.ticks):
                client.command(f"DROP DATABASE IF EXISTS {database} SYNC")
        for (folder, ours), (_, theirs) in zip(schemas(names), schemas(PROD), strict=True):
            known = _applied_in_production(client, schema.status(client, folder, theirs), theirs)
            schema.apply(client, folder, ours, only=known)
            is_ahead = is_ahead or not known.issuperset(schema.recorded(client, ours["database"]))
        chosen = _final_sessions(client, PROD.clickhouse_rollups, sessions)
        if chosen and not is_ahead:
            attached += _attach(client, PROD.clickhouse_ticks, clickhouse.ticks, chosen)
            attached += _attach(client, PROD.clickhouse_rollups, clickhouse.rollups, chosen)
            _copy_rebuilds(client, clickhouse, chosen)
    create_stream_tables(clickhouse)
    with clickhouse.client() as client:
        present = _final_sessions(client, clickhouse.rollups)
    return {
        "databases": [clickhouse.ticks, clickhouse.rollups],
        "sessions": [str(day) for day in present],
        "attached_partitions": attached,
    }


def _is_clone(account: Warehouse, database: str) -> bool:
    if database not in (row[1] for row in account.query(f"SHOW DATABASES LIKE '{database}'")):
        return False
    sql = f"SELECT COUNT(*) FROM {database}.INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME = %s"
    return bool(account.query(sql, [_FIRST_SCHEMA])[0][0])


def _applied_in_production(
    client: Client, files: list[schema.Migration], theirs: Mapping[str, str]
) -> set[str]:
    """The migrations that production has.

    Raises:
        CloneError: The branch lacks one of them, or has changed its text.
    """
    database = theirs["database"]
    applied = set(schema.recorded(client, database))
    unknown = sorted(applied - {one.file for one in files})
    if unknown:
        raise CloneError(
            f"Production's {database} has {', '.join(unknown)}, which this branch lacks: merge the "
            "main branch into it, and clone once more."
        )
    changed = [one.file for one in files if one.changed]
    if changed:
        raise CloneError(
            f"{', '.join(changed)} says something else than what was applied to production's "
            f"{database}: put its text back and write the change as a new file."
        )
    return applied


def _final_sessions(client: Client, rollups: str, most: int = 10_000) -> list[date]:
    """The newest sessions whose rollups are all built, ascending."""
    names = [rollup.name for rollup in ROLLUPS]
    rows = client.query(
        "SELECT toDate(partition) AS day FROM system.parts "
        "WHERE active AND database = {database:String} AND table IN {names:Array(String)} "
        "GROUP BY day HAVING uniqExact(table) = {all:UInt8} ORDER BY day DESC LIMIT {most:UInt32}",
        parameters={"database": rollups, "names": names, "all": len(names), "most": most},
    ).result_rows
    return sorted(day for (day,) in rows)


def _attach(client: Client, source: str, target: str, days: list[date]) -> int:
    """Attach the partitions of these sessions that the target lacks; how many there were."""
    present = _partitions(client, target, days)
    missing = sorted(_partitions(client, source, days) - present)
    for table, day in missing:
        try:
            # Whole or not at all, unlike ATTACH of a partition that another attempt began.
            client.command(
                f"ALTER TABLE {target}.{table} REPLACE PARTITION '{day}' FROM {source}.{table}"
            )
        except ClickHouseError as error:
            raise CloneError(
                f"ClickHouse did not attach session {day} of {source}.{table} to {target}: "
                f"{error} Clone once more with refresh, if the branch changed the table."
            ) from error
    return len(missing)


def _partitions(client: Client, database: str, days: list[date]) -> set[tuple[str, date]]:
    """Table and session of each partition of the tables that have one for a session."""
    rows = client.query(
        "SELECT DISTINCT p.table, assumeNotNull(toDateOrNull(p.partition)) FROM system.parts AS p "
        "JOIN system.tables AS t ON t.database = p.database AND t.name = p.table "
        "WHERE p.active AND p.database = {database:String} AND t.partition_key = 'session_date' "
        "AND position(p.table, '__stage_') = 0 AND toDateOrNull(p.partition) IN {days:Array(Date)}",
        parameters={"database": database, "days": days},
    ).result_rows
    return {(table, day) for table, day in rows}


def _copy_rebuilds(client: Client, clickhouse: ClickHouse, days: list[date]) -> None:
    """What production's rebuilds saw: without it every session would look as if it had changed."""
    target = f"{clickhouse.rollups}.rebuilds"
    client.command(
        f"INSERT INTO {target} SELECT * FROM {PROD.clickhouse_rollups}.rebuilds FINAL "
        "WHERE session_date IN {days:Array(Date)} AND (rollup, session_date) NOT IN "
        f"(SELECT rollup, session_date FROM {target})",
        parameters={"days": days},
        settings={"async_insert": 0},
    )
