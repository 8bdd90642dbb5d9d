"""What the doctor finds: one line each."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from polygon_assets.env import Names
from polygon_assets.preflight import ServiceUnreachableError, endpoint
from polygon_assets.settings import wrong_setting

Result = Literal["ok", "warning", "problem"]

SETTINGS, REACHABLE, ACCEPTED = "settings", "reachable", "accepts us"
"""Names of the first checks of most systems."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question about one system.

    Attributes:
        check: What was looked at.
        result: ``ok``; ``warning``, which may be meant so; or ``problem``, which stops something.
        found: What is there.
        todo: What to do about it; empty where it is ok.
        system: Which one; filled in by whoever collects.
    """

    check: str
    result: Result
    found: str
    todo: str = ""
    system: str = ""


Findings = Generator[Finding, None, None]


def ok(check: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding(check, "ok", found)


def warning(check: str, found: str, todo: str) -> Finding:
    """It may be meant so."""
    return Finding(check, "warning", found, todo)


def problem(check: str, found: str, todo: str) -> Finding:
    """Something cannot work."""
    return Finding(check, "problem", found, todo)


def what_creates(names: Names) -> str:
    """What makes the things of a deployment that are missing, to run."""
    return "the job clone_deployment" if names.is_branch else "`polygon bootstrap`"


def words(error: object) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split())


def told(check: str, error: Exception) -> Finding:
    """The problem that an error of ours names: ``what was found: what to do``."""
    sentence = wrong_setting(error) if isinstance(error, ValidationError) else None
    found, _, todo = (sentence or str(error)).rpartition(": ")
    return problem(check, found or todo, todo[:1].upper() + todo[1:] if found else "")


def reached(system: str) -> Generator[Finding, None, bool]:
    """Look for a system's settings, and connect to it once.

    Returns:
        Whether it answers.
    """
    try:
        where = endpoint(system)
        where.require_credentials()
    except ValueError as error:
        yield told(SETTINGS, error)
        return False
    address = f"{where.host}:{where.port}"
    yield ok(SETTINGS, f"{where.variable} names {address}")
    try:
        where.check()
    except ServiceUnreachableError as error:
        yield told(REACHABLE, error)
        return False
    yield ok(REACHABLE, f"{address} answers")
    return True
