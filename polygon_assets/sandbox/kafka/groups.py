"""Consumer groups, classic protocol: who is a member, and which generation is valid.

A group moves through Empty, PreparingRebalance (waiting for its members to join again),
CompletingRebalance (waiting for the leader's assignment) and Stable. Cooperative rebalancing is
the same protocol: its members simply join again with what they still own.

Membership lives in memory. After a restart of the broker every member is unknown, joins again,
and a commit from before is refused, which is what a fenced consumer must see.
"""

import asyncio
import logging
import uuid
from dataclasses import dataclass, field

from polygon_assets.sandbox.kafka.errors import ErrorCode, RequestRefused
from polygon_assets.sandbox.kafka.membership import (
    GroupState,
    Joined,
    JoinRequest,
    Member,
    common_protocols,
    elected_protocol,
)

logger = logging.getLogger(__name__)

FIRST_JOIN_SECONDS = 0.1
"""How long an empty group waits for more members, so that those who start together share
a generation."""


@dataclass(slots=True)
class Group:
    """One consumer group. Times are the event loop's clock, in seconds."""

    group_id: str
    state: GroupState = GroupState.EMPTY
    generation: int = 0
    protocol_type: str = ""
    protocol: str = ""
    leader_id: str = ""
    members: dict[str, Member] = field(default_factory=dict[str, Member])
    announced: dict[str, float] = field(default_factory=dict[str, float])
    """Member ids that were handed out and not used yet, each with when it expires."""
    complete_from: float = 0.0
    complete_until: float = 0.0

    # ---- joining

    def join(self, request: JoinRequest, now: float) -> "asyncio.Future[Joined]":
        """A consumer wants to be in the next generation.

        Returns:
            The answer, once every member has joined or the time for it is over.

        Raises:
            RequestRefused: Unknown or fenced member, id required, or no common protocol.
        """
        self._check_protocols(request)
        answer: asyncio.Future[Joined] = asyncio.get_running_loop().create_future()
        returned = self._returned_instance(request, now)
        if returned is not None:
            answer.set_result(returned)
            return answer
        member = self._member_of(request, now)
        if self._is_repeated(member, request):
            answer.set_result(self._joined(member))
            return answer
        member.refuse(ErrorCode.REBALANCE_IN_PROGRESS, "the member joined again")
        member.request, member.joining = request, answer
        self.protocol_type = request.protocol_type
        self._prepare(now)
        self._complete_if_due(now)
        return answer

    def _check_protocols(self, request: JoinRequest) -> None:
        others = [m for m in self.members.values() if m.member_id != request.member_id]
        other_type = others and self.protocol_type != request.protocol_type
        if not request.protocol_type or other_type or not common_protocols(others, request):
            raise RequestRefused(
                ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
                f"no assignment strategy in common with group {self.group_id!r}",
            )

    def _member_of(self, request: JoinRequest, now: float) -> Member:
        if self.announced.pop(request.member_id, None) is not None:
            return self._new_member(request.member_id, request, now)
        if request.member_id:
            return self.check_member(request.member_id, request.instance_id)
        member_id = f"{request.instance_id or request.client_id}-{uuid.uuid4()}"
        if request.instance_id is not None:
            self._replace_instance(request.instance_id)
        elif request.id_required:
            self.announced[member_id] = now + request.session_timeout
            raise RequestRefused(ErrorCode.MEMBER_ID_REQUIRED, member_id)
        return self._new_member(member_id, request, now)

    def _new_member(self, member_id: str, request: JoinRequest, now: float) -> Member:
        member = Member(member_id, request, now + request.session_timeout)
        self.members[member_id] = member
        return member

    def _returned_instance(self, request: JoinRequest, now: float) -> Joined | None:
        """Give an instance that joins a stable group anew its place, without a rebalance.

        Returns:
            The current generation, named as led by the instance's former member id, so that it
            does not assign anew; None where the group has to rebalance.
        """
        if self.state is not GroupState.STABLE or request.member_id or not request.instance_id:
            return None
        places = [m for m in self.members.values() if m.request.instance_id == request.instance_id]
        if not places or self.protocol not in (name for name, _ in request.protocols):
            return None
        (member,) = places
        former_leader = self.leader_id
        del self.members[member.member_id]
        if self.leader_id == member.member_id:
            self.leader_id = ""
        member.member_id = f"{request.instance_id}-{uuid.uuid4()}"
        self.leader_id = self.leader_id or member.member_id
        member.request = request
        member.deadline = now + request.session_timeout
        self.members[member.member_id] = member
        return Joined(self.generation, self.protocol, former_leader, member.member_id, [])

    def _replace_instance(self, instance_id: str) -> None:
        for member in list(self.members.values()):
            if member.request.instance_id == instance_id:
                member.refuse(ErrorCode.FENCED_INSTANCE_ID, "its instance joined again")
                del self.members[member.member_id]

    def _is_repeated(self, member: Member, request: JoinRequest) -> bool:
        """Whether a member asks again for the generation that it is already in."""
        if member.generation != self.generation or member.joining is not None:
            return False
        if member.request.protocols != request.protocols:
            return False
        if self.state is GroupState.COMPLETING:
            return True
        return self.state is GroupState.STABLE and member.member_id != self.leader_id

    def _prepare(self, now: float) -> None:
        if self.state is GroupState.PREPARING:
            return
        first = self.state is GroupState.EMPTY
        self.complete_from = now + (FIRST_JOIN_SECONDS if first else 0)
        self.complete_until = now + max(m.request.rebalance_timeout for m in self.members.values())
        self.state = GroupState.PREPARING
        for member in self.members.values():
            if member.syncing is not None:
                member.refuse(ErrorCode.REBALANCE_IN_PROGRESS, "the group rebalances")

    def _complete_if_due(self, now: float) -> None:
        if self.state is not GroupState.PREPARING or now < self.complete_from:
            return
        absent = [m.member_id for m in self.members.values() if m.joining is None]
        if absent and now < self.complete_until:
            return
        for member_id in absent:
            logger.info("group %s: %s did not join in time", self.group_id, member_id)
            del self.members[member_id]
        self.generation += 1
        if not self.members:
            self.state = GroupState.EMPTY
            return
        self.protocol = elected_protocol(self.members.values())
        if self.leader_id not in self.members:
            self.leader_id = next(iter(self.members))
        self.state = GroupState.COMPLETING
        for member in self.members.values():
            member.assignment = b""
            member.generation = self.generation
            member.deadline = now + member.request.session_timeout
            if member.joining is not None and not member.joining.done():
                member.joining.set_result(self._joined(member))
            member.joining = None

    def _joined(self, member: Member) -> Joined:
        everybody = [
            (m.member_id, m.request.instance_id, m.metadata(self.protocol))
            for m in self.members.values()
        ]
        leads = member.member_id == self.leader_id
        return Joined(
            self.generation,
            self.protocol,
            self.leader_id,
            member.member_id,
            everybody if leads else [],
        )

    # ---- what members of a generation may do

    def check_member(self, member_id: str, instance_id: str | None = None) -> Member:
        """The member of that id.

        Raises:
            RequestRefused: Unknown, or its instance has joined again under another id.
        """
        member = self.members.get(member_id)
        if instance_id is not None and member is None:
            instances = {m.request.instance_id for m in self.members.values()}
            if instance_id in instances:
                raise RequestRefused(ErrorCode.FENCED_INSTANCE_ID, "its instance joined again")
        if member is None:
            raise RequestRefused(
                ErrorCode.UNKNOWN_MEMBER_ID, f"group {self.group_id!r} has no such member"
            )
        return member

    def _check_generation(
        self, member_id: str, instance_id: str | None, generation: int, now: float
    ) -> Member:
        member = self.check_member(member_id, instance_id)
        if generation != self.generation:
            raise RequestRefused(
                ErrorCode.ILLEGAL_GENERATION,
                f"generation {generation}; group {self.group_id!r} is at {self.generation}",
            )
        member.deadline = now + member.request.session_timeout
        return member

    def sync(
        self,
        member_id: str,
        instance_id: str | None,
        generation: int,
        assignments: list[tuple[str, bytes]],
        now: float,
    ) -> "asyncio.Future[bytes]":
        """A member asks for its assignment; the leader brings everybody's.

        Raises:
            RequestRefused: Unknown or fenced member, old generation, or a rebalance.
        """
        member = self._check_generation(member_id, instance_id, generation, now)
        if self.state is GroupState.PREPARING:
            raise RequestRefused(ErrorCode.REBALANCE_IN_PROGRESS, "the group rebalances")
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if self.state is GroupState.STABLE:
            answer.set_result(member.assignment)
            return answer
        member.refuse(ErrorCode.REBALANCE_IN_PROGRESS, "the member asked again")
        member.syncing = answer
        if member_id == self.leader_id:
            self._assign(dict(assignments), now)
        return answer

    def _assign(self, assignments: dict[str, bytes], now: float) -> None:
        self.state = GroupState.STABLE
        for member in self.members.values():
            member.assignment = assignments.get(member.member_id, b"")
            if member.syncing is not None and not member.syncing.done():
                member.syncing.set_result(member.assignment)
                member.deadline = now + member.request.session_timeout
            member.syncing = None

    def heartbeat(
        self, member_id: str, instance_id: str | None, generation: int, now: float
    ) -> None:
        """A member is alive.

        Raises:
            RequestRefused: Unknown or fenced member, old generation, or a rebalance has begun.
        """
        self._check_generation(member_id, instance_id, generation, now)
        if self.state is GroupState.PREPARING:
            raise RequestRefused(ErrorCode.REBALANCE_IN_PROGRESS, "the group rebalances")

    def check_commit(
        self, member_id: str, instance_id: str | None, generation: int, now: float
    ) -> None:
        """Whether a commit may change the group's offsets: the fence against zombies.

        Raises:
            RequestRefused: Not a member of the current generation, or between two generations.
                Without a member, as an administrator commits, the group must be empty.
        """
        if generation < 0 and not member_id and instance_id is None:
            if self.members:
                raise RequestRefused(ErrorCode.UNKNOWN_MEMBER_ID, "the group has members")
            return
        self._check_generation(member_id, instance_id, generation, now)
        if self.state is GroupState.COMPLETING:
            raise RequestRefused(ErrorCode.REBALANCE_IN_PROGRESS, "the group rebalances")

    # ---- leaving

    def leave(self, member_id: str, now: float) -> None:
        """A member goes.

        Raises:
            RequestRefused: Unknown member.
        """
        if self.announced.pop(member_id, None) is not None:
            return
        member = self.check_member(member_id)
        member.refuse(ErrorCode.UNKNOWN_MEMBER_ID, "the member left")
        self._remove(member, now)

    def _remove(self, member: Member, now: float) -> None:
        del self.members[member.member_id]
        if self.members:
            self._prepare(now)
            self._complete_if_due(now)
        else:
            self.state = GroupState.EMPTY
            self.generation += 1

    def tick(self, now: float) -> None:
        """Let go of members that are silent, and end a rebalance whose time is over."""
        for member_id in [name for name, expires in self.announced.items() if expires < now]:
            del self.announced[member_id]
        silent = [m for m in self.members.values() if m.is_silent(now)]
        for member in silent:
            if member.member_id in self.members:  # the end of a rebalance may have removed it
                logger.info("group %s: %s is silent", self.group_id, member.member_id)
                self._remove(member, now)
        self._complete_if_due(now)
