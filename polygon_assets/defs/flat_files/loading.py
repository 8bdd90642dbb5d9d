"""From a file on disk into the warehouse: stage, batch table, and the session's rows replaced."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polygon_assets.defs.flat_files.files import FetchedFile
from polygon_assets.defs.flat_files.tables import COLUMNS, FlatFileTable
from polygon_assets.resources.flat_files import FlatFileError

if TYPE_CHECKING:
    from snowflake.connector.cursor import SnowflakeCursor

STAGE = "FLAT_FILES"
LOADS = "FLAT_FILE_LOADS"
"""Which file each session's rows came from."""

# Nothing but an empty field is NULL: "NA", "NULL" and "TRUE" are tickers.
FILE_FORMAT = (
    "TYPE = CSV COMPRESSION = GZIP FIELD_DELIMITER = ',' SKIP_HEADER = 1 "
    "FIELD_OPTIONALLY_ENCLOSED_BY = '\"' NULL_IF = () EMPTY_FIELD_AS_NULL = TRUE "
    "ESCAPE_UNENCLOSED_FIELD = NONE TRIM_SPACE = FALSE ERROR_ON_COLUMN_COUNT_MISMATCH = TRUE "
    "ENCODING = 'UTF8'"
)


class LoadRejectedError(FlatFileError):
    """The warehouse did not take every row; what was in the table before is still there."""


@dataclass(frozen=True)
class Load:
    """One session in the warehouse.

    Attributes:
        file: Where its rows came from.
        put_seconds: Time to send the file to the stage.
        copy_seconds: Time of COPY into the batch table.
        replace_seconds: Time to replace the session's rows.
    """

    file: FetchedFile
    put_seconds: float
    copy_seconds: float
    replace_seconds: float


class Loader:
    """Loads files into one table, over one session of the warehouse."""

    def __init__(self, cursor: "SnowflakeCursor", database: str, table: FlatFileTable) -> None:
        """Load into a table of a database's schema RAW."""
        self._cursor = cursor
        self._raw = f"{database}.RAW"
        self._table = table
        self._target = table.qualified(database)
        self._batch = f"{self._target}_BATCH"

    def prepare(self) -> None:
        """Create the table, the stage and the list of loads where they are missing."""
        columns = ", ".join(f"{name.upper()} {kind}" for name, kind in COLUMNS.items())
        self._run(
            f"CREATE TABLE IF NOT EXISTS {self._target} ({columns}, SESSION_DATE DATE, "
            "FILE_ETAG VARCHAR, LOADED_AT TIMESTAMP_TZ)"
        )
        self._run(
            f"CREATE TABLE IF NOT EXISTS {self._raw}.{LOADS} (DATASET VARCHAR, SESSION_DATE DATE, "
            "FILE_KEY VARCHAR, ETAG VARCHAR, BYTES NUMBER(38, 0), ROW_COUNT NUMBER(38, 0), "
            "LOADED_AT TIMESTAMP_TZ)"
        )
        self._run(f"CREATE STAGE IF NOT EXISTS {self._raw}.{STAGE}")

    def load(self, file: FetchedFile) -> Load:
        """Replace the rows of the file's session by those of the file.

        Killed at any point, this leaves the session as it was before or as it is in the file, and
        at most a file in the stage that the next load of the session overwrites.

        Raises:
            LoadRejectedError: The warehouse refused rows.
            snowflake.connector.Error: The warehouse refused a statement.
        """
        started = time.perf_counter()
        self._put(file)
        staged = time.perf_counter()
        self._copy(file)
        copied = time.perf_counter()
        self._replace_session(file)
        replaced = time.perf_counter()
        return Load(file, staged - started, copied - staged, replaced - copied)

    def _put(self, file: FetchedFile) -> None:
        self._run(
            f"PUT 'file://{file.path}' @{self._raw}.{STAGE}/{self._table.dataset} "
            "AUTO_COMPRESS = FALSE SOURCE_COMPRESSION = GZIP OVERWRITE = TRUE"
        )

    def _copy(self, file: FetchedFile) -> None:
        # The fields of a file have no names: the batch table has the columns in the file's order.
        columns = ", ".join(f"{name.upper()} {COLUMNS[name]}" for name in file.columns)
        # Temporary: it belongs to this session and goes with it, however the session ends.
        self._run(f"CREATE OR REPLACE TEMPORARY TABLE {self._batch} ({columns})")
        answer = self._run(
            f"COPY INTO {self._batch} FROM @{self._raw}.{STAGE}/{self._table.dataset}/"
            f"{file.path.name} FILE_FORMAT = ({FILE_FORMAT}) ON_ERROR = CONTINUE FORCE = TRUE "
            "PURGE = TRUE"
        )
        names = [column.name.lower() for column in self._cursor.description or []]
        require_every_row(file, [dict(zip(names, row, strict=True)) for row in answer])

    def _replace_session(self, file: FetchedFile) -> None:
        names = ", ".join(name.upper() for name in COLUMNS)
        session, published = str(file.session), file.published
        self._run("BEGIN")
        try:
            self._run(f"DELETE FROM {self._target} WHERE SESSION_DATE = %s", session)
            self._run(
                f"INSERT INTO {self._target} ({names}, SESSION_DATE, FILE_ETAG, LOADED_AT) "
                f"SELECT {names}, TO_DATE(%s), %s, CURRENT_TIMESTAMP() FROM {self._batch}",
                session,
                published.etag,
            )
            if self._cursor.rowcount != file.rows:
                raise LoadRejectedError(
                    f"{published.key} has {file.rows} rows, but {self._cursor.rowcount} were "
                    "inserted. Nothing of it was kept."
                )
            self._run(
                f"DELETE FROM {self._raw}.{LOADS} WHERE DATASET = %s AND SESSION_DATE = %s",
                self._table.dataset,
                session,
            )
            self._run(
                f"INSERT INTO {self._raw}.{LOADS} (DATASET, SESSION_DATE, FILE_KEY, ETAG, BYTES, "
                "ROW_COUNT, LOADED_AT) SELECT %s, TO_DATE(%s), %s, %s, %s, %s, CURRENT_TIMESTAMP()",
                self._table.dataset,
                session,
                published.key,
                published.etag,
                published.size,
                file.rows,
            )
            self._run("COMMIT")
        except BaseException:
            self._run("ROLLBACK")
            raise

    def _run(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        self._cursor.execute(sql, list(parameters))
        return [tuple(row) for row in self._cursor.fetchall()]


def require_every_row(file: FetchedFile, answer: list[dict[str, Any]]) -> None:
    """Compare what COPY loaded with what the file holds.

    Args:
        file: The file.
        answer: COPY's answer, a row for each file of the stage.

    Raises:
        LoadRejectedError: Rows are missing; the text has their number and the first error.
    """
    key = file.published.key
    loaded = sum(int(one.get("rows_loaded") or 0) for one in answer)
    rejected = sum(int(one.get("errors_seen") or 0) for one in answer)
    first = next((one for one in answer if one.get("first_error")), None)
    if first is not None:
        raise LoadRejectedError(
            f"The warehouse rejected {rejected} of the {file.rows} rows of {key}; the first on "
            f"line {first['first_error_line']}, column {first['first_error_column_name']}: "
            f"{first['first_error']}. The session is as it was before."
        )
    if loaded != file.rows:
        raise LoadRejectedError(
            f"{key} has {file.rows} rows, but the warehouse read {loaded}. The session is as it "
            "was before."
        )
