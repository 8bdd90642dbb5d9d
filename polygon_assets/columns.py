"""The columns of the assets that dbt does not describe, as the engines and the vendor have them.

``columns.json`` is made from the ClickHouse migrations, the connector's manifest and the stream's
event classes: ``uv run python tests/checks/columns_made.py``. A test compares them.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg

FILE = Path(__file__).with_name("columns.json")


@lru_cache(maxsize=1)
def columns() -> dict[str, dict[str, str]]:
    """Asset key as ``a/b/c`` -> its columns in order, each with its type."""
    return json.loads(FILE.read_text())


def column_schema(key: Sequence[str]) -> dict[str, Any]:
    """The columns of an asset as metadata; nothing where the file has none."""
    known = columns().get("/".join(key))
    if known is None:
        return {}
    schema = dg.TableSchema([dg.TableColumn(name, type_) for name, type_ in known.items()])
    return {"dagster/column_schema": schema}
