"""Make ``polygon_assets/columns.json`` anew, after a migration or a change of the connector:

uv run python tests/checks/columns_made.py
"""

import json
import re
import sys
import tempfile
import types
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from polygon_stream import schema
from polygon_stream.events import Bar, Gap, Halt, Quote, Trade

from polygon_assets.columns import FILE
from polygon_assets.defs.flat_files.tables import COLUMNS as FLAT_FILE_COLUMNS
from polygon_assets.defs.flat_files.tables import TABLES as FLAT_FILE_TABLES
from polygon_assets.defs.raw import STREAM_TABLES
from polygon_assets.defs.reconcile.assets import CREATE, KEY
from polygon_assets.defs.rollups.assets import ROLLUPS
from polygon_assets.defs.rollups.live import create_rollups
from polygon_assets.defs.rollups.live_assets import LIVE_ROLLUPS
from polygon_assets.defs.ticks.assets import BARS_1S
from polygon_assets.defs.ticks.tables import SESSION_OF
from polygon_assets.publish.manifest import read_manifest, read_streams
from polygon_assets.resources.clickhouse import ClickHouse, clickhouse
from polygon_assets.sandbox.airbyte.columns import table_columns

Columns = dict[str, dict[str, str]]

MESSAGES = {
    "agg_1s": Bar,
    "agg_1m": Bar,
    "trades": Trade,
    "quotes": Quote,
    "luld": Halt,
    "gaps": Gap,
}
"""Topic -> the class of its messages. A dead letter is whatever came; its headers are told."""

DEAD_LETTER_HEADERS = ("reason", "source", "topic", "partition", "offset")
JSON_TYPES = {str: "string", float: "number", int: "integer", datetime: "date-time"}


def columns_of_everything(tables: ClickHouse) -> Columns:
    """Asset key -> column -> type, for every asset that dbt does not describe."""
    return raw() | reconciled() | messages() | clickhouse_columns(tables)


def raw() -> Columns:
    """What Airbyte and the flat files fill, with Snowflake's types; names as dbt writes them."""
    streams = read_streams(read_manifest())
    found = {"/".join(one.key): dict(table_columns(streams[one.stream])) for one in STREAM_TABLES}
    loaded = {"SESSION_DATE": "DATE", "FILE_ETAG": "VARCHAR", "LOADED_AT": "TIMESTAMP_TZ"}
    of_files = {name.upper(): kind for name, kind in FLAT_FILE_COLUMNS.items()} | loaded
    found |= {"/".join(table.key): of_files for table in FLAT_FILE_TABLES}
    return {
        key: {name.lower(): kind.lower() for name, kind in one.items()}
        for key, one in found.items()
    }


def reconciled() -> Columns:
    """The table of the reconciliation."""
    inside = CREATE.partition("(")[2].rpartition(")")[0]
    declared = [part.split() for part in inside.split(",")]
    return {"/".join(KEY): {words[0].lower(): words[1].lower() for words in declared}}


def messages() -> Columns:
    """The fields of a message, under the vendor's names, with JSON's types."""
    found: Columns = {}
    for topic, kind in MESSAGES.items():
        hints = get_type_hints(kind, include_extras=True)
        names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
        found[f"kafka/stocks/{topic}"] = {name: json_type(hints[field]) for field, name in names}
    found["kafka/stocks/dead_letter"] = dict.fromkeys(DEAD_LETTER_HEADERS, "header")
    return found


def json_type(hint: Any) -> str:
    """JSON's word for a field's type."""
    if get_origin(hint) is Annotated:
        return json_type(get_args(hint)[0])
    if isinstance(hint, types.UnionType) or (get_origin(hint) is not list and get_args(hint)):
        return json_type(next(one for one in get_args(hint) if one is not type(None)))
    return "array" if get_origin(hint) is list else JSON_TYPES[hint]


def clickhouse_columns(tables: ClickHouse) -> Columns:
    """The columns as the engine has them, without those that exist while inserting only."""
    rollups = [one.name for one in (*ROLLUPS, *LIVE_ROLLUPS)]
    found: Columns = {}
    for schema_name, database, names in (
        ("ticks", tables.ticks, [BARS_1S[-1], *(key[-1] for key in SESSION_OF)]),
        ("rollups", tables.rollups, rollups),
    ):
        rows = tables.query(
            "SELECT table, name, type FROM system.columns WHERE database = {database:String} "
            "AND table IN {names:Array(String)} AND default_kind != 'EPHEMERAL' "
            "ORDER BY table, position",
            {"database": database, "names": names},
        )
        for table, name, kind in rows:
            key = f"clickhouse/{schema_name}/{table}"
            found.setdefault(key, {})[name] = re.sub(r"\s+", " ", kind)
    return found


def text(found: Columns) -> str:
    """The file's text."""
    return json.dumps(dict(sorted(found.items())), indent=1) + "\n"


def main() -> int:
    """Ask a ClickHouse of the sandbox, and write the file."""
    from checks.checks_support import NAMES, variables
    from support.servers import server

    with tempfile.TemporaryDirectory() as folder, server("clickhouse", Path(folder)) as port:
        with variables(CLICKHOUSE_URL=f"http://127.0.0.1:{port}"):
            tables = clickhouse(NAMES).process_config_and_initialize()
        with tables.client() as client:
            schema.apply(client, schema.TICKS, {"database": tables.ticks})
        create_rollups(tables)
        FILE.write_text(text(columns_of_everything(tables)))
    sys.stdout.write(f"{FILE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
