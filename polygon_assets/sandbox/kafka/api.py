"""The requests that the broker answers, in which versions, and by which handler."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from polygon_assets.sandbox.kafka import (
    handlers_configs,
    handlers_data,
    handlers_groups,
    handlers_log,
    handlers_offsets,
    handlers_topics,
)
from polygon_assets.sandbox.kafka.broker import Broker, Request
from polygon_assets.sandbox.kafka.errors import ErrorCode, ProtocolError
from polygon_assets.sandbox.kafka.protocol import Reader, Writer

Handler = Callable[[Broker, Request], Awaitable[Writer | None]]

API_VERSIONS_KEY = 18
_NEVER = 1000


@dataclass(frozen=True, slots=True)
class Api:
    """One kind of request."""

    name: str
    min_version: int
    max_version: int
    handler: Handler
    flexible_from: int = _NEVER


async def _api_versions(_broker: Broker, request: Request) -> Writer:
    """The list below: what a client asks first."""
    return write_api_versions(request.version, ErrorCode.NONE)


APIS: dict[int, Api] = {
    # librdkafka only compresses for a broker that lists Produce from version 0; older ones than
    # its record format allows are refused when they come.
    0: Api("Produce", 0, 8, handlers_data.produce),
    1: Api("Fetch", 4, 11, handlers_data.fetch),
    2: Api("ListOffsets", 1, 5, handlers_log.list_offsets),
    3: Api("Metadata", 1, 8, handlers_topics.metadata),
    8: Api("OffsetCommit", 2, 7, handlers_offsets.offset_commit),
    9: Api("OffsetFetch", 1, 5, handlers_offsets.offset_fetch),
    10: Api("FindCoordinator", 0, 2, handlers_groups.find_coordinator),
    11: Api("JoinGroup", 0, 5, handlers_groups.join_group),
    12: Api("Heartbeat", 0, 3, handlers_groups.heartbeat),
    13: Api("LeaveGroup", 0, 2, handlers_groups.leave_group),
    14: Api("SyncGroup", 0, 3, handlers_groups.sync_group),
    15: Api("DescribeGroups", 0, 4, handlers_groups.describe_groups),
    16: Api("ListGroups", 0, 4, handlers_groups.list_groups, flexible_from=3),
    API_VERSIONS_KEY: Api("ApiVersions", 0, 3, _api_versions, flexible_from=3),
    19: Api("CreateTopics", 0, 4, handlers_topics.create_topics),
    20: Api("DeleteTopics", 0, 3, handlers_topics.delete_topics),
    21: Api("DeleteRecords", 0, 1, handlers_log.delete_records),
    22: Api("InitProducerId", 0, 1, handlers_data.init_producer_id),
    32: Api("DescribeConfigs", 1, 2, handlers_configs.describe_configs),
    37: Api("CreatePartitions", 0, 1, handlers_topics.create_partitions),
    42: Api("DeleteGroups", 0, 1, handlers_offsets.delete_groups),
    44: Api("IncrementalAlterConfigs", 0, 0, handlers_configs.incremental_alter_configs),
}


def write_api_versions(version: int, code: ErrorCode) -> Writer:
    """Which requests and versions there are, in the encoding of a version of ApiVersions."""
    out = Writer(flexible=version >= APIS[API_VERSIONS_KEY].flexible_from)
    out.int16(code)
    out.array(
        list(APIS.items()),
        lambda item: (
            out.int16(item[0]).int16(item[1].min_version).int16(item[1].max_version).tags()
        ),
    )
    if version >= 1:
        out.int32(0)
    return out.tags()


def read_request(data: bytes, client_host: str) -> tuple[Api, Request]:
    """Read a request's header.

    Returns:
        What answers it, and the request. One for ApiVersions in an unknown version is returned
        as it is, because the protocol has an answer to it.

    Raises:
        ProtocolError: A kind or version of request that this broker did not offer.
    """
    body = Reader(data)
    key, version, correlation_id = body.int16(), body.int16(), body.int32()
    client_id = body.nullable_string() or ""
    api = APIS.get(key)
    if api is None:
        raise ProtocolError(f"request {key}, which this broker does not offer")
    known = api.min_version <= version <= api.max_version
    if not known and key != API_VERSIONS_KEY:
        raise ProtocolError(
            f"{api.name} version {version}; this broker offers {api.min_version} to "
            f"{api.max_version}"
        )
    if known:
        body.flexible = version >= api.flexible_from
        body.tags()
    return api, Request(key, version, correlation_id, client_id, client_host, body)


async def answer_request(broker: Broker, data: bytes, client_host: str) -> list[bytes] | None:
    """Answer one request.

    Returns:
        The parts of the answer without its length; None where the client wants no answer.

    Raises:
        ProtocolError: The request cannot be answered.
    """
    api, request = read_request(data, client_host)
    header = Writer(flexible=request.body.flexible).int32(request.correlation_id)
    if request.api_key != API_VERSIONS_KEY:
        header.tags()
        out = await api.handler(broker, request)
    elif request.version > api.max_version:
        out = write_api_versions(0, ErrorCode.UNSUPPORTED_VERSION)
    else:
        out = await api.handler(broker, request)
    return None if out is None else header.parts + out.parts
