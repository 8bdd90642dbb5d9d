"""A warehouse for tests of the dbt project: a sandbox Snowflake, raw tables, and a dbt process."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
import yaml
from real_market_data import Row
from snowflake.connector import SnowflakeConnection

from polygon_assets.columns import columns as known_columns

REPOSITORY = Path(__file__).parents[2]
PROJECT = REPOSITORY / "dbt_polygon"
EXTRACTED_AT = "2013-03-02T00:00:00Z"

ARRIVAL_COLUMNS = ("CHANGED_AT", "LOADED_AT")

WITHOUT_VIEWS = ("--exclude", "path:models/staging")
"""For a run that is not a warehouse's first: the views of the raw tables are the same in each."""


def raw_tables() -> dict[str, dict[str, str]]:
    """Raw table that the models read -> its columns with their types, as Airbyte makes them."""
    declared = yaml.safe_load((PROJECT / "models" / "staging" / "_sources.yml").read_text())
    [polygon] = [one for one in declared["sources"] if one["name"] == "polygon"]
    return {
        one["identifier"]: {
            name.upper(): kind
            for name, kind in known_columns()[f"raw/polygon/{one['name']}"].items()
        }
        for one in polygon["tables"]
    }


RAW_TABLES = raw_tables()


@dataclass
class Warehouse:
    """A sandbox Snowflake with empty raw tables, and dbt connected to it."""

    connection: SnowflakeConnection
    dbt: subprocess.Popen[str]
    server: "subprocess.Popen[bytes]"
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each node of the last run took."""

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Add rows to a raw table; columns that a row does not name are null."""
        columns = RAW_TABLES[table]
        documents = [
            {
                "_AIRBYTE_RAW_ID": f"{table}-{number}",
                "_AIRBYTE_EXTRACTED_AT": EXTRACTED_AT,
                **row,
            }
            for number, row in enumerate(rows)
        ]
        values = ", ".join(f"cast(value:{name} as {kind})" for name, kind in columns.items())
        self.connection.cursor().execute(
            f"insert into RAW.{table} ({', '.join(columns)}) "
            f"select {values} from table(flatten(input => parse_json(%s)))",
            (json.dumps(documents),),
        )

    def rows(self, table: str, order: str = "session_date, symbol") -> list[tuple[Any, ...]]:
        """The rows of a mart, in an order, without the columns that tell when a row came."""
        cursor = self.connection.cursor()
        cursor.execute(f"select * from MARTS.{table} order by {order}")
        kept = [n for n, one in enumerate(cursor.description) if one.name not in ARRIVAL_COLUMNS]
        return [tuple(row[n] for n in kept) for row in cursor.fetchall()]

    def contents(self, schema: str) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of every table of a schema, in an order, without when each came."""
        columns: dict[str, list[str]] = {}
        for table, column in self.query(
            "select table_name, column_name from information_schema.columns "
            f"where table_schema = '{schema}' order by ordinal_position"
        ):
            if column not in ARRIVAL_COLUMNS:
                columns.setdefault(table.lower(), []).append(column.lower())
        return {
            table: self.query(
                f"select {', '.join(names)} from {schema}.{table} order by {', '.join(names)}"
            )
            for table, names in columns.items()
        }

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        cursor = self.connection.cursor()
        cursor.execute(sql)
        return [tuple(row) for row in cursor.fetchall()]

    def now(self) -> str:
        """The warehouse's clock, in UTC."""
        return str(self.query("select cast(sysdate() as varchar)")[0][0])

    def touched(self, since: str, *schemas: str) -> dict[str, int]:
        """How many rows of each table were written after a moment of `now`; without the others.

        The tables of the marts unless `schemas` are given.
        """
        names = ", ".join(f"'{one}'" for one in schemas or ("MARTS",))
        tables = self.query(
            "select table_schema, table_name from information_schema.columns "
            f"where table_schema in ({names}) and column_name = 'CHANGED_AT' order by table_name"
        )
        found = {
            name.lower(): self.query(
                f"select count(*) from {schema}.{name} where changed_at > '{since}'"
            )[0][0]
            for schema, name in tables
        }
        return {name: count for name, count in found.items() if count}

    def run_dbt(
        self,
        *arguments: str,
        window: tuple[str, str] | None = None,
        variables: dict[str, str] | None = None,
    ) -> dict[str, str]:
        """Run dbt; the status of every node by name. Errors are results, not exceptions."""
        variables = dict(variables or {})
        if window:
            variables |= {"first_session": window[0], "last_session": window[1]}
        assert self.dbt.stdin is not None
        assert self.dbt.stdout is not None
        self.dbt.stdin.write(json.dumps([*arguments, "--vars", json.dumps(variables)]) + "\n")
        self.dbt.stdin.flush()
        for line in self.dbt.stdout:
            if line.startswith("RESULT "):
                nodes = json.loads(line.removeprefix("RESULT "))
                self.seconds = {name: seconds for name, (_, seconds) in nodes.items()}
                return {name: status for name, (status, _) in nodes.items()}
        raise AssertionError(f"dbt ended with exit code {self.dbt.wait()} during {arguments}")


def assert_same_rows(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> None:
    """Equal rows, numbers up to the last bits, which depend on the order of a sum's parts."""
    assert len(found) == len(expected)
    pairs = [pair for pair in zip(found, expected, strict=True) if pair[0] != pair[1]]
    different = [(a, b) for a, b in pairs if a != pytest.approx(b, rel=1e-9, abs=1e-13)]
    assert different[:3] == []


@contextmanager
def warehouse(folder: Path) -> Iterator[Warehouse]:
    """Start a sandbox Snowflake and a dbt process with everything they write under `folder`."""
    port = _free_port()
    command = [sys.executable, "-m", "polygon_assets.sandbox.snowflake"]
    command += ["--port", str(port), "--data", str(folder / "snowflake")]
    server = subprocess.Popen(command, cwd=REPOSITORY)
    dbt = None
    try:
        dbt = subprocess.Popen(
            # -P: dbt imports every module `dbt_*` that it finds, as a plugin, and finds this one.
            [sys.executable, "-P", str(Path(__file__).with_name("dbt_process.py"))],
            cwd=PROJECT,
            env=_dbt_environment(port, folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        _wait_until_healthy(port, server)
        with _connect(port) as connection:
            _create_raw_tables(connection)
            yield Warehouse(connection, dbt, server)
    finally:
        if dbt is not None:
            dbt.kill()  # under a worker that ignores SIGTERM it ignores that, too
            dbt.wait(10)
        server.terminate()
        server.wait(10)


def _dbt_environment(port: int, folder: Path) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SNOWFLAKE_", "DBT_"))}
    return inherited | {
        "SNOWFLAKE_PORT": str(port),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_LOG_LEVEL_FILE": "none",
        "DBT_WRITE_JSON": "false",
        "PYTHONWARNINGS": "ignore",
    }


def _connect(port: int) -> SnowflakeConnection:
    return snowflake.connector.connect(
        account="sandbox",
        user="sandbox",
        password="sandbox",
        host="127.0.0.1",
        port=port,
        protocol="http",
        database="POLYGON_LOCAL",
        schema="RAW",
    )


def _create_raw_tables(connection: SnowflakeConnection) -> None:
    cursor = connection.cursor()
    cursor.execute("create schema if not exists POLYGON_LOCAL.RAW")
    for table, columns in RAW_TABLES.items():
        definitions = ", ".join(f"{n} {kind}" for n, kind in columns.items())
        cursor.execute(f"create table RAW.{table} ({definitions})")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_healthy(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, f"the sandbox Snowflake ended with {server.returncode}"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the sandbox Snowflake on port {port} did not answer in 60 s")
