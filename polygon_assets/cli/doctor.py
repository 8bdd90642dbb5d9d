"""``polygon doctor``: what is there, what is missing, and what to do, as a table."""

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.markup import escape
from rich.table import Table

from polygon_assets.cli.board import Board, console
from polygon_assets.doctor.examination import SYSTEMS, Progress, examine
from polygon_assets.doctor.findings import Finding
from polygon_assets.env import Deployment, Names, deployment_names
from polygon_assets.sandbox.control import is_running, read_state
from polygon_assets.sandbox.layout import UI, sandbox_layout

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def run_doctor(systems: Sequence[str], *, probe: bool, seconds: float, as_json: bool) -> int:
    """Examine the systems that the environment names, and print what was found.

    Args:
        systems: Names of systems; none = all.
        probe: Also try what can only be known by trying.
        seconds: Limit for each system.
        as_json: Print a list of objects and nothing else.

    Returns:
        1 where anything is a problem, else 0.

    Raises:
        ValueError: There is no system of that name.
    """
    unknown = [one for one in systems if one not in SYSTEMS]
    if unknown:
        raise ValueError(f"There is no system {unknown[0]!r}: choose among {', '.join(SYSTEMS)}.")
    names, chosen = deployment_names(), list(systems or SYSTEMS)
    name_the_sandboxs_instance(names)
    if as_json:
        found = examine(names, chosen, probe=probe, seconds=seconds)
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=2) + "\n")
    else:
        found = _with_progress(names, chosen, probe, seconds)
        console.print(_table(found))
        counts = Counter(one.result for one in found)
        console.print(
            f"{counts['ok']} ok, {counts['warning']} warnings, {counts['problem']} problems "
            f"in the deployment {names.label}."
        )
    return int(any(one.result == "problem" for one in found))


def name_the_sandboxs_instance(names: Names) -> None:
    """Point to the Dagster of a sandbox that runs, unless the environment names an instance."""
    if names.deployment is not Deployment.LOCAL:
        return
    layout = sandbox_layout()
    state = read_state(layout) if is_running(layout) else None
    if state is not None and UI in state.services:
        os.environ.setdefault("DAGSTER_HOME", str(layout.data(UI)))


def _with_progress(
    names: Names, systems: Sequence[str], probe: bool, seconds: float
) -> list[Finding]:
    with Board() as board, board.stage("doctor", len(systems)) as stage:

        def show(waiting: Sequence[str]) -> None:
            stage.update(len(systems) - len(waiting), note=", ".join(waiting))

        progress: Progress = show
        found = examine(names, systems, probe=probe, seconds=seconds, progress=progress)
        stage.finish(f"{len(systems)} systems, {len(found)} checks")
    return found


def _table(found: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("system", "check", "result", "found", "what to do"):
        table.add_column(column, overflow="fold")
    shown = ""
    for one in found:
        system, shown = ("" if one.system == shown else one.system), one.system
        result = f"[{_COLOURS[one.result]}]{one.result}[/]"
        table.add_row(system, escape(one.check), result, escape(one.found), escape(one.todo))
    return table
