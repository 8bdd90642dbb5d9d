"""Streams x (incremental, primary key, fields documented, tests)."""

from collections.abc import Iterator, Mapping
from typing import Any

from reading import manifest, schema, stream

HEADER = ("stream", "incremental", "primary key", "fields documented", "tests")


def stream_names() -> list[str]:
    """Every stream that the manifest offers, those behind a switch included, in its order."""
    offered = []
    for entry in manifest()["streams"]:
        offered += entry["streams"] if entry["type"] == "ConditionalStreams" else [entry]
    return [entry["name"] for entry in offered]


def fields(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each field with its definition, the fields of objects and of lists' objects included."""
    for name, definition in properties.items():
        yield f"{prefix}{name}", definition
        inner = definition.get("items", definition)
        yield from fields(inner.get("properties", {}), f"{prefix}{name}.")


def documented(name: str) -> tuple[int, int]:
    """How many fields of a stream have a description, and how many fields there are."""
    definitions = [definition for _, definition in fields(schema(name)["properties"])]
    return sum(bool(one.get("description")) for one in definitions), len(definitions)


def coverage_table(passed: Mapping[str, int]) -> list[str]:
    """The table's lines.

    Args:
        passed: How many passed tests read each stream.
    """
    rows = [HEADER, *(_row(name, passed.get(name, 0)) for name in stream_names())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _row(name: str, tests: int) -> tuple[str, ...]:
    declared = stream(name)
    good, total = documented(name)
    cursor = declared.get("incremental_sync", {}).get("cursor_field", "MISSING")
    key = ", ".join(declared.get("primary_key", [])) or "MISSING"
    return name, cursor, key, f"{good} of {total}", str(tests) if tests else "MISSING"
