"""One message about everything that is news, for Slack and for e-mail."""

from collections.abc import Sequence
from dataclasses import dataclass

from polygon_assets.alerts.memory import Note

MOST_LINES = 10
"""Notes of a kind that a message spells out; the others are counted."""

RUNBOOK = ".github/RUNBOOK.md"


@dataclass(frozen=True)
class Message:
    """Everything that is told at once.

    Attributes:
        deployment: Which one it is about.
        notes: What is told, in the order in which it happened.
        left_out: How many more there were.
        ui_url: Dagster's UI.
        runbook_url: The runbook; empty where only its file can be named.
    """

    deployment: str
    notes: Sequence[Note]
    left_out: int
    ui_url: str
    runbook_url: str

    @property
    def subject(self) -> str:
        """The message in one line."""
        problems, solved = len(self._problems) + self.left_out, len(self._solved)
        parts = [_count(problems, "problem")] if problems else []
        parts += [f"{solved} solved"] if solved else []
        if len(self.notes) + self.left_out == 1:
            parts.append(_title(self.notes[0]) if self.notes else "")
        return f"polygon {self.deployment}: {', '.join(filter(None, parts))}"

    def slack(self) -> str:
        """The text in Slack's markup."""
        lines = [f"*{_escaped(self.subject)}*"]
        for note in self._spelled_out():
            what = f"<{self._link(note)}|{_escaped(_title(note))}>"
            why = f" {_escaped(note.problem.reason)}" if note.problem.reason else ""
            todo = "" if note.over else f" {self._slack_runbook(note)}"
            lines.append(f"{'🟢 Solved:' if note.over else '🔴'} {what}{why}{todo}")
        return "\n".join([*lines, *self._rest()])

    def mail(self) -> str:
        """The text of an e-mail."""
        lines: list[str] = []
        for note in self._spelled_out():
            lines.append(f"{'SOLVED' if note.over else 'PROBLEM'}: {_title(note)}")
            lines += [f"  {note.problem.reason}"] if note.problem.reason else []
            lines.append(f"  {self._link(note)}")
            lines += [] if note.over else [f"  What to do: {self._runbook(note)}"]
            lines.append("")
        return "\n".join([*lines, *self._rest()])

    @property
    def _problems(self) -> list[Note]:
        return [note for note in self.notes if not note.over]

    @property
    def _solved(self) -> list[Note]:
        return [note for note in self.notes if note.over]

    def _spelled_out(self) -> list[Note]:
        return [*self._problems[:MOST_LINES], *self._solved[:MOST_LINES]]

    def _rest(self) -> list[str]:
        more = len(self.notes) + self.left_out - len(self._spelled_out())
        return [f"and {more} more: {self.ui_url.rstrip('/')}/runs"] if more else []

    def _link(self, note: Note) -> str:
        return f"{self.ui_url.rstrip('/')}{note.problem.path}"

    def _runbook(self, note: Note) -> str:
        return f"{self.runbook_url or RUNBOOK}#{note.problem.entry}".rstrip("#")

    def _slack_runbook(self, note: Note) -> str:
        address = self._runbook(note)
        return f"<{address}|what to do>" if self.runbook_url else f"({address})"


def _title(note: Note) -> str:
    problem = note.problem
    if not problem.first:
        sessions = ""
    elif problem.first == problem.last:
        sessions = f", session {problem.first}"
    else:
        sessions = f", sessions {problem.first} to {problem.last}"
    return f"{problem.title}{sessions}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _escaped(text: str) -> str:
    """Text that Slack shows as it is: nobody is mentioned, no link is made of it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
