"""As much of the SQL grammar as the HTTP interface needs: where a statement ends and rows begin.

``INSERT INTO t (a, b) SETTINGS x = 1 FORMAT JSONEachRow`` is followed by rows, binary ones too, in
the same body. Everything else goes to the engine as it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from typing import NamedTuple

from polygon_assets.sandbox.clickhouse.errors import not_supported

_TOKEN = re.compile(
    rb"""
      (?P<blank> \s+ | --[^\n]* | /\*.*?\*/ )
    | (?P<quoted> '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `(?:[^`\\]|\\.)*`
                | (?P<heredoc> \$\w*\$ ) .*? (?P=heredoc) )
    | (?P<word> \w+ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_INPUT_CALL = re.compile(rb"\s*\(\s*('(?:[^'\\]|\\.)*')\s*\)", re.DOTALL)
_BEFORE_ROWS = re.compile(rb"[ \t\f]*(?:\r?\n)?")


class Scan(Enum):
    """What is known of a statement that is not an insert with rows behind it."""

    UNDECIDED = auto()
    """Too little of it has arrived."""
    OTHER = auto()
    """The whole body is SQL."""


@dataclass(frozen=True)
class Insert:
    """An INSERT whose rows follow it in a named format.

    Attributes:
        target: Everything before SETTINGS and FORMAT, ``INSERT INTO t (a, b)``; with ``input``,
            up to that call.
        settings: ``SETTINGS ...`` or empty; with ``input``, everything behind that call.
        row_format: The rows' format, such as ``Native``.
        rows_start: Offset of the first row in the scanned bytes.
        structure: Quoted argument of ``FROM input('a Int32, ...')``; None without it.
    """

    target: str
    settings: str
    row_format: str
    rows_start: int
    structure: str | None

    def from_file(self, path: str) -> str:
        """The same insert, reading its rows from a file."""
        if self.structure is None:
            return f"{self.target} FROM INFILE '{path}' {self.settings} FORMAT {self.row_format}"
        rows = f"file('{path}', '{self.row_format}', {self.structure})"
        return f"{self.target} {rows} {self.settings}"


class _Word(NamedTuple):
    text: bytes
    start: int
    end: int
    depth: int


class _UnterminatedError(Exception):
    """A quoted string that does not end: the rest of it has not arrived."""


def _words(sql: bytes) -> Iterator[_Word]:
    """The bare words of a statement in upper case, with their depth in parentheses."""
    depth = 0
    for token in _TOKEN.finditer(sql):
        if token.lastgroup == "word":
            yield _Word(token.group().upper(), token.start(), token.end(), depth)
        elif token.lastgroup == "other":
            match token.group():
                case b"(":
                    depth += 1
                case b")":
                    depth -= 1
                case b"'" | b'"' | b"`":
                    raise _UnterminatedError
                case _:
                    pass


def find_insert(head: bytes, *, complete: bool) -> Insert | Scan:
    """Look for an insert with rows behind it.

    Args:
        head: The beginning of statement and rows.
        complete: Whether nothing comes after ``head``.

    Raises:
        ClickHouseError: The insert names a file of the server.
    """
    undecided = Scan.OTHER if complete else Scan.UNDECIDED
    try:
        return _find_insert(head, complete=complete) or undecided
    except _UnterminatedError:
        return undecided


def _find_insert(head: bytes, *, complete: bool) -> Insert | Scan | None:
    words = _words(head)
    first = next(words, None)
    if first is None or (first.end == len(head) and not complete):
        return None
    if first.text != b"INSERT":
        return Scan.OTHER
    previous = first.text
    select = False
    settings_start: int | None = None
    call: tuple[int, int, str] | None = None
    for word in words:
        if word.text == b"INPUT" and (found := _INPUT_CALL.match(head, word.end)):
            call = (word.start, found.end(), found.group(1).decode())
        if word.depth == 0:
            match word.text:
                case b"VALUES":
                    return Scan.OTHER
                case b"SELECT" | b"WITH":
                    select = True
                case b"SETTINGS":
                    settings_start = word.start
                case b"INFILE" if previous == b"FROM":
                    raise not_supported("FROM INFILE is for files of the client, not of the server")
                case b"FORMAT" if call or not select:
                    row_format = next(words, None)
                    return _insert_before(
                        head, word, row_format, settings_start, call, complete=complete
                    )
                case _:
                    pass
        previous = word.text
    return None


def _insert_before(
    head: bytes,
    format_word: _Word,
    row_format: _Word | None,
    settings_start: int | None,
    call: tuple[int, int, str] | None,
    *,
    complete: bool,
) -> Insert | None:
    """The insert whose FORMAT clause has been found; None if its rows have not arrived."""
    if row_format is None:
        return None
    blank = _BEFORE_ROWS.match(head, row_format.end)
    rows_start = blank.end() if blank else row_format.end
    if rows_start == len(head) and not complete:
        return None  # the name, or the blanks behind it, may go on
    if call is not None:
        target, settings = head[: call[0]], head[call[1] : format_word.start]
    else:
        split = format_word.start if settings_start is None else settings_start
        target, settings = head[:split], head[split : format_word.start]
    return Insert(
        target=target.decode().strip(),
        settings=settings.decode().strip(),
        row_format=head[row_format.start : row_format.end].decode(),
        rows_start=rows_start,
        structure=call[2] if call else None,
    )


def refuse_outfile(sql: bytes) -> None:
    """Check that a statement does not write a file of the server.

    Raises:
        ClickHouseError: It does.
    """
    if b"OUTFILE" not in sql.upper():
        return
    for word, following in pairwise(_top_level(sql)):
        if word.text == b"INTO" and following.text == b"OUTFILE":
            raise not_supported("INTO OUTFILE is for files of the client, not of the server")


def output_format(sql: bytes) -> str | None:
    """The format in the statement's own FORMAT clause; None without one."""
    words = _top_level(sql)
    for index in range(len(words) - 2, -1, -1):
        behind = words[index + 2 : index + 3]
        if words[index].text == b"FORMAT" and (not behind or behind[0].text == b"SETTINGS"):
            named = words[index + 1]
            return sql[named.start : named.end].decode()
    return None


def _top_level(sql: bytes) -> list[_Word]:
    try:
        return [word for word in _words(sql) if word.depth == 0]
    except _UnterminatedError:
        return []
