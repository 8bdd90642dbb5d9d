"""What a consumer group knows of its members."""

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from polygon_assets.sandbox.kafka.errors import ErrorCode, RequestRefused


class GroupState(StrEnum):
    """The protocol's names of the states."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    STABLE = "Stable"
    DEAD = "Dead"


class JoinRequest(NamedTuple):
    """What a consumer says when it joins. Durations in seconds."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_timeout: float
    rebalance_timeout: float
    protocol_type: str
    protocols: list[tuple[str, bytes]]
    """Assignment strategies in order of preference, each with the member's metadata."""
    id_required: bool
    """The client understands MEMBER_ID_REQUIRED."""


class Joined(NamedTuple):
    """The answer to a join: the generation, and for the leader all members' metadata."""

    generation: int
    protocol: str
    leader_id: str
    member_id: str
    members: list[tuple[str, str | None, bytes]]
    """Member id, instance id, metadata; empty for everybody but the leader."""


@dataclass(slots=True)
class Member:
    """One consumer in a group, and the answers that it waits for."""

    member_id: str
    request: JoinRequest
    deadline: float
    generation: int = -1
    """The last generation that it was part of."""
    assignment: bytes = b""
    joining: "asyncio.Future[Joined] | None" = None
    syncing: "asyncio.Future[bytes] | None" = None

    def metadata(self, protocol: str) -> bytes:
        return dict(self.request.protocols).get(protocol, b"")

    def is_silent(self, now: float) -> bool:
        """Whether its session is over: it neither waits for an answer nor sends heartbeats."""
        return self.joining is None and self.syncing is None and self.deadline < now

    def refuse(self, code: ErrorCode, reason: str) -> None:
        """End what the member waits for with an error."""
        waiting = [future for future in (self.joining, self.syncing) if future is not None]
        for future in waiting:
            if not future.done():
                future.set_exception(RequestRefused(code, reason))
        self.joining = self.syncing = None


def common_protocols(members: Collection[Member], request: JoinRequest) -> set[str]:
    """The strategies that members and a consumer that joins them all know."""
    known = [{name for name, _ in member.request.protocols} for member in members]
    return {name for name, _ in request.protocols}.intersection(*known)


def elected_protocol(members: Collection[Member]) -> str:
    """The strategy that most members prefer among those that all of them know."""
    offers = [[name for name, _ in member.request.protocols] for member in members]
    common = set(offers[0]).intersection(*offers[1:])
    votes = Counter(next(name for name in offer if name in common) for offer in offers)
    return votes.most_common(1)[0][0]
