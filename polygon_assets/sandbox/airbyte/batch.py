"""Records of one stream on their way to the warehouse, as gzipped NDJSON."""

import zlib
from datetime import UTC, datetime
from pathlib import Path

from polygon_assets.sandbox.airbyte.protocol import Record

_GZIP_LEVEL = 1
_GZIP_CONTAINER = 31
_CHUNK_RECORDS = 500
"""Compressed and written at once: calls for each record would cost more than the work."""


class Batch:
    """A file with one line a record: ``{"n": 1, "at": "<UTC>", "data": {...}}``.

    ``data`` is the connector's JSON, byte for byte; ``n`` counts the records, so that of two with
    the same key the later one is known.

    Attributes:
        path: The file; complete after :meth:`close`.
        rows: Records written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._file = path.open("wb")
        self._gzip = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_CONTAINER)
        self._lines: list[bytes] = []
        self._moment = 0.0
        self._moment_text = b""

    def add(self, record: Record) -> None:
        """Write one record."""
        if record.emitted_at != self._moment or not self._moment_text:
            self._moment = record.emitted_at
            self._moment_text = _utc(record.emitted_at)
        self.rows += 1
        self._lines.append(
            b'{"n":%d,"at":"%b","data":%b}\n' % (self.rows, self._moment_text, record.data)
        )
        if len(self._lines) >= _CHUNK_RECORDS:
            self._write()

    def close(self) -> None:
        """Finish the file."""
        if not self._file.closed:
            self._write()
            self._file.write(self._gzip.flush())
            self._file.close()

    def _write(self) -> None:
        self._file.write(self._gzip.compress(b"".join(self._lines)))
        self._lines.clear()


def _utc(milliseconds: float) -> bytes:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").encode()
