"""Columns of the raw tables: their types, and how a value of a record becomes one of them."""

from collections.abc import Iterable
from typing import Any, cast

from polygon_assets.publish.manifest import Stream

Json = dict[str, Any]

GENERATION_ID = 1
"""Constant here: a generation ends with a refresh, which this subset does not offer."""

META_COLUMNS = {
    "_AIRBYTE_RAW_ID": "varchar",
    "_AIRBYTE_EXTRACTED_AT": "timestamp_tz",
    "_AIRBYTE_META": "variant",
    "_AIRBYTE_GENERATION_ID": "number(38, 0)",
}
"""Airbyte's own columns, with their types."""

NUMBER = '"_AIRBYTE_NUMBER"'
CHANGES = '"_AIRBYTE_CHANGES"'

_BATCH_COLUMNS = f'"_AIRBYTE_EXTRACTED_AT" timestamp_tz, {NUMBER} number(38, 0), {CHANGES} varchar'
_BARE = ("varchar", "variant")


def column_type(schema: Json) -> str:
    """The Snowflake type of a field of a JSON schema, as Airbyte's Snowflake destination has it."""
    declared: Any = schema.get("type", "string")
    kinds = [declared] if isinstance(declared, str) else cast("list[str]", declared)
    kind = next((name for name in kinds if name != "null"), "string")
    if kind == "string" and schema.get("format") == "date":
        return "date"
    if kind == "string" and schema.get("format") == "date-time":
        return "timestamp_tz"
    simple = {
        "string": "varchar",
        "number": "float",
        "integer": "number(38, 0)",
        "boolean": "boolean",
    }
    return simple.get(kind, "variant")


def column(name: str) -> str:
    """A field's column, quoted."""
    return quoted(name.upper())


def quoted(name: str) -> str:
    """An identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Iterable[str]) -> str:
    """Columns of fields, with commas between."""
    return ", ".join(column(name) for name in names)


def table_columns(stream: Stream) -> dict[str, str]:
    """Columns of a stream's table with their types, Airbyte's own first."""
    return META_COLUMNS | {name: column_type(schema) for name, schema in stream.fields.items()}


def batch_definition(stream: Stream) -> str:
    """The columns of the table in which a batch waits: typed, with its order and its changes."""
    fields = [f"{column(name)} {column_type(schema)}" for name, schema in stream.fields.items()]
    return ", ".join([*fields, _BATCH_COLUMNS])


def strict_values(stream: Stream, record: str) -> str:
    """The batch's columns from a record; a value of the wrong type is an error.

    Args:
        stream: The stream.
        record: SQL of a line as :class:`~polygon_assets.sandbox.airbyte.batch.Batch` writes it.
    """
    fields = [
        _cast(_field(record, name), column_type(schema)) for name, schema in stream.fields.items()
    ]
    return ", ".join([*fields, *_order(record), "null::varchar"])


def lenient_values(stream: Stream, record: str) -> str:
    """The same; a value of the wrong type becomes NULL and is listed among the changes."""
    fields = [_tried(record, name, column_type(schema)) for name, schema in stream.fields.items()]
    nulled = [
        f"iff({_field(record, name)}::varchar is not null"
        f" and {_tried(record, name, kind)} is null, ',{_change(name)}', '')"
        for name, schema in stream.fields.items()
        if (kind := column_type(schema)) not in _BARE
    ]
    changes = f"nullif({' || '.join(nulled)}, '')" if nulled else "null::varchar"
    return ", ".join([*fields, *_order(record), changes])


def meta_values(sync_id: int) -> str:
    """Values of Airbyte's own columns for the rows of a batch table."""
    changes = f"'[' || coalesce(substr({CHANGES}, 2), '') || ']'"
    meta = f"""parse_json('{{"sync_id":{sync_id},"changes":' || {changes} || '}}')"""
    unchanged = f"""parse_json('{{"sync_id":{sync_id},"changes":[]}}')"""
    return (
        'uuid_string(), "_AIRBYTE_EXTRACTED_AT",'
        f" iff({CHANGES} is null, {unchanged}, {meta}), {GENERATION_ID}"
    )


def _order(record: str) -> list[str]:
    return [f"{record}:at::timestamp_tz", f"{record}:n::number(38, 0)"]


def _field(record: str, name: str) -> str:
    return f"{record}:data:{quoted(name)}"


def _cast(value: str, kind: str) -> str:
    """A value with its column's type; a part of a variant is one already."""
    return value if kind == "variant" else f"{value}::{kind}"


def _tried(record: str, name: str, kind: str) -> str:
    value = _field(record, name)
    if kind in _BARE:
        return _cast(value, kind)
    return f"try_cast({value}::varchar as {kind})"


def _change(name: str) -> str:
    field = name.replace("\\", "\\\\\\\\").replace('"', '\\\\"').replace("'", "''")
    return f'{{"field":"{field}","change":"NULLED","reason":"DESTINATION_TYPECAST_ERROR"}}'
