"""The log of one partition: segments, producers' sequences, retention, and who waits for data."""

import asyncio
import logging
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path

from polygon_assets.sandbox.kafka.configs import TopicConfig
from polygon_assets.sandbox.kafka.errors import (
    ErrorCode,
    RequestRefused,
    storage_errors,
)
from polygon_assets.sandbox.kafka.files import replace_file
from polygon_assets.sandbox.kafka.producers import ProducerSequences
from polygon_assets.sandbox.kafka.records import checked_batch, with_base_offset
from polygon_assets.sandbox.kafka.segment import SUFFIX, Segment
from polygon_assets.sandbox.server_start import StartError

logger = logging.getLogger(__name__)

_ALL = -1


class PartitionLog:
    """An append-only log of record batches in one directory.

    Args:
        directory: Created if missing.
        config: Limits of the topic; may be replaced at any time.
        sync: Flush every append to the disk before it is acknowledged.

    Raises:
        StartError: A segment before the last one is damaged.
    """

    def __init__(self, directory: Path, config: TopicConfig, *, sync: bool) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.config = config
        self._sync = sync
        self._sequences = ProducerSequences()
        self._waiting: set[asyncio.Event] = set()
        self._segments = self._recovered_segments()
        self._deleted_until = self._read_deleted_until()

    @property
    def start_offset(self) -> int:
        """The oldest offset that is kept (low watermark)."""
        return max(self._segments[0].base_offset, self._deleted_until)

    @property
    def end_offset(self) -> int:
        """The offset that the next record gets (high watermark)."""
        return self._segments[-1].end_offset

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(segment.size for segment in self._segments)

    def _recovered_segments(self) -> list[Segment]:
        names = sorted(path.stem for path in self._directory.glob(f"*{SUFFIX}"))
        segments = [Segment(self._directory, int(name)) for name in names]
        for segment, following in pairwise([*segments, None]):
            assert segment is not None
            torn = self._recover(segment)
            has_hole = following is not None and segment.end_offset != following.base_offset
            if has_hole or (torn and segment.was_closed):
                raise StartError(
                    f"the log segment {segment.path} is damaged at byte {segment.size}: restore "
                    "the file, or give up this sandbox's data and start on an empty directory"
                )
            if torn:
                logger.warning(
                    "cut %d bytes of an unfinished write off %s, which ends at offset %d",
                    torn,
                    segment.path,
                    segment.end_offset,
                )
                segment.cut_tail()
        return segments or [Segment(self._directory, 0)]

    def _recover(self, segment: Segment) -> int:
        """Returns: bytes behind the segment's last good batch."""
        known = segment.restore()
        if known is None:
            return segment.recover(self._sequences.remember)
        self._sequences.restore(known)
        return 0

    @property
    def _start_path(self) -> Path:
        """Holds the first offset that nobody asked to delete."""
        return self._directory / "start-offset"

    def _read_deleted_until(self) -> int:
        if not self._start_path.exists():
            return 0
        try:
            return min(int(self._start_path.read_text()), self.end_offset)
        except ValueError as error:
            raise StartError(
                f"{self._start_path} holds no offset: remove it, and records that were deleted "
                "are there again"
            ) from error

    def delete_until(self, offset: int) -> int:
        """Delete the records before an offset, durably; their segments go when all of each is.

        Args:
            offset: The first one to keep; -1 keeps none.

        Returns:
            The oldest offset that is kept.

        Raises:
            RequestRefused: The log does not reach that far, or the disk refused the write.
        """
        wanted = self.end_offset if offset == _ALL else offset
        if not 0 <= wanted <= self.end_offset:
            raise RequestRefused(
                ErrorCode.OFFSET_OUT_OF_RANGE, f"offset {offset}; the log ends at {self.end_offset}"
            )
        if wanted > self.start_offset:
            with storage_errors(self._start_path):
                replace_file(self._start_path, str(wanted).encode())
            self._deleted_until = wanted
            while len(self._segments) > 1 and self._segments[0].end_offset <= wanted:
                self._delete_oldest("they were deleted by request")
        return self.start_offset

    def append(self, records: bytes) -> int:
        """Append one record batch.

        Returns:
            The offset of its first record; of the first copy, if it was appended before.

        Raises:
            RequestRefused: The batch is not valid here, or the disk refused it.
        """
        batch = checked_batch(records, self.config.max_message_bytes)
        earlier = self._sequences.earlier_offset(batch)
        if earlier is not None:
            return earlier
        self._sequences.check(batch)
        if self._segments[-1].size and (
            self._segments[-1].size + len(records) > self.config.segment_bytes
        ):
            with storage_errors(self._directory):
                self._roll()
        placed = batch._replace(base_offset=self.end_offset)
        data = with_base_offset(records, placed.base_offset)
        with storage_errors(self._segments[-1].path):
            self._segments[-1].append(data, placed, sync=self._sync)
        self._sequences.remember(placed)
        self._wake()
        return placed.base_offset

    def _roll(self) -> None:
        self._segments[-1].close(self._sequences.snapshot())
        following = Segment(self._directory, self.end_offset)
        following.create()
        self._segments.append(following)

    def read(self, offset: int, max_bytes: int) -> bytes:
        """Batches from the one that holds the offset; empty at the end of the log.

        Raises:
            RequestRefused: The offset is before the start or behind the end of the log.
        """
        if not self.start_offset <= offset <= self.end_offset:
            raise RequestRefused(
                ErrorCode.OFFSET_OUT_OF_RANGE,
                f"offset {offset}; the log holds {self.start_offset} to {self.end_offset}",
            )
        if offset == self.end_offset:
            return b""
        after = bisect_right(self._segments, offset, key=lambda segment: segment.base_offset)
        return self._segments[after - 1].read(offset, max_bytes)

    def offset_since(self, timestamp: int) -> tuple[int, int]:
        """Where to read on to get every record at or after a timestamp, in milliseconds.

        Records are not decoded, so this is the start of the first batch with such a record.

        Returns:
            Offset and the timestamp of its batch; (-1, -1) when all records are older.
        """
        for segment in self._segments:
            batch = segment.batch_since(timestamp, self.start_offset)
            if batch is not None:
                return max(batch.base_offset, self.start_offset), batch.max_timestamp
        return -1, -1

    def enforce_retention(self, now: float) -> None:
        """Delete the oldest segments beyond the topic's size or age.

        As in Apache Kafka, a segment is as old as its newest record's timestamp says: records of
        the past are kept only where retention.ms reaches back to them.

        Args:
            now: Seconds since 1970.
        """
        limit = self.config.retention_bytes
        while limit >= 0 and len(self._segments) > 1 and self.size > limit:
            self._delete_oldest(f"retention.bytes is {limit}")
        if self.config.retention_ms >= 0:
            oldest_allowed = now - self.config.retention_ms / 1000
            while self._segments[0].newest() < oldest_allowed:
                if len(self._segments) == 1:
                    self._roll()
                self._delete_oldest(f"retention.ms is {self.config.retention_ms}")

    def _delete_oldest(self, reason: str) -> None:
        oldest = self._segments.pop(0)
        oldest.delete()
        logger.info(
            "deleted offsets %d to %d of %s: %s",
            oldest.base_offset,
            oldest.end_offset - 1,
            self._directory,
            reason,
        )

    def watch(self, event: asyncio.Event) -> None:
        """Have the event set at the next append, or when the log is closed."""
        self._waiting.add(event)

    def unwatch(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    def close(self) -> None:
        """Flush to the disk and stop."""
        self._segments[-1].close(self._sequences.snapshot())
        self._wake()
