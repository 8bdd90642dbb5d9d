"""Tables of the tick database: the numbered SQL files of ``schema/``, each safe to run again."""

import re
from collections.abc import Iterator
from importlib.resources import files

from clickhouse_connect.driver.client import Client

_STATEMENT_END = re.compile(r";\s*$", re.MULTILINE)


def statements(database: str) -> Iterator[str]:
    """The statements that build the schema, in order.

    Args:
        database: Name to put in place of ``{database}``.

    Raises:
        ValueError: The name is not a plain identifier.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", database):
        raise ValueError(f"{database!r} is not a plain ClickHouse database name")
    yield f"CREATE DATABASE IF NOT EXISTS {database}"
    folder = files("polygon_stream").joinpath("schema")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            text = file.read_text(encoding="utf-8").replace("{database}", database)
            yield from (part.strip() for part in _STATEMENT_END.split(text) if part.strip())


def apply(client: Client, database: str) -> None:
    """Create what is missing; what exists is left as it is.

    Args:
        client: Connection to ClickHouse.
        database: Database of the tick tables.
    """
    for statement in statements(database):
        client.command(statement)
