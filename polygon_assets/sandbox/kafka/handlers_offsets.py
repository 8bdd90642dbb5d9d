"""Requests about committed offsets: commit, fetch, and deleting a group with them."""

import asyncio
from typing import NamedTuple

from polygon_assets.sandbox.kafka.broker import Broker, Request
from polygon_assets.sandbox.kafka.errors import ErrorCode, RequestRefused
from polygon_assets.sandbox.kafka.offsets import MAX_METADATA_BYTES, Committed
from polygon_assets.sandbox.kafka.protocol import Reader, Writer
from polygon_assets.sandbox.kafka.records import NO_LEADER_EPOCH

_NOT_COMMITTED = Committed(-1, "")


class _Position(NamedTuple):
    topic: str
    partition: int
    committed: Committed


class _CommitRequest(NamedTuple):
    group_id: str
    generation: int
    member_id: str
    instance_id: str | None
    topics: list[tuple[str, list[_Position]]]


def _read_commit(body: Reader, version: int) -> _CommitRequest:
    group_id = body.string()
    generation = body.int32() if version >= 1 else -1
    member_id = body.string() if version >= 1 else ""
    instance_id = body.nullable_string() if version >= 7 else None
    if 2 <= version <= 4:
        body.int64()  # retention time: commits are kept
    topics = body.array(lambda: _read_commit_topic(body, version))
    return _CommitRequest(group_id, generation, member_id, instance_id, topics)


def _read_commit_topic(body: Reader, version: int) -> tuple[str, list[_Position]]:
    name = body.string()

    def position() -> _Position:
        partition, offset = body.int32(), body.int64()
        if version >= 6:
            body.int32()  # leader epoch
        if version == 1:
            body.int64()  # commit timestamp
        return _Position(name, partition, Committed(offset, body.nullable_string() or ""))

    return name, body.array(position)


async def offset_commit(broker: Broker, request: Request) -> Writer:
    """Store the positions of a group with their metadata."""
    commit = _read_commit(request.body, request.version)
    codes = {p: _position_code(broker, p) for _, positions in commit.topics for p in positions}
    try:
        broker.coordinator.group(commit.group_id).check_commit(
            commit.member_id, commit.instance_id, commit.generation, _now()
        )
        good = {(p.topic, p.partition): p.committed for p, code in codes.items() if not code}
        if good:
            broker.offsets.commit(commit.group_id, good)
    except RequestRefused as error:
        codes = dict.fromkeys(codes, error.code)
    out = request.answer()
    if request.version >= 3:
        out.int32(0)

    def write_position(position: _Position) -> None:
        out.int32(position.partition).int16(codes[position])

    return out.array(
        commit.topics, lambda topic: out.string(topic[0]).array(topic[1], write_position)
    )


def _position_code(broker: Broker, position: _Position) -> ErrorCode:
    try:
        broker.catalog.partition(position.topic, position.partition)
    except RequestRefused as error:
        return error.code
    if len(position.committed.metadata.encode()) > MAX_METADATA_BYTES:
        return ErrorCode.OFFSET_METADATA_TOO_LARGE
    return ErrorCode.NONE


async def offset_fetch(broker: Broker, request: Request) -> Writer:
    """The committed positions of a group: those asked for, or (null) all."""
    body, version = request.body, request.version
    group_id = body.string()
    committed = broker.offsets.committed(group_id)
    topics = body.nullable_array(lambda: (body.string(), body.array(body.int32)))
    if topics is None:
        names = sorted({topic for topic, _ in committed})
        topics = [(name, sorted(p for t, p in committed if t == name)) for name in names]
    out = request.answer()
    if version >= 3:
        out.int32(0)

    def write_topic(topic: tuple[str, list[int]]) -> None:
        name, partitions = topic

        def write_position(number: int) -> None:
            position = committed.get((name, number), _NOT_COMMITTED)
            out.int32(number).int64(position.offset)
            if version >= 5:
                out.int32(NO_LEADER_EPOCH)
            out.string(position.metadata).int16(ErrorCode.NONE)

        out.string(name).array(partitions, write_position)

    out.array(topics, write_topic)
    if version >= 2:
        out.int16(ErrorCode.NONE)
    return out


async def delete_groups(broker: Broker, request: Request) -> Writer:
    """Forget groups and their committed offsets; a group with members is kept."""
    group_ids = request.body.array(request.body.string)
    out = request.answer().int32(0)

    def delete(group_id: str) -> None:
        code = ErrorCode.NONE
        try:
            _delete_group(broker, group_id)
        except RequestRefused as error:
            code = error.code
        out.string(group_id).int16(code)

    return out.array(group_ids, delete)


def _delete_group(broker: Broker, group_id: str) -> None:
    group = broker.coordinator.find(group_id)
    committed = broker.offsets.committed(group_id)
    if group is not None and group.members:
        raise RequestRefused(ErrorCode.NON_EMPTY_GROUP, f"group {group_id!r} has members")
    if group is None and not committed:
        raise RequestRefused(ErrorCode.GROUP_ID_NOT_FOUND, f"no group {group_id!r}")
    if committed:
        broker.offsets.forget(group_id, committed)
    broker.coordinator.remove(group_id)


def _now() -> float:
    return asyncio.get_running_loop().time()
