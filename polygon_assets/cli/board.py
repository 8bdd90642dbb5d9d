"""Progress on the terminal: one bar per stage."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

PLAIN_WIDTH = 110

# Bound to the terminal, whatever is written to sys.stdout meanwhile goes elsewhere.
console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


class Stage:
    """The bar of one stage."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def update(self, done: float, total: float | None = None, note: str | None = None) -> None:
        """Show how far the stage is, and what it does."""
        if total is not None:
            self._progress.update(self._task, total=total)
        if note is not None:
            self._progress.update(self._task, note=note)
        self._progress.update(self._task, completed=done)

    def finish(self, note: str) -> None:
        """Fill the bar."""
        task = self._progress.tasks[self._task]
        self._progress.update(self._task, completed=task.total or 1, total=task.total or 1)
        self._progress.update(self._task, note=note)


class Board:
    """The bars of all stages, one below the other.

    Args:
        terminal: Where they are shown.
    """

    def __init__(self, terminal: Console = console) -> None:
        self._terminal = terminal
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("[bold]{task.description:<10}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=terminal,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not terminal.file.isatty(),
        )

    def __enter__(self) -> "Board":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def stage(self, name: str, total: float) -> Generator[Stage, None, None]:
        """A stage with ``total`` units of work. A line says its end where there is no terminal."""
        task = self._progress.add_task(name, total=total, note="")
        stage = Stage(self._progress, task)
        yield stage
        if self._progress.disable:
            found = self._progress.tasks[task]
            self._terminal.print(
                f"✓ {name:<10} {found.elapsed or 0:5.1f} s  {found.fields['note']}"
            )


def short_path(path: Path) -> str:
    """A path as a person here would type it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
