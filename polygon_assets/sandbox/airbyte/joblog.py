"""The log of one job: what the connector said, bounded in size."""

from collections import deque

NOT_ENTITLED = "NOT_ENTITLED"
"""The connector's mark for a dataset that it skipped because the plan lacks it."""

MAX_NOTABLE = 200
MAX_ORDINARY = 300

_NOTABLE_LEVELS = ("WARN", "ERROR", "FATAL")


class JobLog:
    """Lines ``<LEVEL> <text>`` in the order in which they came.

    Warnings and errors stand there once each, from the first on; of everything else the last lines
    are kept.
    """

    def __init__(self) -> None:
        self._count = 0
        self._notable: dict[str, int] = {}
        self._ordinary: deque[tuple[int, str]] = deque(maxlen=MAX_ORDINARY)

    def add(self, level: str, text: str) -> None:
        """Add a message; one of several lines becomes one line."""
        line = f"{level} {' '.join(text.split())}"
        self._count += 1
        # The CDK can report a skipped dataset at level INFO only.
        if level not in _NOTABLE_LEVELS and NOT_ENTITLED not in text:
            self._ordinary.append((self._count, line))
        elif len(self._notable) < MAX_NOTABLE:
            self._notable.setdefault(line, self._count)

    def lines(self) -> list[str]:
        """The lines that were kept."""
        notable = [(number, line) for line, number in self._notable.items()]
        return [line for _, line in sorted([*notable, *self._ordinary])]
