"""Requests about records: produce, fetch, and ids for idempotent producers."""

import asyncio
from typing import NamedTuple

from polygon_assets.sandbox.kafka.broker import Broker, Request
from polygon_assets.sandbox.kafka.errors import ErrorCode, ProtocolError, RequestRefused
from polygon_assets.sandbox.kafka.log import PartitionLog
from polygon_assets.sandbox.kafka.protocol import Reader, Writer

OLDEST_PRODUCE_VERSION = 3
"""The first version whose record batches have format 2."""

_NO_OFFSET = -1
_NO_TIMESTAMP = -1
_ACKS = (-1, 0, 1)


class _Appended(NamedTuple):
    partition: int
    code: ErrorCode
    message: str | None
    offset: int
    start_offset: int


async def produce(broker: Broker, request: Request) -> Writer | None:
    """Append record batches; no answer where the producer wants none (acks=0).

    Raises:
        ProtocolError: An old record format, or a failure that acks=0 leaves no answer for.
    """
    body = request.body
    if request.version < OLDEST_PRODUCE_VERSION:
        raise ProtocolError(f"Produce version {request.version}, whose record format is not kept")
    transactional_id = body.nullable_string()
    acks = body.int16()
    body.int32()  # timeout: there are no replicas to wait for
    topics = body.array(lambda: (body.string(), body.array(lambda: (body.int32(), body.bytes()))))
    if transactional_id is not None:
        refusal = RequestRefused(ErrorCode.INVALID_REQUEST, "transactions are not supported")
    elif acks not in _ACKS:
        refusal = RequestRefused(ErrorCode.INVALID_REQUIRED_ACKS, f"acks={acks}")
    else:
        refusal = None
    appended = [
        (name, [_append(broker, name, number, data, refusal) for number, data in partitions])
        for name, partitions in topics
    ]
    if acks == 0:
        _raise_first_failure(appended)
        return None
    return _write_appended(request, appended)


def _append(
    broker: Broker, topic: str, number: int, records: bytes, refusal: RequestRefused | None
) -> _Appended:
    try:
        if refusal is not None:
            raise refusal
        partition = broker.catalog.partition(topic, number)
        offset = partition.append(records)
    except RequestRefused as error:
        return _Appended(number, error.code, str(error), _NO_OFFSET, _NO_OFFSET)
    return _Appended(number, ErrorCode.NONE, None, offset, partition.start_offset)


def _raise_first_failure(appended: list[tuple[str, list[_Appended]]]) -> None:
    for topic, partitions in appended:
        for entry in partitions:
            if entry.code:
                raise ProtocolError(f"acks=0 and {topic}[{entry.partition}]: {entry.message}")


def _write_appended(request: Request, appended: list[tuple[str, list[_Appended]]]) -> Writer:
    out = request.answer()

    def write_partition(entry: _Appended) -> None:
        out.int32(entry.partition).int16(entry.code).int64(entry.offset).int64(_NO_TIMESTAMP)
        if request.version >= 5:
            out.int64(entry.start_offset)
        if request.version >= 8:
            out.array([], out.string).string(entry.message)

    out.array(appended, lambda topic: out.string(topic[0]).array(topic[1], write_partition))
    return out.int32(0)


class _Wanted(NamedTuple):
    partition: int
    offset: int
    max_bytes: int


class _FetchRequest(NamedTuple):
    max_wait: float
    """Seconds."""
    min_bytes: int
    max_bytes: int
    topics: list[tuple[str, list[_Wanted]]]


class _Fetched(NamedTuple):
    partition: int
    code: ErrorCode
    start_offset: int
    end_offset: int
    records: bytes


def _read_fetch(body: Reader, version: int) -> _FetchRequest:
    body.int32()  # replica: consumers say -1
    max_wait, min_bytes, max_bytes = body.int32() / 1000, body.int32(), body.int32()
    body.int8()  # isolation: without transactions both levels are the same
    if version >= 7:
        body.int32()  # session and its epoch: every fetch is a full one
        body.int32()

    def wanted() -> _Wanted:
        partition = body.int32()
        if version >= 9:
            body.int32()  # leader epoch
        offset = body.int64()
        if version >= 5:
            body.int64()  # log start offset of a follower
        return _Wanted(partition, offset, max(body.int32(), 0))

    topics = body.array(lambda: (body.string(), body.array(wanted)))
    return _FetchRequest(max_wait, min_bytes, max(max_bytes, 0), topics)


async def fetch(broker: Broker, request: Request) -> Writer:
    """Read record batches; wait for more if there are fewer bytes than the consumer wants."""
    wanted = _read_fetch(request.body, request.version)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wanted.max_wait
    appended = asyncio.Event()
    partitions = _watch(broker, wanted, appended)
    try:
        while True:
            appended.clear()
            fetched, is_enough = _collect(broker, wanted)
            remaining = deadline - loop.time()
            if is_enough or remaining <= 0:
                return _write_fetched(request, fetched)
            try:
                await asyncio.wait_for(appended.wait(), remaining)
            except TimeoutError:
                return _write_fetched(request, fetched)
    finally:
        for partition in partitions:
            partition.unwatch(appended)


def _watch(broker: Broker, wanted: _FetchRequest, event: asyncio.Event) -> list[PartitionLog]:
    partitions: list[PartitionLog] = []
    for name, entries in wanted.topics:
        for entry in entries:
            topic = broker.catalog.find(name)
            if topic is not None and 0 <= entry.partition < len(topic.partitions):
                partitions.append(topic.partitions[entry.partition])
    for partition in partitions:
        partition.watch(event)
    return partitions


def _collect(
    broker: Broker, wanted: _FetchRequest
) -> tuple[list[tuple[str, list[_Fetched]]], bool]:
    """What there is to read, and whether it is enough to answer at once."""
    total = 0
    has_error = False
    topics: list[tuple[str, list[_Fetched]]] = []
    for name, entries in wanted.topics:
        results: list[_Fetched] = []
        for entry in entries:
            allowed = min(entry.max_bytes, wanted.max_bytes - total)
            fetched = _read_partition(broker, name, entry, allowed, is_first=total == 0)
            results.append(fetched)
            total += len(fetched.records)
            has_error = has_error or fetched.code != ErrorCode.NONE
        topics.append((name, results))
    return topics, has_error or total >= wanted.min_bytes


def _read_partition(
    broker: Broker, topic: str, wanted: _Wanted, allowed: int, *, is_first: bool
) -> _Fetched:
    """Read one partition; the first batch of an answer may exceed what is allowed."""
    try:
        partition = broker.catalog.partition(topic, wanted.partition)
    except RequestRefused as error:
        return _Fetched(wanted.partition, error.code, _NO_OFFSET, _NO_OFFSET, b"")
    code, records = ErrorCode.NONE, b""
    try:
        if allowed > 0 or is_first:
            records = partition.read(wanted.offset, max(allowed, 0))
    except RequestRefused as error:
        code = error.code
    return _Fetched(wanted.partition, code, partition.start_offset, partition.end_offset, records)


def _write_fetched(request: Request, fetched: list[tuple[str, list[_Fetched]]]) -> Writer:
    out = request.answer().int32(0)
    if request.version >= 7:
        out.int16(ErrorCode.NONE).int32(0)  # no session

    def write_partition(entry: _Fetched) -> None:
        out.int32(entry.partition).int16(entry.code).int64(entry.end_offset).int64(entry.end_offset)
        if request.version >= 5:
            out.int64(entry.start_offset)
        out.array(None, out.string)  # aborted transactions
        if request.version >= 11:
            out.int32(-1)  # no better replica to read from
        out.bytes(entry.records)

    return out.array(fetched, lambda topic: out.string(topic[0]).array(topic[1], write_partition))


async def init_producer_id(broker: Broker, request: Request) -> Writer:
    """A new producer id. A transactional producer is refused."""
    transactional_id = request.body.nullable_string()
    out = request.answer().int32(0)
    if transactional_id is not None:
        return out.int16(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED).int64(-1).int16(-1)
    try:
        producer_id = broker.catalog.new_producer_id()
    except RequestRefused as error:
        return out.int16(error.code).int64(-1).int16(-1)
    return out.int16(ErrorCode.NONE).int64(producer_id).int16(0)
