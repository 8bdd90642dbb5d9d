"""Which loaded files has the vendor replaced since?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from polygon_assets.defs.flat_files.loading import LOADS
from polygon_assets.defs.flat_files.tables import FlatFileTable
from polygon_assets.partitions import SessionWindow
from polygon_assets.raw.deliveries import existing_tables
from polygon_assets.resources.flat_files import Bucket, key_of
from polygon_assets.resources.snowflake import Warehouse

SESSIONS_LOOKED_AT = 20
"""How many sessions are compared with the bucket; the vendor rarely replaces older files."""


@dataclass(frozen=True)
class Replacement:
    """A file that is another than the one that was loaded.

    Attributes:
        table: Name of the table, in lower case.
        session: New York date.
        loaded_etag: ETag of the file in the table.
        etag: ETag of the file in the bucket.
    """

    table: str
    session: date
    loaded_etag: str
    etag: str

    @property
    def run_key(self) -> str:
        """Names the reload: the same file asks for one run only."""
        return f"{self.table}-{self.session}-{self.etag}"


def replacements(
    table: FlatFileTable, loaded: Mapping[date, str], published: Mapping[date, str]
) -> list[Replacement]:
    """The sessions whose file was replaced, ascending.

    Args:
        table: Their table.
        loaded: Session -> ETag of the file in the table.
        published: Session -> ETag of the file in the bucket. A file that is gone replaces nothing.
    """
    return [
        Replacement(table.name, session, etag, published[session])
        for session, etag in sorted(loaded.items())
        if published.get(session, etag) != etag
    ]


def loaded_etags(
    snowflake: Warehouse, table: FlatFileTable, window: SessionWindow
) -> dict[date, str]:
    """Session -> ETag of the file in the table: the newest loaded sessions of a window."""
    if LOADS.lower() not in existing_tables(snowflake):
        return {}
    rows = snowflake.query(
        f"SELECT SESSION_DATE, ETAG FROM {snowflake.database}.RAW.{LOADS} "
        "WHERE DATASET = %s AND SESSION_DATE BETWEEN %s AND %s "
        f"ORDER BY SESSION_DATE DESC LIMIT {SESSIONS_LOOKED_AT}",
        [table.dataset, str(window.first), str(window.last)],
    )
    return {session: str(etag) for session, etag in rows}


def published_etags(
    bucket: Bucket, table: FlatFileTable, sessions: Sequence[date]
) -> dict[date, str]:
    """Session -> ETag of the file in the bucket; sessions without a file are not in it.

    Raises:
        FlatFileError: The bucket does not answer, or refuses.
    """
    found = {session: bucket.head(key_of(table.dataset, session)) for session in sessions}
    return {session: file.etag for session, file in found.items() if file is not None}


def replaced_files(
    bucket: Bucket, snowflake: Warehouse, table: FlatFileTable, window: SessionWindow
) -> tuple[int, list[Replacement]]:
    """How many loaded files were compared with the bucket, and which of them were replaced."""
    loaded = loaded_etags(snowflake, table, window)
    published = published_etags(bucket, table, list(loaded))
    return len(loaded), replacements(table, loaded, published)
