"""``polygon gate``: materialize a selection with its checks in this process, and judge it."""

import os
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from polygon_assets.cli.gate_options import Options
from polygon_assets.cli.prepare import missing_manifest
from polygon_assets.env import deployment_names
from polygon_assets.gate.base import base_checkout
from polygon_assets.gate.errors import GateUsageError
from polygon_assets.sandbox.layout import sandbox_layout

if TYPE_CHECKING:
    import dagster as dg

    from polygon_assets.cli.outcomes import RunOutcome
    from polygon_assets.gate.selection import Plan
    from polygon_assets.gate.summary import Comparison, Report

PASSED, FAILED, NOT_JUDGED = 0, 1, 2
"""Exit codes."""

STEP_SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
"""Names the file whose Markdown GitHub shows on the page of a workflow's run."""

Load = Callable[[Path], "dg.Definitions"]
"""Gives the definitions; the folder is for what is needed meanwhile."""


def checked_out_definitions(work: Path) -> "dg.Definitions":
    """The definitions of this checkout; dbt's manifest is made where it is missing or old."""
    for build in missing_manifest(work):
        process = build.start()
        process.wait()
        build.require(process)
    from polygon_assets.definitions import defs

    return defs


def run_gate(options: Options, load: Load = checked_out_definitions) -> int:
    """Run the gate, print its summary, and write it where it was asked for.

    Args:
        options: What to judge.
        load: Gives the definitions.

    Returns:
        0 if everything passed or nothing has changed; 1 if a run or an ERROR check failed, blocking
        or not, or a check was not answered; 2 if there is nothing to judge, or an option is wrong.
    """
    try:
        options.require()
        if options.sandbox:
            os.environ.update(sandbox_layout().environment())
        with TemporaryDirectory(prefix="polygon-gate-") as folder:
            report = Gate(options, Path(folder), load).run()
            return _finish(report, options.summary)
    except GateUsageError as error:
        _say(str(error))
        return NOT_JUDGED


class Gate:
    """One gate, stage by stage.

    Attributes:
        options: What the user asked for.
        work: A folder for what is needed until the end.
        load: Gives the definitions.
    """

    def __init__(self, options: Options, work: Path, load: Load) -> None:
        self.options = options
        self.work = work
        self.load = load
        self.names = deployment_names()
        self.seconds: dict[str, float] = {}

    def run(self) -> "Report":
        """Compare, plan, run.

        Raises:
            GateUsageError: There is nothing to judge.
        """
        sessions = self.options.chosen_sessions()
        with self._stage("load"):
            definitions = self.load(self.work)
        from polygon_assets.gate.summary import Report

        comparison = self._compare(definitions) if self.options.changed_since else None
        plan = self._plan(definitions, comparison)
        window = f"{sessions[0]} to {sessions[-1]}" if len(sessions) > 1 else str(sessions[0])
        where = f"{self.names.label} ({self.names.snowflake_database})"
        nothing = not plan.assets and not plan.checks
        if nothing and comparison is not None:
            return Report(where, window, plan, None, comparison, self.seconds)
        if not plan.checks:
            raise GateUsageError(
                f"No check belongs to what {self._asked} selects, so nothing would be judged."
            )
        _note(f"{len(plan.assets)} assets and {len(plan.checks)} checks for {window} in {where}")
        with self._systems(), self._stage("run"), self._deferred():
            outcome = _run(definitions, plan, sessions)
        if outcome.success and not outcome.checks:
            raise GateUsageError(f"Not one check of what {self._asked} selects was evaluated.")
        return Report(where, window, plan, outcome, comparison, self.seconds)

    @property
    def _asked(self) -> str:
        return f"--select {self.options.select}" if self.options.select else "--changed-since"

    def _compare(self, definitions: "dg.Definitions") -> "Comparison":
        from polygon_assets.gate.changes import changes_between
        from polygon_assets.gate.dbt_state import dbt_changes, write_deferred_state
        from polygon_assets.gate.facts import Facts
        from polygon_assets.gate.summary import Comparison

        target = self.names.deployment.value
        ref = self.options.changed_since
        with self._stage("compare"), base_checkout(ref, self.work) as base:
            _note(f"comparing with {ref} ({base.commit[:10]})")
            base.parse_dbt(target)
            changes = changes_between(base.facts(), Facts.of(definitions))
            of_dbt = dbt_changes(base.dbt_state, target, self.work / "dbt").of_graph(definitions)
            if self.options.defer_to:
                write_deferred_state(base.dbt_state, self.options.defer_to, self._defer_state)
        return Comparison(ref, base.commit, changes.with_dbt(*of_dbt))

    def _plan(self, definitions: "dg.Definitions", comparison: "Comparison | None") -> "Plan":
        from polygon_assets.gate.selection import plan, plan_changed, selected_keys

        graph = definitions.resolve_asset_graph()
        within = selected_keys(graph, self.options.select) if self.options.select else None
        if comparison is not None:
            return plan_changed(graph, comparison.changes, within)
        return plan(graph, within or ())

    @property
    def _defer_state(self) -> Path:
        return self.work / "deferred"

    @contextmanager
    def _deferred(self) -> Generator[None, None, None]:
        """Let dbt read what is missing here from the base's database, by dbt's own variables."""
        if not self.options.defer_to:
            yield
            return
        variables = {"DBT_DEFER": "true", "DBT_DEFER_STATE": str(self._defer_state)}
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    @contextmanager
    def _systems(self) -> Generator[None, None, None]:
        """The sandbox, where it was asked for."""
        if not self.options.sandbox:
            yield
            return
        from polygon_assets.cli.sandbox import sandbox_for

        with ExitStack() as stack:
            with self._stage("sandbox"):
                stack.enter_context(sandbox_for(self.options.sandbox))
            yield

    @contextmanager
    def _stage(self, name: str) -> Generator[None, None, None]:
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started


def _run(definitions: "dg.Definitions", plan: "Plan", sessions: Sequence[date]) -> "RunOutcome":
    """Run the plan; what dbt and Dagster print goes to standard error."""
    from polygon_assets.cli.outcomes import merged
    from polygon_assets.cli.runs import Runner
    from polygon_assets.gate.selection import windows

    graph = definitions.resolve_asset_graph()
    with _instance() as instance, redirect_stdout(sys.stderr):
        runner = Runner(definitions, instance)
        return merged(
            [
                runner.selection(plan.selection, window, lambda _: None)
                for window in windows(graph, plan.assets, sessions)
            ]
        )


@contextmanager
def _instance() -> "Generator[dg.DagsterInstance, None, None]":
    """The instance of DAGSTER_HOME; without it one of the gate's own, gone afterwards."""
    import dagster as dg

    if os.environ.get("DAGSTER_HOME"):
        try:
            instance = dg.DagsterInstance.get()
        except dg.DagsterError as error:
            raise GateUsageError(" ".join(str(error).split())) from None
        with instance:
            yield instance
        return
    with (
        TemporaryDirectory(prefix="polygon-gate-") as home,
        dg.DagsterInstance.local_temp(home) as instance,
    ):
        yield instance


def _finish(report: "Report", summary: Path | None) -> int:
    from polygon_assets.gate.summary import markdown

    text = markdown(report)
    sys.stdout.write(text)
    if summary is not None:
        summary.parent.mkdir(parents=True, exist_ok=True)
        summary.write_text(text)
    if on_github := os.environ.get(STEP_SUMMARY_VARIABLE):
        with Path(on_github).open("a") as file:
            file.write(text)
    if report.passed:
        return PASSED
    _say(report.verdict)
    return PASSED if report.outcome is None else FAILED


def _say(sentence: str) -> None:
    Console(stderr=True).print(f"[red]✗[/] {escape(sentence)}", highlight=False, soft_wrap=True)


def _note(sentence: str) -> None:
    Console(stderr=True).print(f"[dim]gate:[/] {escape(sentence)}", highlight=False, soft_wrap=True)
