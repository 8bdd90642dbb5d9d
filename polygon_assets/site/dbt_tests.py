"""What a dbt test asks, in words: dbt itself gives most of them no description."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from polygon_assets.manifest import DBT_PROJECT

SENTENCES = {
    "not_null": "Never missing.",
    "unique": "No value occurs twice.",
    "accepted_values": "Every value is one of a list.",
    "relationships": "Every value is one of another table's.",
}
"""dbt's own generic tests; each of the project's says it in the first comment of its file."""

_FIRST_COMMENT = re.compile(r"\{#-?\s*(.+?)\s*-?#\}", re.DOTALL)


def test_description(manifest: Mapping[str, Any], unique_id: str) -> str:
    """What a test of dbt's manifest asks, as Markdown; empty for what is no generic test."""
    node = manifest["nodes"].get(unique_id, {})
    if node.get("description"):
        return str(node["description"])
    told = node.get("test_metadata")
    if not told:
        return ""
    arguments = {name: value for name, value in told["kwargs"].items() if name != "model"}
    column = arguments.pop("column_name", None)
    macro = manifest["macros"].get(f"macro.{node['package_name']}.test_{told['name']}")
    sentence = _sentence(macro["original_file_path"]) if macro else SENTENCES.get(told["name"], "")
    details = ", ".join(_arguments(arguments))
    parts = (f"`{column}`:" if column else "", sentence, f"({details})" if details else "")
    return " ".join(part for part in parts if part)


def _arguments(arguments: Mapping[str, Any]) -> Iterator[str]:
    for name, value in arguments.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield f"{name.replace('_', ' ')} `{text}`"


@lru_cache
def _sentence(file: str) -> str:
    """What the file of a generic test says of it."""
    found = _FIRST_COMMENT.match((DBT_PROJECT / file).read_text())
    return found[1] if found else ""
