"""What the alerts remember between two looks: how far they read, what is open, what is untold."""

from collections.abc import Sequence

from pydantic import BaseModel, Field, ValidationError

from polygon_assets.alerts.events import Change, Cursors, Problem

MOST_OPEN = 500
"""Problems that are remembered as open; of older ones the end is not told."""

MOST_WAITING = 40
"""Notes that wait for a receiver that is away; more are counted, not kept."""

OPEN_SECONDS = 14 * 24 * 3600.0
"""A problem that still comes up after so long is told once more."""


class Note(BaseModel, frozen=True):
    """One thing to tell: a problem that came up, or one that is over."""

    problem: Problem
    over: bool = False


class Waiting(BaseModel):
    """What one receiver has not been told.

    Attributes:
        notes: In the order in which it happened.
        left_out: How many more there were than are kept.
        not_before: When the receiver wants to be asked again, seconds since 1970.
    """

    notes: list[Note] = []
    left_out: int = 0
    not_before: float = 0.0


class Open(BaseModel):
    """A problem that is not over."""

    problem: Problem
    since: float


class Memory(BaseModel):
    """The sensor's cursor."""

    cursors: Cursors
    open: list[Open] = Field(default_factory=list[Open])
    waiting: dict[str, Waiting] = Field(default_factory=dict[str, Waiting])

    @classmethod
    def load(cls, cursor: str | None) -> "Memory | None":
        """The memory of a cursor; None where there is none that can be read."""
        try:
            return cls.model_validate_json(cursor) if cursor else None
        except ValidationError:
            return None

    def dump(self) -> str:
        """The cursor; reasons are for the message that is sent once, so open problems drop them."""
        return self.model_dump_json(exclude_defaults=True)

    def take(self, changes: Sequence[Change], receivers: Sequence[str]) -> list[Note]:
        """Remember what has changed, and let it wait for the receivers.

        Returns:
            What is news: a problem that was not open, an end of one that was.
        """
        notes = [note for change in changes for note in self._news(change)]
        self.waiting = {name: self.waiting.get(name, Waiting()) for name in receivers}
        for waiting in self.waiting.values():
            room = max(0, MOST_WAITING - len(waiting.notes))
            waiting.notes = [*waiting.notes, *notes[:room]]
            waiting.left_out += len(notes) - len(notes[:room])
        return notes

    def _news(self, change: Change) -> list[Note]:
        kept = [one for one in self.open if change.at - one.since < OPEN_SECONDS]
        if not change.over:
            known = any(one.problem.key == change.problem.key for one in kept)
            mine = Open(problem=change.problem.model_copy(update={"reason": ""}), since=change.at)
            self.open = (kept if known else [*kept, mine])[-MOST_OPEN:]
            return [] if known else [Note(problem=change.problem)]
        over = [one for one in kept if change.problem.covers(one.problem)]
        self.open = [one for one in kept if one not in over]
        return [Note(problem=one.problem, over=True) for one in over]
