"""The data directory: one file per database, one for what spans databases, and the stages."""

from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection
from fakesnow import info_schema, macros
from fakesnow.transforms import show, stage

from polygon_assets.sandbox.snowflake.names import quoted

GLOBAL_FILE = "_fs_global.duckdb"
DATABASE_SUFFIX = ".db"
CLONE_SUFFIX = ".clone"
"""Of a clone that is being copied; one that is left behind was never a database."""
MEMORY_LIMIT = "2GB"

_CREATE_DIGESTS = (
    "CREATE TABLE IF NOT EXISTS _fs_global._fs_information_schema.stage_file_digests"
    " (path VARCHAR PRIMARY KEY, digest VARCHAR)"
)


def open_databases(data: Path) -> DuckDBPyConnection:
    """Open every database of the directory in one DuckDB instance.

    Every session works on a cursor of the returned connection.
    """
    stages = data / "stages"
    stages.mkdir(exist_ok=True)
    stage.LOCAL_BUCKET_PATH = str(stages.resolve())
    duck = duckdb.connect(
        ":memory:",
        config={
            # The translation from Snowflake still writes lambdas with an arrow.
            "lambda_syntax": "ENABLE_SINGLE_ARROW",
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(data / "spill"),
            "python_enable_replacements": False,
        },
    )
    duck.execute(f"ATTACH {literal(data / GLOBAL_FILE)} AS _fs_global")
    duck.execute(info_schema.fs_global_creation_sql())
    duck.execute(show.fs_global_creation_sql())
    duck.execute(_CREATE_DIGESTS)
    duck.execute("SET GLOBAL TimeZone = 'UTC'")
    for file in data.glob(f"*{CLONE_SUFFIX}*"):
        file.unlink()
    for file in sorted(data.glob(f"*{DATABASE_SUFFIX}")):
        duck.execute(f"ATTACH {literal(file)} AS {quoted(file.stem)}")
        duck.execute(info_schema.per_db_creation_sql(file.stem))
        duck.execute(macros.creation_sql(file.stem))
    return duck


def remove_database_files(path: str) -> None:
    """Delete a detached database's file and its write-ahead log."""
    for suffix in ("", ".wal"):
        Path(path + suffix).unlink(missing_ok=True)


def checkpoint(duck: DuckDBPyConnection) -> None:
    """Write every database's log into its file."""
    attached = duck.execute(
        "SELECT database_name FROM duckdb_databases() WHERE NOT internal AND path IS NOT NULL"
    ).fetchall()
    for (name,) in attached:
        duck.execute(f"FORCE CHECKPOINT {quoted(name)}")


def data_bytes(data: Path) -> int:
    """Bytes of all files under the data directory."""
    total = 0
    for file in data.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue  # a log or spill file that went away meanwhile
    return total


def literal(text: object) -> str:
    """A text for a DuckDB statement that takes no parameters."""
    return "'" + str(text).replace("'", "''") + "'"
