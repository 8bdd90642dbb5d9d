"""Compares an answer with the facts in ``published_facts.yaml``."""

from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

OUR_MARK = "simulated"
"""The one field that the simulator adds: it marks what is invented."""


@lru_cache(maxsize=1)
def facts() -> dict[str, dict[str, Any]]:
    """By endpoint."""
    return yaml.safe_load(Path(__file__).with_name("published_facts.yaml").read_text())


def differences(endpoint: dict[str, Any], answer: Any) -> set[str]:
    """Where a whole answer differs from what is published for its endpoint."""
    shape = endpoint["body"]
    if "results" in endpoint:
        shape = {**shape, "optional": {**shape["optional"], "results": endpoint["results"]}}
    return set(_differences(shape, answer, "answer"))


def _differences(shape: Any, value: Any, place: str) -> list[str]:
    if isinstance(shape, str):
        return [] if _fits(shape, value) else [f"{place} is {value!r}, not {shape}"]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{place} is not a list"]
        return [found for item in value for found in _differences(shape[0], item, f"{place}[]")]
    if not isinstance(value, dict):
        return [f"{place} is not an object"]
    if "any" in shape:
        return [
            found for item in value.values() for found in _differences(shape["any"], item, place)
        ]
    known = {**shape["required"], **shape["optional"]}
    missing = [f"{place}.{name} is missing" for name in set(shape["required"]) - set(value)]
    unknown = [f"{place}.{name} is not published" for name in set(value) - set(known) - {OUR_MARK}]
    inside = [
        found
        for name in set(value) & set(known)
        for found in _differences(known[name], value[name], f"{place}.{name}")
    ]
    return missing + unknown + inside


def _fits(kind: str, value: Any) -> bool:
    if kind.endswith(" or null"):
        return value is None or _fits(kind.removesuffix(" or null"), value)
    if kind in {"date", "date-time"}:
        return isinstance(value, str) and _is_moment(kind, value)
    if kind in {"integer", "number"}:
        types = (int,) if kind == "integer" else (int, float)
        return isinstance(value, types) and not isinstance(value, bool)
    if kind in {"string", "boolean"}:
        return isinstance(value, str if kind == "string" else bool)
    return value in kind.split("|")


def _is_moment(kind: str, text: str) -> bool:
    try:
        parsed = date.fromisoformat(text) if kind == "date" else datetime.fromisoformat(text)
    except ValueError:
        return False
    return kind == "date" or getattr(parsed, "tzinfo", None) is not None
