"""``polygon demo``: the whole platform once, from the vendor's protocols to checked tables."""

import fcntl
import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import FrameType

from rich.markup import escape

from polygon_assets.cli.board import Board, console
from polygon_assets.cli.prepare import prepare
from polygon_assets.sandbox.control import Sandbox, SandboxError
from polygon_assets.sandbox.layout import SandboxLayout, own_folder, sandbox_layout
from polygon_assets.sessions import session, sessions_between, sessions_ending

LAST_SESSION = date(2005, 2, 28)
"""AAPL split 2:1 on this day; MSFT went ex-dividend nine sessions earlier."""


class StageFailedError(RuntimeError):
    """A stage of the demo failed; the message says which and why."""


@dataclass(frozen=True)
class Options:
    """What to load and stream.

    Attributes:
        sessions: The sessions to load; the last one is streamed.
        symbols: The simulated market: a number of symbols, or their names.
        speed: Market seconds per second while streaming.
        keep: Leave the sandbox running.
        bi: Start Superset, too.
    """

    sessions: list[date]
    symbols: str
    speed: float
    keep: bool
    bi: bool = False

    @classmethod
    def parse(
        cls, sessions: str, symbols: str, speed: float, *, keep: bool, bi: bool = False
    ) -> "Options":
        """The options from the command line's texts.

        Raises:
            ValueError: Says which option is wrong and what it may be.
        """
        return cls(parse_sessions(sessions), symbols, speed, keep, bi)


def parse_sessions(text: str) -> list[date]:
    """The sessions of ``--sessions``: a number of them, a date, or FIRST:LAST.

    Raises:
        ValueError: Says what the text may be.
    """
    if text.isdigit():
        return sessions_ending(LAST_SESSION, int(text))
    first, colon, last = text.partition(":")
    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last if colon else first)
    except ValueError:
        raise ValueError(
            f"--sessions {text}: give a number of sessions, a date, or FIRST:LAST, such as "
            "2005-02-14:2005-02-28."
        ) from None
    found = sessions_between(start, session(end).session_date)
    if not found:
        raise ValueError(f"--sessions {text}: there is no session from {start} to {end}.")
    return found


def run_demo(options: Options) -> int:
    """Run every stage and print the summary.

    Returns:
        0 if all of it worked, 1 if a stage or an ERROR check failed, 130 when interrupted.
    """
    layout = sandbox_layout()
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupt)
    sandbox = Sandbox(layout)
    with _only_demo(layout):
        os.environ.update(layout.environment())
        try:
            with Board() as board, _output_to(layout.log("demo")):
                prepare(board, sandbox, options.symbols, bi=options.bi)
                # Dagster takes seconds to import, so it comes after the sandbox was started.
                from polygon_assets.cli.stages import Demo
                from polygon_assets.cli.summary import print_summary

                report = Demo(layout, options, board).run()
            report.seconds = time.monotonic() - started
            print_summary(report)
            if options.keep:
                sandbox.keep()
            return 0 if report.succeeded else 1
        except (StageFailedError, SandboxError) as error:
            console.print(f"[red]✗[/] {escape(str(error))}", highlight=False, soft_wrap=True)
            console.print(f"Everything that was printed meanwhile: {layout.log('demo')}")
            return 1
        except KeyboardInterrupt:
            console.print("[yellow]Interrupted:[/] stopping what was started.")
            return 130
        finally:
            if not layout.keep_file.exists():
                sandbox.stop()


@contextmanager
def _output_to(log: Path) -> Generator[None, None, None]:
    """Send what Dagster and dbt print to a file: the terminal belongs to the bars."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file, redirect_stdout(file), redirect_stderr(file):
        yield


@contextmanager
def _only_demo(layout: SandboxLayout) -> Generator[None, None, None]:
    """One demo at a time in a folder."""
    own_folder(layout.root)
    with (layout.root / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SandboxError(
                f"A demo is already running in {layout.root}: wait for it."
            ) from None
        yield


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
