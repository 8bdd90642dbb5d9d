"""INSERT ... VALUES of nothing but literals, without parsing each literal into a syntax tree.

dbt's seeds and the connector's ``executemany`` arrive as one statement with every value in it. Ten
thousand values cost a second on the general path; here they are read into columns at once.
"""

import re
from dataclasses import dataclass

import pyarrow as pa

_HEAD = re.compile(
    r"(?P<head>(?:\s|/\*.*?\*/|--[^\n]*\n)*"
    r"insert\s+(?:overwrite\s+)?into\s+(?:[\w$.]|\"[^\"]+\")+\s*(?:\((?:[\w$,\s]|\"[^\"]+\")*\)\s*)?)"
    r"values\s*(?=\()",
    re.IGNORECASE | re.DOTALL,
)
_VALUE = re.compile(
    r"\s*(?P<opens>[(,])\s*"
    r"(?:'(?P<text>(?:[^'\\]|\\.|'')*)'"
    r"|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)"
    r"|(?P<word>null|true|false))"
    r"\s*(?P<closes>\)\s*(?P<more>,)?)?",
    re.IGNORECASE | re.DOTALL,
)
_END = re.compile(r"(?:\s|;|/\*.*?\*/|--[^\n]*\n?)*", re.DOTALL)
_ESCAPE = re.compile(r"''|\\(x[0-9a-f]{2}|u[0-9a-f]{4}|[0-7]{1,3}|.)", re.IGNORECASE | re.DOTALL)
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(frozen=True)
class LiteralRows:
    """The two halves of such a statement."""

    head: str
    """Everything before VALUES: ``INSERT INTO table (columns)``."""

    rows: pa.Table
    """One string column per value of a row; the target column's type is applied on insert."""


def read_literal_rows(statement: str) -> LiteralRows | None:
    """Read an INSERT of literal rows.

    Returns:
        None where the statement is anything else, a single expression among the values included.
    """
    head = _HEAD.match(statement)
    if head is None:
        return None
    columns = _columns(statement, head.end())
    if columns is None:
        return None
    names = [f"c{number}" for number in range(len(columns))]
    arrays = [pa.array(column, pa.string()) for column in columns]
    return LiteralRows(head["head"], pa.Table.from_arrays(arrays, names=names))


def _columns(statement: str, position: int) -> list[list[str | None]] | None:
    columns: list[list[str | None]] = []
    first_row = True
    place = 0
    row_ended = True
    while True:
        value = _VALUE.match(statement, position)
        if value is None or (value["opens"] == "(") != row_ended:
            return None
        position = value.end()
        if first_row:
            columns.append([])
        if place >= len(columns):
            return None
        columns[place].append(_literal(value))
        place += 1
        row_ended = value["closes"] is not None
        if row_ended:
            if place != len(columns):
                return None
            first_row, place = False, 0
            if value["more"] is None:
                break
    end = _END.match(statement, position)
    return columns if end is not None and end.end() == len(statement) else None


def _literal(value: re.Match[str]) -> str | None:
    text = value["text"]
    if text is not None:
        return _ESCAPE.sub(_unescaped, text) if "\\" in text or "''" in text else text
    if value["number"] is not None:
        return value["number"]
    word = value["word"].lower()
    return None if word == "null" else word


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1]
    if code is None:
        return "'"
    if code[0] in "xXuU" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code.isdigit() and code[0] in "01234567":
        return chr(int(code, 8))
    return _CONTROL.get(code, code)
