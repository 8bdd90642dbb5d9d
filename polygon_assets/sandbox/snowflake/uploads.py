"""Files that PUT sends to a stage.

The client is told to upload over HTTP to this server, as to a bucket with a presigned address.
"""

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from duckdb import DuckDBPyConnection
from fakesnow.transforms import stage
from sqlglot import Expr

from polygon_assets.sandbox.snowflake.names import quoted

BUCKET_PATH = "/stages"

_CREATE_DIGESTS = (
    "CREATE TABLE IF NOT EXISTS _fs_global._fs_information_schema.stage_file_digests"
    " (path VARCHAR PRIMARY KEY, digest VARCHAR)"
)


def upload_answer(statement: Expr, base_url: str) -> dict[str, Any]:
    """The answer to a PUT: where the client has to send the file.

    Args:
        statement: The PUT as fakesnow transformed it.
        base_url: This server's address.
    """
    command: dict[str, Any] = statement.args["put_stage_data"]
    directory = command["stageInfo"]["location"]
    file_name = Path(command["src_locations"][0]).name
    relative = os.path.relpath(Path(directory) / file_name, stage.LOCAL_BUCKET_PATH)
    # The one kind of store to which the connector uploads with a plain HTTP request.
    command["stageInfo"] = {
        "locationType": "GCS",
        "location": f"{statement.args['put_stage_name']}/",
        "creds": {},
        "presignedUrl": f"{base_url}{BUCKET_PATH}/{quote(relative)}",
    }
    return command


def store_file(duck: DuckDBPyConnection, relative: str, content: bytes) -> bool:
    """Write a staged file, and let COPY load it again where its content is another than before.

    Args:
        duck: A DuckDB cursor of the caller's own.
        relative: The file's path below the stages.
        content: The file.

    Returns:
        False where the path leads outside the stages: then nothing is written.
    """
    root = Path(stage.LOCAL_BUCKET_PATH)
    target = (root / relative).resolve()
    if not target.is_relative_to(root):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    partial.write_bytes(content)
    partial.replace(target)
    _forget_loads_of_other_content(duck, str(target), content)
    return True


def _forget_loads_of_other_content(duck: DuckDBPyConnection, path: str, content: bytes) -> None:
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    duck.execute(_CREATE_DIGESTS)
    known = duck.execute(
        "SELECT digest FROM _fs_global._fs_information_schema.stage_file_digests WHERE path = ?",
        [path],
    ).fetchone()
    if known is not None and known[0] == digest:
        return
    duck.execute(
        "INSERT OR REPLACE INTO _fs_global._fs_information_schema.stage_file_digests VALUES (?, ?)",
        [path, digest],
    )
    histories = duck.execute(
        "SELECT database_name FROM duckdb_tables() WHERE table_name = '_fs_load_history'"
    ).fetchall()
    for (database,) in histories:
        table = f"{quoted(database)}._fs_information_schema._fs_load_history"
        duck.execute(f"DELETE FROM {table} WHERE FILE_NAME = ?", [path])
