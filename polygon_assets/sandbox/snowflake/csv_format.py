"""The CSV options of COPY: those that are read as Snowflake reads them; every other is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polygon_assets.sandbox.snowflake.errors import unsupported

_COMPRESSIONS = {"AUTO": "auto", "GZIP": "gzip", "NONE": "none", "ZSTD": "zstd"}

_ONE_WAY: Mapping[str, tuple[object, ...]] = {
    "TYPE": ("CSV",),
    "RECORD_DELIMITER": ("\n",),
    "ESCAPE": ("NONE",),
    "ESCAPE_UNENCLOSED_FIELD": ("NONE",),
    "ERROR_ON_COLUMN_COUNT_MISMATCH": (True,),
    "TRIM_SPACE": (False,),
    "SKIP_BLANK_LINES": (False,),
    "PARSE_HEADER": (False,),
    "REPLACE_INVALID_CHARACTERS": (False,),
    "SKIP_BYTE_ORDER_MARK": (True,),
    "ENCODING": ("UTF8", "UTF-8"),
    "DATE_FORMAT": ("AUTO",),
    "TIME_FORMAT": ("AUTO",),
    "TIMESTAMP_FORMAT": ("AUTO",),
}
"""Options with one way that this server has: the value is looked at, and another one is refused."""


@dataclass(frozen=True)
class CsvFormat:
    """How a CSV file is read. The defaults are Snowflake's.

    Attributes:
        delimiter: Between two fields.
        skip_header: Lines at the top that hold no rows.
        quote: The character that may enclose a field; empty for none.
        null_if: Texts that mean NULL.
        empty_is_null: Whether an empty field that is not enclosed means NULL.
        compression: DuckDB's name of the compression.
    """

    delimiter: str = ","
    skip_header: int = 0
    quote: str = ""
    null_if: tuple[str, ...] = ("\\N",)
    empty_is_null: bool = True
    compression: str = "auto"


def read_csv_format(options: Mapping[str, Any]) -> CsvFormat:
    """The format that the options of a FILE_FORMAT describe.

    Args:
        options: Name in upper case -> value.

    Raises:
        ProgrammingError: An option, or a value of one, that this server does not have.
    """
    read: dict[str, Any] = {}
    for name, value in options.items():
        if name == "COMPRESSION":
            read["compression"] = _COMPRESSIONS.get(str(value).upper()) or _refuse(name, value)
        elif name == "SKIP_HEADER":
            read["skip_header"] = int(value)
        elif name == "FIELD_DELIMITER":
            read["delimiter"] = _one_character(name, value)
        elif name == "FIELD_OPTIONALLY_ENCLOSED_BY":
            read["quote"] = "" if str(value).upper() == "NONE" else _one_character(name, value)
        elif name == "NULL_IF":
            read["null_if"] = tuple(str(each) for each in _listed(value))
        elif name == "EMPTY_FIELD_AS_NULL":
            read["empty_is_null"] = bool(value)
        elif _same_case(value) not in _ONE_WAY.get(name, ()):
            _refuse(name, value)
    return CsvFormat(**read)


def _one_character(name: str, value: object) -> str:
    return value if isinstance(value, str) and len(value) == 1 else _refuse(name, value)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _same_case(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _refuse(name: str, value: object) -> str:
    raise unsupported(f"CSV file format with {name} = {value}")
