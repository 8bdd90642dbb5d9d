"""Results in the form the connector reads: column descriptions and Arrow with its conventions."""

import json
import re
from base64 import b64encode
from typing import Any

import pyarrow as pa
import pyarrow.compute
from fakesnow.rowtype import ColumnInfo

from polygon_assets.sandbox.snowflake.errors import unsupported

ArrowTable = Any
"""A pyarrow table; the library has no type information."""

_compute: Any = pyarrow.compute

_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_INTEGERS = frozenset(
    f"{sign}{size}"
    for sign in ("", "U")
    for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
)
_TYPES = {
    '"NULL"': "text",
    "NULL": "text",
    "BLOB": "binary",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "real",
    "FLOAT": "real",
    "INTERVAL": "text",
    "JSON": "variant",
    "TIME": "time",
    "TIMESTAMP WITH TIME ZONE": "timestamp_tz",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP_MS": "timestamp_ntz",
    "TIMESTAMP_NS": "timestamp_ntz",
    "TIMESTAMP_S": "timestamp_ntz",
    "UUID": "text",
    "VARCHAR": "text",
}
_TEXT_LENGTH = 16_777_216
_BINARY_LENGTH = 8_388_608
_UTC_OFFSET = 1440
"""Minutes, counted from -24 h, of the zone in which every TIMESTAMP_TZ is returned."""


def column_info(name: str, duckdb_type: str) -> ColumnInfo:
    """Describe one column of a result as Snowflake's protocol does.

    Raises:
        ProgrammingError: Snowflake has no such type.
    """
    kind, precision, scale = _snowflake_type(duckdb_type)
    length = {"text": _TEXT_LENGTH, "binary": _BINARY_LENGTH}.get(kind)
    return {
        "name": name,
        "database": "",
        "schema": "",
        "table": "",
        "nullable": True,
        "type": kind,
        "byteLength": length,
        "length": length,
        "scale": scale,
        "precision": precision,
        "collation": None,
    }


def _snowflake_type(duckdb_type: str) -> tuple[str, int | None, int | None]:
    """Type, precision and scale."""
    if decimal := _DECIMAL.fullmatch(duckdb_type):
        return "fixed", int(decimal[1]), int(decimal[2])
    if duckdb_type in _INTEGERS:
        return "fixed", 38, 0
    if duckdb_type.endswith("[]"):
        return "array", None, None
    if duckdb_type.startswith(("STRUCT", "MAP")):
        return "object", None, None
    if duckdb_type.startswith("ENUM"):
        return "text", None, None
    kind = _TYPES.get(duckdb_type)
    if kind is None:
        raise unsupported(f"a result column of type {duckdb_type}")
    return (kind, 0, 9) if kind.startswith("time") else (kind, None, None)


def arrow_base64(table: ArrowTable, columns: list[ColumnInfo]) -> str:
    """Rows as an Arrow stream with Snowflake's conventions, in base64."""
    arrays = [
        _snowflake_array(column, info["type"])
        for column, info in zip(table.columns, columns, strict=True)
    ]
    fields = [
        pa.field(name, array.type).with_metadata(
            {
                "logicalType": info["type"].upper(),
                "precision": str(info["precision"] or 38),
                "scale": str(info["scale"] or 0),
                "charLength": str(info["length"] or 0),
            }
        )
        for name, array, info in zip(table.column_names, arrays, columns, strict=True)
    ]
    converted = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, converted.schema) as writer:
        writer.write_table(converted)
    return b64encode(sink.getvalue()).decode()


def text_rows(table: ArrowTable) -> list[list[str | None]]:
    """Rows of text, the form in which counts of affected rows are returned."""
    return [
        [None if value is None else str(value) for value in row.values()]
        for row in table.to_pylist()
    ]


def _snowflake_array(column: Any, kind: str) -> Any:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # no rows: no chunk to combine
        array = pa.array([], array.type)
    if kind.startswith("timestamp"):
        return _timestamp(array)
    if kind == "time":
        return _compute.multiply(array.cast(pa.int64()), 1000)
    if kind == "real":
        return array.cast(pa.float64())
    if kind == "fixed":
        return _fixed(array)
    if kind in ("array", "object"):
        return pa.array([_json(value) for value in array.to_pylist()], pa.string())
    if kind == "text" and not pa.types.is_string(array.type):
        return pa.array([_text(value) for value in array.to_pylist()], pa.string())
    return array


def _fixed(array: Any) -> Any:
    """Integers of a width and sign that the connector decodes."""
    if pa.types.is_uint64(array.type):
        return array.cast(pa.decimal128(38, 0))
    if pa.types.is_unsigned_integer(array.type):
        return array.cast(pa.int64())
    return array


def _timestamp(array: Any) -> Any:
    """Seconds since 1970 and nanoseconds, and the zone where the type has one.

    The parts are not nullable: a null is a null of the whole, with some value under the mask.
    """
    micros = array.cast(pa.timestamp("us", tz=array.type.tz), safe=False)
    whole_seconds = _compute.floor_temporal(micros, unit="second").cast(pa.int64())
    nanos = _compute.multiply(_compute.subtract(micros.cast(pa.int64()), whole_seconds), 1000)
    parts = [_compute.divide(whole_seconds, 1_000_000), nanos.cast(pa.int32())]
    names = ["epoch", "fraction"]
    if array.type.tz:
        parts.append(pa.array([_UTC_OFFSET] * len(array), pa.int32()))
        names.append("timezone")
    fields = [
        pa.field(name, part.type, nullable=False) for name, part in zip(names, parts, strict=True)
    ]
    filled = [_compute.fill_null(part, 0) for part in parts]
    return pa.StructArray.from_arrays(filled, fields=fields, mask=_compute.is_null(array))


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, default=str)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
