"""Examine all systems at the same time, with a limit of seconds for each."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Protocol

from dagster import DagsterInstance
from pydantic import SecretStr, ValidationError

from polygon_assets.doctor import (
    airbyte,
    alerts,
    clickhouse,
    dagster,
    dashboards,
    dbt,
    ecs,
    flat_files,
    kafka,
    snowflake,
    vendor,
    websocket,
)
from polygon_assets.doctor.findings import Finding, Findings, problem, words
from polygon_assets.env import Names
from polygon_assets.settings import ALL_SETTINGS

Progress = Callable[[Sequence[str]], None]
"""Told the names of the systems that are still examined."""

_SHORTEST_SECRET = 4

_IMPORTS_LATE = {"snowflake": "dagster_snowflake", "ecs": "dagster_aws.utils"}
"""System -> what its client imports at its first call: hundreds of modules, some of them shared."""


class Examine(Protocol):
    """One system's questions."""

    def __call__(self, names: Names, /, *, probe: bool) -> Findings: ...


SYSTEMS: dict[str, Examine] = {
    "polygon": vendor.examine,
    "websocket": websocket.examine,
    "flat-files": flat_files.examine,
    "airbyte": airbyte.examine,
    "snowflake": snowflake.examine,
    "dbt": dbt.examine,
    "kafka": kafka.examine,
    "clickhouse": clickhouse.examine,
    "ecs": ecs.examine,
    "dagster": dagster.examine,
    "dashboards": dashboards.examine,
    "alerts": alerts.examine,
}
"""In the order in which they are shown."""


@dataclass(frozen=True)
class _Told:
    """A finding of a system; None when it has no more."""

    system: str
    finding: Finding | None


def examine(
    names: Names,
    systems: Sequence[str],
    *,
    probe: bool,
    seconds: float,
    progress: Progress = lambda _: None,
) -> list[Finding]:
    """Ask every system everything.

    Args:
        names: The deployment.
        systems: Names in :data:`SYSTEMS`.
        probe: Also try what can only be known by trying; what is made is removed again.
        seconds: After so many, what a system has not answered is a problem.
        progress: Told what is still waited for, at the beginning and whenever one is done.

    Returns:
        The findings in the order of the systems. No text holds a secret of the settings.
    """
    answers: queue.Queue[_Told] = queue.Queue()
    found: dict[str, list[Finding]] = {name: [] for name in systems}
    waiting = list(systems)
    progress(waiting)
    _import_ahead(systems)
    for name in systems:
        # A daemon: a client that hangs in C must not keep the command from ending.
        arguments = (name, SYSTEMS[name], names, probe, answers)
        threading.Thread(target=_collect, args=arguments, name=name, daemon=True).start()
    deadline = time.monotonic() + seconds
    while waiting and (left := deadline - time.monotonic()) > 0:
        try:
            told = answers.get(timeout=left)
        except queue.Empty:
            break
        if told.finding is not None:
            found[told.system].append(told.finding)
        else:
            waiting.remove(told.system)
            progress(waiting)
    for name in waiting:
        found[name].append(_too_slow(found[name], seconds))
    hide = _secrets()
    return [_shown(one, name, hide) for name in systems for one in found[name]]


def _import_ahead(systems: Sequence[str]) -> None:
    """Import what several systems need, before their threads would do it at the same time.

    Where modules import each other, two threads that begin at different ends see half of them.
    """
    # A resource is made with an instance in memory, whose connection is closed by the thread that
    # collects the garbage; SQLite refuses that, and the pool logs a traceback that means nothing.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    with DagsterInstance.ephemeral():
        pass
    for system, module in _IMPORTS_LATE.items():
        if system in systems:
            import_module(module)
    if "dagster" in systems:
        dagster.loaded()  # what it raises is told by the system itself


def _collect(
    system: str, ask: Examine, names: Names, probe: bool, answers: "queue.Queue[_Told]"
) -> None:
    try:
        for finding in ask(names, probe=probe):
            answers.put(_Told(system, finding))
    except Exception as error:  # noqa: BLE001 - one system does not hide the others
        text = words(error) or "no message"
        finding = problem("unexpected", f"{type(error).__name__}: {text}", "See the message.")
        answers.put(_Told(system, finding))
    answers.put(_Told(system, None))


def _too_slow(before: Sequence[Finding], seconds: float) -> Finding:
    after = f" after {before[-1].check!r}" if before else ""
    return problem(
        "answers in time",
        f"No end{after} within {seconds:g} s",
        "Look at the network between here and there, or allow more with --seconds.",
    )


def _secrets() -> list[str]:
    """Every secret that somebody has set, longest first; defaults are words of the sandbox."""
    found, known = set[str](), set[str]()
    for settings in ALL_SETTINGS:
        try:
            values = settings()
        except ValidationError:
            continue  # the system's own check tells of it
        for name, field in settings.model_fields.items():
            value = getattr(values, name)
            if isinstance(value, SecretStr):
                found.add(value.get_secret_value())
            if isinstance(field.default, SecretStr):
                known.add(field.default.get_secret_value())
    hidden = (one for one in found - known if len(one) >= _SHORTEST_SECRET)
    return sorted(hidden, key=len, reverse=True)


def _shown(finding: Finding, system: str, secrets: Sequence[str]) -> Finding:
    texts = {"found": finding.found, "todo": finding.todo}
    for secret in secrets:
        texts = {name: text.replace(secret, "***") for name, text in texts.items()}
    return replace(finding, system=system, **texts)
