"""The summary of a gate as Markdown, for a terminal and for a pull request: pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from polygon_assets.cli.outcomes import AssetOutcome, CheckOutcome, RunOutcome
from polygon_assets.foreign_text import markdown_cell, markdown_code, one_line
from polygon_assets.gate.changes import Changes
from polygon_assets.gate.facts import check_name
from polygon_assets.gate.selection import Plan

LONGEST_MESSAGE = 400


@dataclass(frozen=True)
class Comparison:
    """What a gate was limited to.

    Attributes:
        ref: The base as the user named it.
        commit: Its hash.
        changes: What differs from it.
    """

    ref: str
    commit: str
    changes: Changes


@dataclass(frozen=True)
class Report:
    """What a gate did.

    Attributes:
        deployment: Where: name of the deployment and its warehouse.
        sessions: Which ones, as text.
        plan: What was to be run.
        outcome: What became of it; None where nothing was run.
        comparison: With the base, if it was asked for.
        seconds: How long each stage took, by its name.
    """

    deployment: str
    sessions: str
    plan: Plan
    outcome: RunOutcome | None
    comparison: Comparison | None = None
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def failed(self) -> list[CheckOutcome]:
        """ERROR checks that failed, blocking or not."""
        return self.outcome.errors if self.outcome else []

    @property
    def not_run(self) -> list[str]:
        """Checks of the plan without an answer, as ``asset:check``."""
        done = self.outcome.checks if self.outcome else {}
        return [
            check_name(key)
            for key in self.plan.checks
            if (key.asset_key.to_user_string(), key.name) not in done
        ]

    @property
    def passed(self) -> bool:
        """Whether the run succeeded, every check was answered and no ERROR check failed.

        Not where nothing was run: nothing was judged.
        """
        if self.outcome is None:
            return False
        return self.outcome.success and not self.failed and not self.not_run

    @property
    def verdict(self) -> str:
        """Why it did not pass, in a sentence."""
        if self.outcome is None:
            return _nothing_changed(self)
        if self.failed:
            names = [f"{one.asset}:{one.name}" for one in self.failed]
            return f"The gate failed: {len(names)} ERROR checks failed: {_first(names)}."
        if not self.outcome.success:
            return f"The gate failed: the run failed: {_first(self.outcome.failures)}"
        return f"The gate failed: {len(self.not_run)} checks did not run: {_first(self.not_run)}."


def markdown(report: Report) -> str:
    """The whole summary."""
    parts = [f"## {_title(report)}", _headline(report)]
    if report.outcome is not None:
        parts += _failures(report.outcome.failures)
        parts += _assets(report.plan, report.outcome.assets)
        parts += _checks(report)
    parts += _changes(report)
    parts += _timing(report)
    return "\n\n".join(parts) + "\n"


def _title(report: Report) -> str:
    if report.outcome is None:
        return "Nothing to judge"
    return "Gate passed" if report.passed else "Gate failed"


def _nothing_changed(report: Report) -> str:
    assert report.comparison is not None
    since = report.comparison.ref
    return f"No asset and no check of the selection has changed since {since}: nothing was run."


def _headline(report: Report) -> str:
    if report.outcome is None:
        return _nothing_changed(report)
    checks = report.outcome.checks.values()
    good = sum(one.passed for one in checks)
    warned = len(checks) - good - len(report.failed)
    counts = f"{good} checks passed, {len(report.failed)} failed, {warned} warned"
    if report.not_run:
        counts += f", {len(report.not_run)} did not run"
    return (
        f"{len(report.outcome.assets)} of {len(report.plan.assets)} assets materialized for "
        f"{report.sessions} in {report.deployment}. {counts}."
    )


def _failures(failures: Sequence[str]) -> list[str]:
    if not failures:
        return []
    return ["### Failed steps", "\n".join(f"- {_text(one)}" for one in failures)]


def _assets(plan: Plan, made: dict[str, AssetOutcome]) -> list[str]:
    rows: list[list[str]] = []
    for key in plan.assets:
        name = key.to_user_string()
        shown = (
            f"{markdown_code(name)} (in between)" if key in plan.between else markdown_code(name)
        )
        one = made.get(name)
        if one is None:
            rows.append([shown, "", "", "not materialized"])
        else:
            count = "" if one.rows is None else f"{one.rows:,}"
            rows.append([shown, str(one.sessions or ""), count, f"{one.seconds:.1f}"])
    if not rows:
        return []
    table = _table(["asset", "sessions", "rows", "seconds"], rows, numbers=3)
    note = "Tables that one sync or step fills share its seconds."
    return ["### Assets", table, note]


def _checks(report: Report) -> list[str]:
    assert report.outcome is not None
    answered = sorted(report.outcome.checks.values(), key=lambda one: (one.asset, one.name))
    bad = [one for one in answered if one.is_error]
    bad += [one for one in answered if not one.passed and not one.is_error]
    good = [_check_row(one) for one in answered if one.passed]
    rows = [_check_row(one) for one in bad]
    rows += [["did not run", markdown_code(name), "", "", ""] for name in report.not_run]
    columns = ["result", "check", "severity", "blocking", "message"]
    parts = ["### Checks"]
    if rows:
        parts.append(_table(columns, rows))
    if good:
        parts += [
            f"<details><summary>{len(good)} passed</summary>",
            _table(columns, good),
            "</details>",
        ]
    return parts


def _check_row(one: CheckOutcome) -> list[str]:
    result = "passed" if one.passed else "**failed**" if one.is_error else "warned"
    blocking = "yes" if one.blocking else "no"
    name = markdown_code(f"{one.asset}:{one.name}")
    return [result, name, one.severity, blocking, _text(one.description)]


def _changes(report: Report) -> list[str]:
    if report.comparison is None:
        return []
    found = report.comparison.changes
    run = {key.to_user_string() for key in report.plan.assets}
    run |= {check_name(key) for key in report.plan.checks}
    rows = [
        [markdown_code(name), ", ".join(reasons), "yes" if name in run else "no"]
        for name, reasons in [*found.assets.items(), *found.checks.items()]
    ]
    rows += [[markdown_code(key), "removed", "no"] for key in found.removed]
    ref, commit = markdown_code(report.comparison.ref), report.comparison.commit[:10]
    title = f"### Changed since {ref} ({commit})"
    if not rows:
        return [title, "No asset and no check."]
    return [title, _table(["asset or check", "why", "run"], rows)]


def _timing(report: Report) -> list[str]:
    stages = {**report.seconds, "total": sum(report.seconds.values())}
    rows = [[name, f"{seconds:.1f}"] for name, seconds in stages.items()]
    return ["### Timing", _table(["stage", "seconds"], rows, numbers=1)]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> str:
    """A table whose last ``numbers`` columns are numbers."""
    texts = len(columns) - numbers
    rule = ["---"] * texts + ["--:"] * numbers
    lines = [columns, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _first(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _text(message: str) -> str:
    """A message as one cell of a table: Markdown in it is shown, not obeyed."""
    line = one_line(message)
    return markdown_cell(f"{line[:LONGEST_MESSAGE]}…" if len(line) > LONGEST_MESSAGE else line)
