"""Requests about the cluster and its topics: metadata, create, grow, delete."""

from typing import NamedTuple

from polygon_assets.sandbox.kafka.broker import NODE_ID, Broker, Request
from polygon_assets.sandbox.kafka.catalog import Topic, valid_topic_name
from polygon_assets.sandbox.kafka.errors import ErrorCode, RequestRefused
from polygon_assets.sandbox.kafka.operations import NOT_ASKED_FOR, OF_CLUSTER, OF_TOPIC
from polygon_assets.sandbox.kafka.protocol import Reader, Writer
from polygon_assets.sandbox.kafka.records import NO_LEADER_EPOCH

_BROKER_DEFAULT = -1


async def metadata(broker: Broker, request: Request) -> Writer:
    """The one broker, and the topics asked for (null: all) with their partitions."""
    body, version = request.body, request.version
    names = body.nullable_array(body.string)
    may_create = version < 4 or body.boolean()
    if names is None:
        names = [topic.name for topic in broker.catalog]
    elif may_create and broker.auto_create_partitions:
        _create_missing(broker, names)
    of_cluster, of_topics = NOT_ASKED_FOR, NOT_ASKED_FOR
    if version >= 8:
        of_cluster = OF_CLUSTER if body.boolean() else of_cluster
        of_topics = OF_TOPIC if body.boolean() else of_topics
    out = request.answer()
    if version >= 3:
        out.int32(0)
    out.array(
        [None], lambda _: out.int32(NODE_ID).string(broker.host).int32(broker.port).string(None)
    )
    if version >= 2:
        out.string(broker.catalog.cluster_id)
    out.int32(NODE_ID)

    def write_topic(name: str) -> None:
        _write_topic(out, version, name, broker.catalog.find(name))
        if version >= 8:
            out.int32(of_topics)

    out.array(names, write_topic)
    if version >= 8:
        out.int32(of_cluster)
    return out


def _create_missing(broker: Broker, names: list[str]) -> None:
    for name in names:
        if broker.catalog.find(name) is None and valid_topic_name(name):
            broker.catalog.create_topic(name, broker.auto_create_partitions, {})


def _write_topic(out: Writer, version: int, name: str, topic: Topic | None) -> None:
    if topic is not None:
        code = ErrorCode.NONE
    elif valid_topic_name(name):
        code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    else:
        code = ErrorCode.INVALID_TOPIC_EXCEPTION
    out.int16(code).string(name).boolean(False)
    count = 0 if topic is None else len(topic.partitions)

    def write_partition(number: int) -> None:
        out.int16(ErrorCode.NONE).int32(number).int32(NODE_ID)
        if version >= 7:
            out.int32(NO_LEADER_EPOCH)
        out.int32_array([NODE_ID]).int32_array([NODE_ID])
        if version >= 5:
            out.int32_array([])

    out.array(range(count), write_partition)


class _NewTopic(NamedTuple):
    name: str
    partitions: int
    replication_factor: int
    assignments: list[tuple[int, list[int]]]
    configs: dict[str, str | None]


def _read_new_topic(body: Reader) -> _NewTopic:
    return _NewTopic(
        body.string(),
        body.int32(),
        body.int16(),
        body.array(lambda: (body.int32(), body.array(body.int32))),
        dict(body.array(lambda: (body.string(), body.nullable_string()))),
    )


async def create_topics(broker: Broker, request: Request) -> Writer:
    """Create topics, or only say whether they could be created."""
    body = request.body
    topics = body.array(lambda: _read_new_topic(body))
    body.int32()  # timeout: nothing here takes long
    validate_only = request.version >= 1 and body.boolean()
    out = request.answer()
    if request.version >= 2:
        out.int32(0)

    def create(topic: _NewTopic) -> None:
        code, message = ErrorCode.NONE, None
        try:
            _create_topic(broker, topic, validate_only)
        except RequestRefused as error:
            code, message = error.code, str(error)
        out.string(topic.name).int16(code)
        if request.version >= 1:
            out.string(message)

    return out.array(topics, create)


def _create_topic(broker: Broker, topic: _NewTopic, validate_only: bool) -> None:
    partitions = topic.partitions
    if topic.assignments:
        if any(replicas != [NODE_ID] for _, replicas in topic.assignments):
            raise RequestRefused(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT, f"node {NODE_ID} is the only broker"
            )
        partitions = len(topic.assignments)
    elif topic.replication_factor not in (1, _BROKER_DEFAULT):
        raise RequestRefused(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            f"replication factor {topic.replication_factor}: there is one broker, so ask for 1, "
            "or for -1, the broker's default",
        )
    if partitions == _BROKER_DEFAULT:
        partitions = max(broker.auto_create_partitions, 1)
    if validate_only:
        broker.catalog.check_new_topic(topic.name, partitions, topic.configs)
    else:
        broker.catalog.create_topic(topic.name, partitions, topic.configs)


async def create_partitions(broker: Broker, request: Request) -> Writer:
    """Give topics more partitions."""
    body = request.body
    wanted = body.array(
        lambda: (body.string(), body.int32(), body.array(lambda: body.array(body.int32)))
    )
    body.int32()  # timeout
    validate_only = body.boolean()
    grow = broker.catalog.check_more_partitions if validate_only else broker.catalog.add_partitions
    out = request.answer().int32(0)

    def grow_topic(entry: tuple[str, int, list[list[int]]]) -> None:
        name, total, _ = entry
        code, message = ErrorCode.NONE, None
        try:
            grow(name, total)
        except RequestRefused as error:
            code, message = error.code, str(error)
        out.string(name).int16(code).string(message)

    return out.array(wanted, grow_topic)


async def delete_topics(broker: Broker, request: Request) -> Writer:
    """Delete topics with their data and the offsets committed on them."""
    body = request.body
    names = body.array(body.string)
    body.int32()  # timeout
    out = request.answer()
    if request.version >= 1:
        out.int32(0)

    def delete(name: str) -> None:
        code = ErrorCode.NONE
        try:
            broker.catalog.topic(name)
            broker.offsets.forget_topic(name)
            broker.catalog.delete_topic(name)
        except RequestRefused as error:
            code = error.code
        out.string(name).int16(code)

    return out.array(names, delete)
