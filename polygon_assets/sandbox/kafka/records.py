"""Record batches, format 2: the header, and the CRC-32C over what follows it.

Layout: base offset, length, leader epoch, magic, CRC | attributes, last offset delta, timestamps,
producer, sequence, record count, records. The CRC covers everything right of the bar, so base
offset and leader epoch can be set without touching it.
"""

import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

import google_crc32c

from polygon_assets.sandbox.kafka.errors import ErrorCode, RequestRefused

_HEADER = struct.Struct(">qiibIhiqqqhii")

HEADER_BYTES = _HEADER.size
LENGTH_PREFIX_BYTES = 12
"""The batch's length field counts what follows these bytes."""

MAGIC = 2
NO_LEADER_EPOCH = -1
"""One node never changes leaders, so batches and metadata carry no leader epoch."""

FUTURE_SECONDS = 3600
"""How far ahead a record's timestamp may be: Kafka's message.timestamp.after.max.ms."""

_MAGIC_POSITION = 16
_CRC_START = 21
_COMPRESSION_MASK = 0x07
_TRANSACTIONAL = 0x10
_CONTROL = 0x20
_LAST_CODEC = 4

Buffer = bytes | bytearray | memoryview
"""What batches are read from. (A memory map is wrapped in a memoryview.)"""


class RecordBatch(NamedTuple):
    """The header of one record batch. Timestamps are milliseconds since 1970, UTC."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def size(self) -> int:
        """Bytes of the whole batch."""
        return LENGTH_PREFIX_BYTES + self.length

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_offset_delta

    @property
    def idempotent(self) -> bool:
        return self.producer_id >= 0 and self.base_sequence >= 0


def header_at(data: Buffer, position: int = 0) -> RecordBatch | None:
    """The batch header at a position; None where no plausible batch starts."""
    if position + HEADER_BYTES > len(data) or data[position + _MAGIC_POSITION] != MAGIC:
        return None
    batch = RecordBatch._make(_HEADER.unpack_from(data, position))
    return batch if batch.size >= HEADER_BYTES and batch.last_offset_delta >= 0 else None


def whole_batches(data: Buffer, first_offset: int) -> Iterator[tuple[int, RecordBatch]]:
    """Each complete batch from the start of the data, with its position.

    Ends before the first batch that is cut short, or whose offset does not follow on.
    """
    position, next_offset = 0, first_offset
    while (batch := header_at(data, position)) is not None:
        if batch.base_offset != next_offset or position + batch.size > len(data):
            return
        yield position, batch
        position += batch.size
        next_offset = batch.last_offset + 1


def with_base_offset(records: bytes, base_offset: int) -> bytearray:
    """A copy of a batch that begins at the given offset."""
    data = bytearray(records)
    struct.pack_into(">q", data, 0, base_offset)
    struct.pack_into(">i", data, LENGTH_PREFIX_BYTES, NO_LEADER_EPOCH)
    return data


def checked_batch(records: bytes, max_bytes: int) -> RecordBatch:
    """The header of the one batch that a producer sent for a partition.

    Raises:
        RequestRefused: It is not one whole batch of format 2, fails its checksum, is larger than
            ``max_bytes``, comes from the future, or belongs to a transaction.
    """
    if len(records) > max_bytes:
        raise RequestRefused(
            ErrorCode.MESSAGE_TOO_LARGE,
            f"a batch of {len(records)} bytes; max.message.bytes is {max_bytes}",
        )
    if len(records) > _MAGIC_POSITION and records[_MAGIC_POSITION] < MAGIC:
        raise RequestRefused(
            ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT, "record formats before 2 are not supported"
        )
    batch = header_at(records)
    if batch is None or batch.size != len(records):
        raise RequestRefused(ErrorCode.INVALID_RECORD, "the records are not one whole batch")
    if not crc_matches(batch, records):
        raise RequestRefused(ErrorCode.CORRUPT_MESSAGE, "the batch fails its checksum")
    if batch.record_count != batch.last_offset_delta + 1:
        raise RequestRefused(ErrorCode.INVALID_RECORD, "the batch's offsets have holes")
    if batch.max_timestamp > (time.time() + FUTURE_SECONDS) * 1000:
        raise RequestRefused(
            ErrorCode.INVALID_TIMESTAMP,
            f"a record of {batch.max_timestamp} ms, more than {FUTURE_SECONDS} s from now",
        )
    if batch.attributes & _COMPRESSION_MASK > _LAST_CODEC:
        raise RequestRefused(ErrorCode.INVALID_RECORD, "unknown compression")
    if batch.attributes & (_TRANSACTIONAL | _CONTROL):
        raise RequestRefused(ErrorCode.INVALID_REQUEST, "transactions are not supported")
    return batch


def crc_matches(batch: RecordBatch, data: Buffer, position: int = 0) -> bool:
    """Whether the batch at the position is what its producer sent."""
    checked = bytes(data[position + _CRC_START : position + batch.size])
    return google_crc32c.value(checked) == batch.crc
