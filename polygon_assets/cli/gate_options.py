"""The options of ``polygon gate``."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from polygon_assets.cli.demo import parse_sessions
from polygon_assets.gate.errors import GateUsageError
from polygon_assets.sessions import NEW_YORK, sessions_ending

LATEST = re.compile(r"latest(?::([1-9][0-9]*))?")
DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


@dataclass(frozen=True)
class Options:
    """The command's options, as the user typed them; empty where they were left out."""

    sessions: str
    select: str = ""
    changed_since: str = ""
    defer_to: str = ""
    summary: Path | None = None
    sandbox: str = ""
    """The simulated market to gate on; empty for the systems that the environment names."""

    def require(self) -> None:
        """Look whether they make sense together.

        Raises:
            GateUsageError: Says which does not.
        """
        if not self.select.strip() and not self.changed_since:
            raise GateUsageError("Nothing is selected: give --select, --changed-since, or both.")
        if self.defer_to and not self.changed_since:
            raise GateUsageError(
                "--defer-to needs --changed-since: the models of that commit are what dbt reads."
            )
        if self.defer_to and not DATABASE.fullmatch(self.defer_to):
            raise GateUsageError(f"--defer-to {self.defer_to}: this is no name of a database.")
        if self.sandbox and LATEST.fullmatch(self.sessions):
            raise GateUsageError(
                f"--sessions {self.sessions}: name the sessions, such as 2005-02-28, where the "
                "market is simulated."
            )

    def chosen_sessions(self) -> list[date]:
        """The sessions to judge; ``latest`` is the newest one that is due by the vendor's clock.

        Raises:
            GateUsageError: There are no such sessions, or not yet.
        """
        sessions = self._named_sessions()
        if sessions[-1] > datetime.now(NEW_YORK).date():
            raise GateUsageError(f"--sessions {self.sessions}: {sessions[-1]} is yet to come.")
        return sessions

    def _named_sessions(self) -> list[date]:
        found = LATEST.fullmatch(self.sessions)
        try:
            if not found:
                return parse_sessions(self.sessions)
            from polygon_assets.defs.platform.due import EVENING
            from polygon_assets.resources.polygon import polygon

            now = polygon().process_config_and_initialize().now()
            return sessions_ending(EVENING.due(now).session_date, int(found[1] or 1))
        except ValueError as error:
            raise GateUsageError(str(error)) from None
