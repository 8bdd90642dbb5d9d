"""Files that PUT sends to a stage.

The client is told to upload over HTTP to this server, as to a bucket with a presigned address.
"""

import hashlib
import os
import threading
import uuid
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from duckdb import DuckDBPyConnection
from fakesnow.transforms import stage
from fakesnow.transforms.options import parse_options
from sqlglot import Expr, exp

from polygon_assets.sandbox.snowflake.errors import unsupported
from polygon_assets.sandbox.snowflake.names import quoted
from polygon_assets.sandbox.snowflake.scratch import UPLOADS_FOLDER

BUCKET_PATH = "/stages"

_OPTIONS = frozenset({"AUTO_COMPRESS", "OVERWRITE", "PARALLEL", "SOURCE_COMPRESSION"})
_DIGESTS = "_fs_global._fs_information_schema.stage_file_digests"

# Two uploads must not write one digest at once: DuckDB refuses the later one.
_digests_lock = threading.Lock()


def require_known_options(put: exp.Put) -> None:
    """Refuse what a PUT asks for and this server does not do.

    Raises:
        ProgrammingError: Names the option.
    """
    for name in parse_options(put.args.get("properties") or []):
        if name not in _OPTIONS:
            raise unsupported(f"PUT with {name}")


def upload_answer(put: exp.Put, transformed: Expr, base_url: str) -> dict[str, Any]:
    """The answer to a PUT: where the client has to send the file.

    Args:
        put: The PUT as the client wrote it.
        transformed: The PUT as fakesnow transformed it.
        base_url: This server's address.

    Raises:
        ProgrammingError: The stage holds the file, and the PUT does not say to overwrite it: this
            kind of store has no way to tell the client to skip it.
    """
    options = parse_options(put.args.get("properties") or [])
    command: dict[str, Any] = transformed.args["put_stage_data"]
    source = Path(command["src_locations"][0])
    target = Path(command["stageInfo"]["location"]) / source.name
    # The client asks a second time, with the bare name of the file; it would not understand a
    # refusal then.
    if source.is_absolute() and not options.get("OVERWRITE"):
        _refuse_to_overwrite(target)
    relative = os.path.relpath(target, stage.LOCAL_BUCKET_PATH)
    # The one kind of store to which the connector uploads with a plain HTTP request.
    command["stageInfo"] = {
        "locationType": "GCS",
        "location": f"{transformed.args['put_stage_name']}/",
        "creds": {},
        "presignedUrl": f"{base_url}{BUCKET_PATH}/{quote(relative)}",
    }
    command["overwrite"] = bool(options.get("OVERWRITE"))
    command["parallel"] = int(options.get("PARALLEL", command["parallel"]))
    command["sourceCompression"] = str(
        options.get("SOURCE_COMPRESSION", command["sourceCompression"])
    ).lower()
    return command


def _refuse_to_overwrite(target: Path) -> None:
    for stored in (target, target.with_name(f"{target.name}.gz")):
        if stored.exists():
            raise unsupported(
                f"PUT of {stored.name}, which the stage holds, without OVERWRITE = TRUE"
            )


class Upload:
    """A file on its way to a stage: written beside the stages, and moved there when complete."""

    def __init__(self, data: Path, relative: str) -> None:
        """Begin an upload.

        Args:
            data: The server's data directory.
            relative: The file's path below the stages.

        Raises:
            ValueError: The path leads outside the stages.
        """
        root = Path(stage.LOCAL_BUCKET_PATH)
        self._target = (root / relative).resolve()
        if not self._target.is_relative_to(root):
            raise ValueError(f"{relative} is outside the stages")
        self._partial = data / UPLOADS_FOLDER / uuid.uuid4().hex
        self._file: BinaryIO = self._partial.open("wb")
        self._digest = hashlib.md5(usedforsecurity=False)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._digest.update(chunk)
        self._file.write(chunk)

    def finish(self, duck: DuckDBPyConnection) -> None:
        """Put the file into its stage, and let COPY load it again where it is another than before.

        Args:
            duck: A DuckDB cursor of the caller's own.
        """
        self._file.close()
        self._target.parent.mkdir(parents=True, exist_ok=True)
        with _digests_lock:
            self._partial.replace(self._target)
            _forget_loads_of_other_content(duck, str(self._target), self._digest.hexdigest())

    def abandon(self) -> None:
        """Remove what has arrived; nothing where the upload was finished."""
        self._file.close()
        self._partial.unlink(missing_ok=True)


def _forget_loads_of_other_content(duck: DuckDBPyConnection, path: str, digest: str) -> None:
    known = duck.execute(f"SELECT digest FROM {_DIGESTS} WHERE path = ?", [path]).fetchone()
    if known is not None and known[0] == digest:
        return
    duck.execute(f"INSERT OR REPLACE INTO {_DIGESTS} VALUES (?, ?)", [path, digest])
    histories = duck.execute(
        "SELECT database_name FROM duckdb_tables() WHERE table_name = '_fs_load_history'"
    ).fetchall()
    for (database,) in histories:
        table = f"{quoted(database)}._fs_information_schema._fs_load_history"
        duck.execute(f"DELETE FROM {table} WHERE FILE_NAME = ?", [path])
