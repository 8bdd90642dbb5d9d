"""Requests about what a partition holds: its offsets, and deleting its oldest records."""

from polygon_assets.sandbox.kafka.broker import Broker, Request
from polygon_assets.sandbox.kafka.errors import ErrorCode, RequestRefused
from polygon_assets.sandbox.kafka.log import PartitionLog
from polygon_assets.sandbox.kafka.protocol import Writer
from polygon_assets.sandbox.kafka.records import NO_LEADER_EPOCH

_NO_OFFSET = -1
_NO_TIMESTAMP = -1
_LATEST = -1
_EARLIEST = -2


async def list_offsets(broker: Broker, request: Request) -> Writer:
    """The first, the last, or the offset of a timestamp, for partitions."""
    body, version = request.body, request.version
    body.int32()  # replica
    if version >= 2:
        body.int8()  # isolation

    def wanted() -> tuple[int, int]:
        partition = body.int32()
        if version >= 4:
            body.int32()  # leader epoch
        return partition, body.int64()

    topics = body.array(lambda: (body.string(), body.array(wanted)))
    out = request.answer()
    if version >= 2:
        out.int32(0)

    def write_topic(topic: tuple[str, list[tuple[int, int]]]) -> None:
        name, partitions = topic

        def write_partition(entry: tuple[int, int]) -> None:
            number, timestamp = entry
            code, offset, found = ErrorCode.NONE, _NO_OFFSET, _NO_TIMESTAMP
            try:
                offset, found = _offset_at(broker.catalog.partition(name, number), timestamp)
            except RequestRefused as error:
                code = error.code
            out.int32(number).int16(code).int64(found).int64(offset)
            if version >= 4:
                out.int32(NO_LEADER_EPOCH)

        out.string(name).array(partitions, write_partition)

    return out.array(topics, write_topic)


def _offset_at(partition: PartitionLog, timestamp: int) -> tuple[int, int]:
    if timestamp == _LATEST:
        return partition.end_offset, _NO_TIMESTAMP
    if timestamp == _EARLIEST:
        return partition.start_offset, _NO_TIMESTAMP
    if timestamp < 0:
        raise RequestRefused(ErrorCode.UNSUPPORTED_VERSION, f"special timestamp {timestamp}")
    return partition.offset_since(timestamp)


async def delete_records(broker: Broker, request: Request) -> Writer:
    """Delete the records of partitions before an offset."""
    body = request.body
    topics = body.array(lambda: (body.string(), body.array(lambda: (body.int32(), body.int64()))))
    body.int32()  # timeout: there are no replicas to wait for
    out = request.answer().int32(0)

    def write_topic(topic: tuple[str, list[tuple[int, int]]]) -> None:
        name, partitions = topic

        def write_partition(entry: tuple[int, int]) -> None:
            number, offset = entry
            code, low = ErrorCode.NONE, _NO_OFFSET
            try:
                low = broker.catalog.partition(name, number).delete_until(offset)
            except RequestRefused as error:
                code = error.code
            out.int32(number).int64(low).int16(code)

        out.string(name).array(partitions, write_partition)

    return out.array(topics, write_topic)
