"""One file of a partition's log: whole record batches, one after the other."""

import json
import mmap
import os
from array import array
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

import google_crc32c

from polygon_assets.sandbox.kafka.files import append_all, replace_file, sync_directory
from polygon_assets.sandbox.kafka.producers import Snapshot
from polygon_assets.sandbox.kafka.records import (
    HEADER_BYTES,
    Buffer,
    RecordBatch,
    crc_matches,
    header_at,
    whole_batches,
)

SUFFIX = ".log"

_READ_BYTES = 1024 * 1024
_INDEX_INTERVAL_BYTES = 4096
"""A batch is indexed when it starts this far behind the last indexed one."""


class Segment:
    """A file named after its first offset, with a sparse index in memory.

    Attributes:
        base_offset: First offset that the segment may hold.
        end_offset: Offset after the last record.
        size: Bytes of whole batches.
        max_timestamp: Newest record timestamp, milliseconds; -1 when empty.
        was_closed: Whether the file had this size when it was closed: what is wrong in it now is
            damage, and no unfinished write.
    """

    def __init__(self, directory: Path, base_offset: int) -> None:
        self.base_offset = base_offset
        self.end_offset = base_offset
        self.size = 0
        self.max_timestamp = -1
        self.was_closed = False
        self._checksum = 0
        self.path = directory / f"{base_offset:020d}{SUFFIX}"
        self._index_path = self.path.with_suffix(".index")
        self._index_is_saved = False
        self._descriptor: int | None = None
        self._offsets = array("q")
        self._positions = array("q")

    def recover(self, on_batch: Callable[[RecordBatch], None]) -> int:
        """Rebuild the index from the file, and find where its good batches end.

        Args:
            on_batch: Called with the header of every good batch, in order.

        Returns:
            Bytes of the file behind the last good batch.
        """
        file_size = self.path.stat().st_size
        if file_size == 0:
            return 0
        with (
            self.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as data,
        ):
            for position, batch in whole_batches(data, self.base_offset):
                if not crc_matches(batch, data, position):
                    self.was_closed |= _goes_on(data, position, batch)
                    break
                self._note(batch, data[position : position + batch.size])
                on_batch(batch)
        return file_size - self.size

    def restore(self) -> Snapshot | None:
        """Take the index over from the file that ``close`` wrote.

        Returns:
            The producers' sequences at the end of the segment; None when the index file is
            missing, cannot be read, or does not fit the segment.
        """
        try:
            saved = json.loads(self._index_path.read_bytes())
            if saved["size"] != self.path.stat().st_size:
                return None
            self.was_closed = True
            if saved["checksum"] != self._file_checksum():
                return None
            offsets, positions = array("q", saved["offsets"]), array("q", saved["positions"])
            end_offset, max_timestamp = int(saved["end_offset"]), int(saved["max_timestamp"])
            producers: Snapshot = saved["producers"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        self.size, self.end_offset, self.max_timestamp = saved["size"], end_offset, max_timestamp
        self._offsets, self._positions = offsets, positions
        self._checksum = saved["checksum"]
        self._index_is_saved = True
        return producers

    def _file_checksum(self) -> int:
        checksum = 0
        with self.path.open("rb") as file:
            while part := file.read(_READ_BYTES):
                checksum = google_crc32c.extend(checksum, part)
        return checksum

    def cut_tail(self) -> None:
        """Remove what follows the last whole batch from the file."""
        os.truncate(self.path, self.size)

    def append(self, data: bytes | bytearray, batch: RecordBatch, *, sync: bool) -> None:
        """Append one batch.

        Raises:
            OSError: The write failed; the segment is unchanged.
        """
        descriptor = self._opened()
        append_all(descriptor, data, self.size)
        if sync:
            os.fsync(descriptor)
        self._note(batch, data)

    def create(self) -> None:
        """Create the file, which makes the segment's base offset durable."""
        self._opened()
        sync_directory(self.path.parent)

    def _opened(self) -> int:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._descriptor = os.open(self.path, flags, 0o644)
        return self._descriptor

    def _note(self, batch: RecordBatch, data: Buffer) -> None:
        if not self._positions or self.size - self._positions[-1] >= _INDEX_INTERVAL_BYTES:
            self._offsets.append(batch.base_offset)
            self._positions.append(self.size)
        self._index_is_saved = False
        self._checksum = google_crc32c.extend(self._checksum, bytes(data))
        self.size += batch.size
        self.end_offset = batch.last_offset + 1
        self.max_timestamp = max(self.max_timestamp, batch.max_timestamp)

    def read(self, offset: int, max_bytes: int) -> bytes:
        """Batches from the one that holds the offset, which must be in the segment.

        Returns:
            At most ``max_bytes``, the last batch cut short if need be; but always the whole of
            the first batch, so that a reader can advance.
        """
        indexed = self._positions[bisect_right(self._offsets, offset) - 1]
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            near = os.pread(descriptor, _INDEX_INTERVAL_BYTES + HEADER_BYTES + max_bytes, indexed)
            start, batch = _batch_of(near, offset)
            end = start + max(max_bytes, batch.size)
            if start + batch.size <= len(near):
                return near[start:end]
            return os.pread(descriptor, end - start, indexed + start)
        finally:
            os.close(descriptor)

    def batch_since(self, timestamp: int, offset: int) -> RecordBatch | None:
        """The first batch that reaches an offset, with a record at or after a timestamp (ms)."""
        if self.max_timestamp < timestamp:
            return None
        data = self.path.read_bytes()
        found = (
            batch
            for _, batch in whole_batches(data, self.base_offset)
            if batch.max_timestamp >= timestamp and batch.last_offset >= offset
        )
        return next(found, None)

    def newest(self) -> float:
        """The newest record's timestamp in seconds since 1970; the last append without any."""
        if not self.size:
            return float("inf")
        known = self.max_timestamp >= 0
        return self.max_timestamp / 1000 if known else self.path.stat().st_mtime

    def close(self, producers: Snapshot) -> None:
        """Flush to the disk and stop appending; reading goes on.

        Args:
            producers: The sequences at the end of the segment. They are written beside it with
                its index, so that the next start need not read the whole segment.
        """
        if self._descriptor is not None:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
        if self._index_is_saved or not self.size:
            return
        index = {
            "size": self.size,
            "end_offset": self.end_offset,
            "max_timestamp": self.max_timestamp,
            "checksum": self._checksum,
            "offsets": self._offsets.tolist(),
            "positions": self._positions.tolist(),
            "producers": producers,
        }
        replace_file(self._index_path, json.dumps(index, separators=(",", ":")).encode())
        self._index_is_saved = True

    def delete(self) -> None:
        """Remove the files of a segment that is closed."""
        self.path.unlink(missing_ok=True)
        self._index_path.unlink(missing_ok=True)


def _batch_of(data: bytes, offset: int) -> tuple[int, RecordBatch]:
    position = 0
    while (batch := header_at(data, position)) is not None:
        if batch.last_offset >= offset:
            return position, batch
        position += batch.size
    raise OSError(f"the log has no batch with offset {offset} where its index says")


def _goes_on(data: memoryview, position: int, batch: RecordBatch) -> bool:
    """Whether a good batch follows on one that is not: an unfinished write has none behind it."""
    end = position + batch.size
    following = header_at(data, end)
    return (
        following is not None
        and following.base_offset == batch.last_offset + 1
        and end + following.size <= len(data)
        and crc_matches(following, data, end)
    )
