"""Records of one stream on their way to the warehouse, as gzipped NDJSON."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

from polygon_assets.sandbox.airbyte.protocol import Record

_GZIP_LEVEL = 1


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
        self._file = gzip.open(path, "wb", compresslevel=_GZIP_LEVEL)  # noqa: SIM115

    def add(self, record: Record) -> None:
        """Write one record."""
        self.rows += 1
        at = datetime.fromtimestamp(record.emitted_at / 1000, UTC).isoformat(
            timespec="milliseconds"
        )
        self._file.write(b'{"n":%d,"at":"%b","data":%b}\n' % (self.rows, at.encode(), record.data))

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
