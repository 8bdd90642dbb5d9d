"""What a dbt test asks, in words: dbt itself gives most of them no description."""

from collections.abc import Iterator, Mapping
from typing import Any

SENTENCES = {
    "not_null": "Never missing",
    "unique": "No value twice",
    "accepted_values": "One of the values",
    "relationships": "Every value is one of",
}
"""dbt's own generic tests."""


def test_description(node: Mapping[str, Any]) -> str:
    """A sentence about a test of dbt's manifest; empty for what is no generic test."""
    if node.get("description"):
        return str(node["description"])
    told = node.get("test_metadata")
    if not told:
        return ""
    arguments = {name: value for name, value in told["kwargs"].items() if name != "model"}
    column = arguments.pop("column_name", "") or ""
    sentence = SENTENCES.get(told["name"], str(told["name"]).replace("_", " ").capitalize())
    text = ": ".join(part for part in (f"`{column}`" if column else "", sentence) if part)
    details = "; ".join(_arguments(arguments))
    return f"{text} ({details})." if details else f"{text}."


def _arguments(arguments: Mapping[str, Any]) -> Iterator[str]:
    for name, value in arguments.items():
        values = ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)
        yield f"{name.replace('_', ' ')} `{values}`"
