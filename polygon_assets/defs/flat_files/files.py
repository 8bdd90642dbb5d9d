"""From the bucket to a file on disk that is known to be whole and to have the expected columns."""

import gzip
import time
import zlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from polygon_assets.defs.flat_files.tables import COLUMNS
from polygon_assets.resources.flat_files import (
    Bucket,
    FileNotPublishedError,
    FlatFileError,
    PublishedFile,
    key_of,
)

_BLOCK_BYTES = 1 << 20


class UnknownFormatError(FlatFileError):
    """The file is not what the tables are made for."""


@dataclass(frozen=True)
class FetchedFile:
    """The flat file of one session, on disk.

    Attributes:
        session: New York date.
        published: What the bucket says of it.
        path: Where it is.
        columns: Names in its header, in its order.
        rows: Lines after the header.
        attempts: How often it was asked for, 1 without a torn download.
        download_seconds: Time to get it.
        verify_seconds: Time to decompress it, to look at its header and to count its rows.
    """

    session: date
    published: PublishedFile
    path: Path
    columns: tuple[str, ...]
    rows: int
    attempts: int
    download_seconds: float
    verify_seconds: float


def fetch(bucket: Bucket, dataset: str, session: date, folder: Path) -> FetchedFile | None:
    """Get the file of a session.

    Args:
        bucket: The vendor's bucket.
        dataset: The vendor's name of the files.
        session: New York date.
        folder: Where to put it.

    Returns:
        None where the vendor has not published it.

    Raises:
        UnknownFormatError: It is not a gzip file, or has other columns.
        FlatFileError: It cannot be had.
    """
    path = folder / f"{dataset}_{session}.csv.gz"
    started = time.perf_counter()
    try:
        download = bucket.download(key_of(dataset, session), path)
    except FileNotPublishedError:
        return None
    downloaded = time.perf_counter()
    header, rows = read_whole(path)
    verified = time.perf_counter()
    return FetchedFile(
        session,
        download.file,
        path,
        require_columns(download.file.key, header),
        rows,
        download.attempts,
        downloaded - started,
        verified - downloaded,
    )


def read_whole(path: Path) -> tuple[str, int]:
    """The first line of a gzip file of text, and the number of lines after it.

    Raises:
        UnknownFormatError: It is not a complete gzip file, or it is empty.
    """
    lines, last = 0, b"\n"
    try:
        with gzip.open(path) as file:
            header = file.readline().decode()
            while block := file.read(_BLOCK_BYTES):
                lines += block.count(b"\n")
                last = block[-1:]
    except (EOFError, OSError, UnicodeDecodeError, zlib.error) as error:
        raise UnknownFormatError(f"{path.name} is not a gzip file of text: {error}") from error
    if not header:
        raise UnknownFormatError(f"{path.name} is empty: it has not even a header.")
    return header.rstrip("\r\n"), lines + (last != b"\n")


def require_columns(key: str, header: str) -> tuple[str, ...]:
    """The names in a header.

    Raises:
        UnknownFormatError: A column is unknown, missing, or there twice; the text names it.
    """
    names = tuple(header.split(","))
    problems = {
        "unknown": [name for name in names if name not in COLUMNS],
        "missing": [name for name in COLUMNS if name not in names],
        "repeated": sorted({name for name in names if names.count(name) > 1}),
    }
    found = [f"{', '.join(columns)} {what}" for what, columns in problems.items() if columns]
    if found:
        raise UnknownFormatError(
            f"{key} has other columns than the table: {'; '.join(found)}. Nothing of it was loaded."
        )
    return names
