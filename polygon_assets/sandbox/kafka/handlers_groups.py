"""Requests of consumer group members, and about groups."""

import asyncio

from polygon_assets.sandbox.kafka.broker import NODE_ID, Broker, Request
from polygon_assets.sandbox.kafka.errors import ErrorCode, RequestRefused
from polygon_assets.sandbox.kafka.groups import Group
from polygon_assets.sandbox.kafka.membership import GroupState, Joined, JoinRequest, Member
from polygon_assets.sandbox.kafka.operations import NOT_ASKED_FOR, OF_GROUP
from polygon_assets.sandbox.kafka.protocol import Writer

_GROUP_KEY = 0
_SESSION_SECONDS = (6.0, 1800.0)
"""The session timeouts that a Kafka broker allows by default."""


def _now() -> float:
    return asyncio.get_running_loop().time()


async def find_coordinator(broker: Broker, request: Request) -> Writer:
    """This broker, for every group. There is no coordinator for transactions."""
    request.body.string()
    kind = request.body.int8() if request.version >= 1 else _GROUP_KEY
    out = request.answer()
    if request.version >= 1:
        out.int32(0)
    if kind != _GROUP_KEY:
        # The code that librdkafka gives up on at once; it retries INVALID_REQUEST for ever.
        out.int16(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        out.string("transactions are not supported by this broker")
        return out.int32(-1).string("").int32(-1)
    out.int16(ErrorCode.NONE)
    if request.version >= 1:
        out.string(None)
    return out.int32(NODE_ID).string(broker.host).int32(broker.port)


async def join_group(broker: Broker, request: Request) -> Writer:
    """Become a member of the next generation; answered when all members have joined."""
    body, version = request.body, request.version
    group_id = body.string()
    session_timeout = body.int32() / 1000
    rebalance_timeout = body.int32() / 1000 if version >= 1 else session_timeout
    member_id = body.string()
    instance_id = body.nullable_string() if version >= 5 else None
    protocol_type = body.string()
    protocols = body.array(lambda: (body.string(), body.bytes()))
    join = JoinRequest(
        member_id=member_id,
        instance_id=instance_id,
        client_id=request.client_id,
        client_host=request.client_host,
        session_timeout=session_timeout,
        rebalance_timeout=rebalance_timeout,
        protocol_type=protocol_type,
        protocols=protocols,
        id_required=version >= 4,
    )
    try:
        shortest, longest = _SESSION_SECONDS
        if not shortest <= session_timeout <= longest:
            raise RequestRefused(
                ErrorCode.INVALID_SESSION_TIMEOUT, f"a session of {session_timeout} s"
            )
        joined = await broker.coordinator.join(group_id, join, _now())
    except RequestRefused as error:
        given_id = str(error) if error.code is ErrorCode.MEMBER_ID_REQUIRED else member_id
        return _write_joined(request, error.code, Joined(-1, "", "", given_id, []))
    return _write_joined(request, ErrorCode.NONE, joined)


def _write_joined(request: Request, code: ErrorCode, joined: Joined) -> Writer:
    out = request.answer()
    if request.version >= 2:
        out.int32(0)
    out.int16(code).int32(joined.generation)
    out.string(joined.protocol).string(joined.leader_id).string(joined.member_id)

    def write_member(member: tuple[str, str | None, bytes]) -> None:
        member_id, instance_id, metadata = member
        out.string(member_id)
        if request.version >= 5:
            out.string(instance_id)
        out.bytes(metadata)

    return out.array(joined.members, write_member)


async def sync_group(broker: Broker, request: Request) -> Writer:
    """Hand in the leader's assignment, and get one's own."""
    body = request.body
    group_id, generation, member_id = body.string(), body.int32(), body.string()
    instance_id = body.nullable_string() if request.version >= 3 else None
    assignments = body.array(lambda: (body.string(), body.bytes()))
    code, assignment = ErrorCode.NONE, b""
    try:
        group = broker.coordinator.group(group_id)
        assignment = await group.sync(member_id, instance_id, generation, assignments, _now())
    except RequestRefused as error:
        code = error.code
    return _write_code(request, code).bytes(assignment)


async def heartbeat(broker: Broker, request: Request) -> Writer:
    """A member is alive; the answer tells it of a rebalance."""
    body = request.body
    group_id, generation, member_id = body.string(), body.int32(), body.string()
    instance_id = body.nullable_string() if request.version >= 3 else None
    code = ErrorCode.NONE
    try:
        broker.coordinator.group(group_id).heartbeat(member_id, instance_id, generation, _now())
    except RequestRefused as error:
        code = error.code
    return _write_code(request, code)


async def leave_group(broker: Broker, request: Request) -> Writer:
    """A member goes."""
    group_id, member_id = request.body.string(), request.body.string()
    code = ErrorCode.NONE
    try:
        broker.coordinator.group(group_id).leave(member_id, _now())
    except RequestRefused as error:
        code = error.code
    return _write_code(request, code)


def _write_code(request: Request, code: ErrorCode) -> Writer:
    out = request.answer()
    if request.version >= 1:
        out.int32(0)
    return out.int16(code)


async def describe_groups(broker: Broker, request: Request) -> Writer:
    """State and members of groups; a group that nobody knows is Dead."""
    body, version = request.body, request.version
    group_ids = body.array(body.string)
    operations = OF_GROUP if version >= 3 and body.boolean() else NOT_ASKED_FOR
    out = request.answer()
    if version >= 1:
        out.int32(0)

    def write_group(group_id: str) -> None:
        group = broker.coordinator.find(group_id) or Group(group_id)
        unknown = not group.generation and not broker.offsets.committed(group_id)
        state = GroupState.DEAD if unknown and not group.members else group.state
        out.int16(ErrorCode.NONE).string(group_id).string(state).string(group.protocol_type)
        out.string(group.protocol if state is GroupState.STABLE else "")
        members = list(group.members.values())
        out.array(members, lambda member: _write_member(out, version, group, member))
        if version >= 3:
            out.int32(operations)

    return out.array(group_ids, write_group)


def _write_member(out: Writer, version: int, group: Group, member: Member) -> None:
    out.string(member.member_id)
    if version >= 4:
        out.string(member.request.instance_id)
    out.string(member.request.client_id).string(member.request.client_host)
    out.bytes(member.metadata(group.protocol)).bytes(member.assignment)


async def list_groups(broker: Broker, request: Request) -> Writer:
    """Every group with members or committed offsets."""
    body, version = request.body, request.version
    wanted_states = body.array(body.string) if version >= 4 else []
    groups = {group_id: Group(group_id) for group_id in broker.offsets.groups()}
    groups |= {group.group_id: group for group in broker.coordinator.groups()}
    listed = [g for g in groups.values() if not wanted_states or g.state in wanted_states]
    out = request.answer()
    if version >= 1:
        out.int32(0)
    out.int16(ErrorCode.NONE)

    def write_group(group: Group) -> None:
        out.string(group.group_id).string(group.protocol_type)
        if version >= 4:
            out.string(group.state)
        out.tags()

    return out.array(listed, write_group).tags()
