"""Raw tables from the vendor's flat files: the door for years of history of the whole market.

A partition is a file. A backfill of any length is one run: it loads one session after the other,
each in a transaction of its own, and downloads the next file meanwhile.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

from polygon_assets.code_versions import code_version
from polygon_assets.defs.flat_files.ahead import one_ahead
from polygon_assets.defs.flat_files.files import FetchedFile, fetch
from polygon_assets.defs.flat_files.loading import Load, Loader
from polygon_assets.defs.flat_files.tables import TABLES, FlatFileTable
from polygon_assets.partitions import chosen_window
from polygon_assets.policies import session_spec
from polygon_assets.resources.flat_files import Bucket, FlatFiles
from polygon_assets.resources.snowflake import Warehouse

POOL = "flat_files"


def flat_file_asset(table: FlatFileTable) -> dg.AssetsDefinition:
    """The asset of one dataset."""
    spec = session_spec(
        table.key,
        description=table.description,
        kinds=["s3", "snowflake", "table"],
        metadata={"dataset": table.dataset, "session_column": table.session},
        code_version=code_version(__name__, table.dataset),
    )

    @dg.multi_asset(
        name=table.name,
        specs=[spec],
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=POOL,
    )
    def load(
        context: dg.AssetExecutionContext, flat_files: FlatFiles, snowflake: Warehouse
    ) -> dg.MaterializeResult[Any]:
        sessions = chosen_window(context.run.tags).sessions
        started = time.perf_counter()
        loads = load_sessions(context.log, flat_files, snowflake, table, sessions)
        require_published(table, sessions, loads)
        seconds = time.perf_counter() - started
        return dg.MaterializeResult(
            asset_key=table.key, metadata=_metadata(table, loads, seconds, snowflake)
        )

    return load


def load_sessions(
    log: dg.DagsterLogManager,
    flat_files: FlatFiles,
    snowflake: Warehouse,
    table: FlatFileTable,
    sessions: Sequence[date],
) -> list[Load]:
    """Load the files of sessions, each on its own; those that are not published are left out.

    Raises:
        FlatFileError: A file cannot be had, has another format, or was not taken by the warehouse.
            The sessions before it are loaded.
    """
    loads: list[Load] = []
    bucket = flat_files.open()
    with TemporaryDirectory(prefix="flat_files_") as folder, snowflake.cursor() as cursor:
        loader = Loader(cursor, str(snowflake.database), table)
        loader.prepare()
        download = partial(_fetch, bucket, table.dataset, Path(folder))
        with closing(one_ahead(download, sessions)) as files:
            for file in files:
                if file is None:
                    continue
                loads.append(loader.load(file))
                file.path.unlink()
                log.info("%s: %s rows of %s", table.name, file.rows, file.published.key)
    return loads


def require_published(
    table: FlatFileTable, sessions: Sequence[date], loads: Sequence[Load]
) -> None:
    """Fail where a session has no file.

    Raises:
        dg.Failure: Names the sessions.
    """
    loaded = {load.file.session for load in loads}
    missing = [str(session) for session in sessions if session not in loaded]
    if missing:
        raise dg.Failure(
            f"The vendor has not published the file {table.dataset} of {', '.join(missing)}: it "
            f"comes at about 11:00 New York time on the next day. The other {len(loads)} sessions "
            "of the run are loaded.",
            metadata={"missing_sessions": missing},
        )


def _fetch(bucket: Bucket, dataset: str, folder: Path, session: date) -> FetchedFile | None:
    return fetch(bucket, dataset, session, folder)


def _metadata(
    table: FlatFileTable, loads: Sequence[Load], seconds: float, snowflake: Warehouse
) -> dict[str, dg.MetadataValue | str | int | float]:
    files = [load.file for load in loads]
    return {
        "dagster/partition_row_count": sum(file.rows for file in files),
        "dagster/table_name": table.qualified(str(snowflake.database)).lower(),
        "bytes": sum(file.published.size for file in files),
        "rejected_rows": 0,  # a rejected row fails the load
        "downloads_repeated": sum(file.attempts - 1 for file in files),
        "seconds": round(seconds, 2),
        "download_seconds": round(sum(file.download_seconds for file in files), 2),
        "verify_seconds": round(sum(file.verify_seconds for file in files), 2),
        "put_seconds": round(sum(load.put_seconds for load in loads), 2),
        "copy_seconds": round(sum(load.copy_seconds for load in loads), 2),
        "replace_seconds": round(sum(load.replace_seconds for load in loads), 2),
        "rows_by_session": dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "session": str(file.session),
                        "rows": file.rows,
                        "bytes": file.published.size,
                        "etag": file.published.etag,
                    }
                )
                for file in files
            ],
            schema=dg.TableSchema(
                [
                    dg.TableColumn("session", "string"),
                    dg.TableColumn("rows", "int"),
                    dg.TableColumn("bytes", "int"),
                    dg.TableColumn("etag", "string"),
                ]
            ),
        ),
    }


flat_file_assets = [flat_file_asset(table) for table in TABLES]
