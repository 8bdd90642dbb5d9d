"""The vendor's flat files: which there are at what time, made when first asked for.

A file is kept on disk once it is made, because S3 tells the size and the MD5 of every file that it
lists. Making one costs a few milliseconds per symbol for minutes, and next to nothing for days.
"""

import gzip
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b, file_digest
from pathlib import Path
from threading import Lock
from typing import Literal

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.flat_csv import DAYS, MINUTES, rows
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sessions import NEW_YORK

ROOT = "us_stocks_sip"
DATASETS = (DAYS, MINUTES)
PUBLISHED_AT = time(11)
"""New York time on the calendar day after the session at which its files appear."""

Version = Literal["early", "final"]

_GZIP_LEVEL = 6


@dataclass(frozen=True)
class FlatFile:
    """A file as it is now.

    Attributes:
        key: Of the object in the bucket.
        path: Its content on disk.
        size: Bytes.
        md5: Of the content, in hexadecimal digits: the ETag.
        modified: When the vendor put it there, by the market's clock.
    """

    key: str
    path: Path
    size: int
    md5: str
    modified: datetime

    @property
    def modified_utc(self) -> datetime:
        """The same moment in UTC, as S3 tells it."""
        return self.modified.astimezone(UTC)


class FlatFiles:
    """The flat files of a market.

    Args:
        market: Its symbols.
        clock: Decides which files have appeared.
        directory: Keeps the files that are made; those of another market or of another version of
            the simulator are removed from it.
    """

    def __init__(self, market: Market, clock: Clock, directory: Path) -> None:
        self._market, self._clock = market, clock
        self._directory = directory / _fingerprint(market)
        self._editions: dict[str, tuple[Version, datetime]] = {}
        self._digests: dict[Path, str] = {}
        self._making = Lock()
        for stale in directory.glob("*"):
            if stale != self._directory:
                shutil.rmtree(stale)

    def keys(self) -> list[str]:
        """The keys of all files that have appeared, ascending."""
        now = self._clock.now()
        days = sessions.sessions_between(sessions.first_session(), now.date())
        shown = [day for day in days if _published_at(day) <= now]
        return [key_of(dataset, day) for dataset in DATASETS for day in shown]

    def get(self, key: str) -> FlatFile | None:
        """A file, made now if it is the first time; None when there is no such key yet.

        Blocks for as long as it takes to make the file.
        """
        found = _parsed(key)
        if found is None or _published_at(found[1]) > self._clock.now():
            return None
        dataset, session = found
        version, modified = self._editions.get(key, ("final", _published_at(session)))
        path = self._directory / dataset / f"{session}.{version}.csv.gz"
        if not path.exists():
            with self._making:  # two at once would not be faster, and could make the same file
                if not path.exists():
                    self._make(path, dataset, session, version)
        return FlatFile(key, path, path.stat().st_size, self._md5(path), modified)

    def replace(self, dataset: str, session: date, version: Version) -> None:
        """Put another edition of a file in place, as of now.

        Raises:
            ValueError: No such dataset, or not a session.
        """
        if dataset not in DATASETS:
            raise ValueError(f"dataset {dataset!r}: choose one of {', '.join(DATASETS)}")
        published = _published_at(sessions.session(session).session_date)
        modified = max(self._clock.now(), published)
        self._editions[key_of(dataset, session)] = version, modified

    def _make(self, path: Path, dataset: str, session: date, version: Version) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.unfinished")
        with (
            unfinished.open("wb") as file,
            gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as compressed,
        ):
            for text in rows(self._market, dataset, session, early=version == "early"):
                compressed.write(text.encode())
        unfinished.replace(path)

    def _md5(self, path: Path) -> str:
        if path not in self._digests:
            with path.open("rb") as file:
                self._digests[path] = file_digest(file, "md5").hexdigest()
        return self._digests[path]


def key_of(dataset: str, session: date) -> str:
    """The key of a session's file in the bucket."""
    return f"{ROOT}/{dataset}/{session:%Y/%m}/{session}.csv.gz"


def _parsed(key: str) -> tuple[str, date] | None:
    """Dataset and session of a key; None where no file can have it."""
    parts = key.split("/")
    if len(parts) != 5 or parts[1] not in DATASETS:
        return None
    try:
        session = date.fromisoformat(parts[4].removesuffix(".csv.gz"))
    except ValueError:
        return None
    exists = sessions.is_session(session) and key == key_of(parts[1], session)
    return (parts[1], session) if exists else None


def _published_at(session: date) -> datetime:
    return datetime.combine(session + timedelta(days=1), PUBLISHED_AT, NEW_YORK)


def _fingerprint(market: Market) -> str:
    """What the files' content depends on: the symbols, the seed, and this package's code."""
    digest = blake2b(f"{sorted(market.symbols)} {market.seed}".encode(), digest_size=8)
    for code in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(code.read_bytes())
    return digest.hexdigest()
