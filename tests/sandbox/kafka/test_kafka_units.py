"""Parts of the broker by themselves: checksums, hostile requests, membership on a clock."""

import asyncio
import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polygon_assets.sandbox.kafka.api import APIS, answer_request
from polygon_assets.sandbox.kafka.broker import Broker
from polygon_assets.sandbox.kafka.catalog import Catalog
from polygon_assets.sandbox.kafka.coordinator import Coordinator
from polygon_assets.sandbox.kafka.errors import ErrorCode, ProtocolError, RequestRefused
from polygon_assets.sandbox.kafka.groups import Group
from polygon_assets.sandbox.kafka.membership import GroupState, JoinRequest
from polygon_assets.sandbox.kafka.offsets import Committed, OffsetStore
from polygon_assets.sandbox.kafka.protocol import Reader, Writer


@pytest.mark.parametrize("flexible", [False, True])
@given(
    text=st.none() | st.text(max_size=300),
    data=st.binary(max_size=300),
    items=st.lists(st.integers(-(2**31), 2**31 - 1)),
)
def test_what_is_written_is_read(flexible, text, data, items):
    out = Writer(flexible).string(text).bytes(data).int32_array(items).int64(-1).tags()
    body = Reader(b"".join(out.parts))
    body.flexible = flexible
    assert body.nullable_string() == text
    assert body.bytes() == data
    assert body.array(body.int32) == items
    assert body.int64() == -1
    body.tags()


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Broker:
    directory = tmp_path_factory.mktemp("units")
    return Broker("127.0.0.1", 1, Catalog(directory), OffsetStore(directory), Coordinator())


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(key=st.sampled_from(sorted(APIS)), version=st.integers(-1, 20), body=st.binary(max_size=120))
def test_any_bytes_are_answered_or_refused(broker, key, version, body):
    request = struct.pack(">hhih", key, version, 1, -1) + body

    async def answer() -> None:
        with contextlib.suppress(ProtocolError, TimeoutError):
            await asyncio.wait_for(answer_request(broker, request, "127.0.0.1"), 0.05)

    asyncio.run(answer())


def test_the_journal_is_rewritten_when_it_grows(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("polygon_assets.sandbox.kafka.offsets._LARGEST_JOURNAL_BYTES", 10_000)
    store = OffsetStore(tmp_path)
    for offset in range(5000):
        store.commit("sink", {("bars", 0): Committed(offset, "w")})
        assert (tmp_path / "offsets.jsonl").stat().st_size <= 10_100
    store.close()
    assert OffsetStore(tmp_path).committed("sink") == {("bars", 0): Committed(4999, "w")}


def join_request(member_id: str = "", **changes) -> JoinRequest:
    request = JoinRequest(
        member_id, None, "client", "host", 10.0, 60.0, "consumer", [("range", b"m")], False
    )
    return request._replace(**changes)


async def stable_group(members: int) -> tuple[Group, list[str]]:
    group = Group("sink")
    joins = [group.join(join_request(), 0.0) for _ in range(members)]
    group.tick(1.0)
    member_ids = [(await join).member_id for join in joins]
    for member_id in [*member_ids[1:], member_ids[0]]:
        group.sync(member_id, None, 1, [(name, name.encode()) for name in member_ids], 1.0)
    assert group.state is GroupState.STABLE
    return group, member_ids


async def test_members_that_start_together_share_a_generation():
    group, member_ids = await stable_group(3)
    assert group.generation == 1
    assert group.leader_id == member_ids[0]
    assert [m.assignment for m in group.members.values()] == [name.encode() for name in member_ids]


async def test_a_member_without_heartbeats_goes_and_the_others_hear_of_it():
    group, (first, second) = await stable_group(2)
    group.heartbeat(first, None, 1, 9.0)
    group.tick(12.0)
    assert list(group.members) == [first]
    with pytest.raises(RequestRefused) as caught:
        group.heartbeat(first, None, 1, 12.0)
    assert caught.value.code is ErrorCode.REBALANCE_IN_PROGRESS
    with pytest.raises(RequestRefused) as caught:
        group.check_commit(second, None, 1, 12.0)
    assert caught.value.code is ErrorCode.UNKNOWN_MEMBER_ID
    assert (await group.join(join_request(first), 12.5)).generation == 2


async def test_a_rebalance_does_not_wait_for_ever():
    group, (first, second) = await stable_group(2)
    joining = group.join(join_request(first), 2.0)
    for now in range(2, 60, 5):
        with pytest.raises(RequestRefused):
            group.heartbeat(second, None, 1, now)  # alive, but does not join
        group.tick(now)
    assert not joining.done()
    group.tick(62.5)
    assert (await joining).generation == 2
    assert list(group.members) == [first]


async def test_a_repeated_join_does_not_start_a_rebalance():
    group, (_, second) = await stable_group(2)
    assert (await group.join(join_request(second), 2.0)).generation == 1
    assert group.state is GroupState.STABLE


async def test_a_client_that_understands_it_gets_its_id_first():
    group = Group("sink")
    with pytest.raises(RequestRefused) as caught:
        group.join(join_request(id_required=True), 0.0)
    assert caught.value.code is ErrorCode.MEMBER_ID_REQUIRED
    joining = group.join(join_request(str(caught.value), id_required=True), 0.1)
    group.tick(1.0)
    assert (await joining).member_id == str(caught.value)
    with pytest.raises(RequestRefused) as caught:
        group.join(join_request("somebody-else"), 1.0)
    assert caught.value.code is ErrorCode.UNKNOWN_MEMBER_ID


async def test_members_must_have_a_strategy_in_common():
    group, _ = await stable_group(1)
    with pytest.raises(RequestRefused) as caught:
        group.join(join_request(protocols=[("sticky", b"")]), 1.0)
    assert caught.value.code is ErrorCode.INCONSISTENT_GROUP_PROTOCOL


async def test_commits_wait_for_the_assignment():
    group, (first, second) = await stable_group(2)
    joins = [group.join(join_request(name), 2.0) for name in (first, second)]
    assert [(await join).generation for join in joins] == [2, 2]
    with pytest.raises(RequestRefused) as caught:
        group.check_commit(first, None, 2, 2.0)
    assert caught.value.code is ErrorCode.REBALANCE_IN_PROGRESS
    with pytest.raises(RequestRefused) as caught:
        group.check_commit(first, None, 1, 2.0)
    assert caught.value.code is ErrorCode.ILLEGAL_GENERATION


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["join", "rejoin", "sync", "heartbeat", "commit", "leave", "wait"]),
        st.integers(0, 3),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(steps=STEPS)
def test_a_group_is_never_in_a_state_that_cannot_be(steps):
    """Any order of requests is answered or refused, and the group's state fits its members."""

    async def live() -> None:
        group, now, futures = Group("sink"), 0.0, []
        for action, number in steps:
            member_id = (list(group.members) + ["nobody"] * 4)[number]
            with contextlib.suppress(RequestRefused):
                match action:
                    case "join":
                        futures.append(group.join(join_request(), now))
                    case "rejoin":
                        protocols = [("range", b"%d" % len(futures))]
                        request = join_request(member_id, protocols=protocols)
                        futures.append(group.join(request, now))
                    case "sync":
                        futures.append(group.sync(member_id, None, group.generation, [], now))
                    case "heartbeat":
                        group.heartbeat(member_id, None, group.generation, now)
                    case "commit":
                        group.check_commit(member_id, None, group.generation, now)
                    case "leave":
                        group.leave(member_id, now)
                    case _:
                        now += (0.2, 4.0, 11.0, 70.0)[number]
                        group.tick(now)
            assert (group.state is GroupState.EMPTY) == (not group.members)
            if group.state in (GroupState.COMPLETING, GroupState.STABLE):
                assert group.leader_id in group.members
                assert {m.generation for m in group.members.values()} == {group.generation}
        for future in futures:
            if future.done():
                future.exception()

    asyncio.run(live())
