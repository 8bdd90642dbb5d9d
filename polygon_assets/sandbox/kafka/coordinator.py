"""All consumer groups of the broker."""

import asyncio

from polygon_assets.sandbox.kafka.errors import ErrorCode, RequestRefused
from polygon_assets.sandbox.kafka.groups import Group
from polygon_assets.sandbox.kafka.membership import Joined, JoinRequest


class Coordinator:
    """All consumer groups with members, or that had some since the start."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}

    def find(self, group_id: str) -> Group | None:
        """The group of that id, if a member ever joined it."""
        return self._groups.get(group_id)

    def group(self, group_id: str) -> Group:
        """The group of that id; an empty one if nobody joined it yet.

        Raises:
            RequestRefused: The id is empty.
        """
        if not group_id:
            raise RequestRefused(ErrorCode.INVALID_GROUP_ID, "the group id is empty")
        return self._groups.get(group_id) or Group(group_id)

    def join(self, group_id: str, request: JoinRequest, now: float) -> "asyncio.Future[Joined]":
        """Join a group, which exists from then on.

        Raises:
            RequestRefused: As in Group.join, or the id is empty.
        """
        group = self._groups.setdefault(group_id, self.group(group_id))
        return group.join(request, now)

    def groups(self) -> list[Group]:
        return list(self._groups.values())

    def remove(self, group_id: str) -> None:
        """Forget a group without members."""
        self._groups.pop(group_id, None)

    def tick(self, now: float) -> None:
        """Let time pass for every group."""
        for group in self._groups.values():
            group.tick(now)
