"""The parts of the gateway that can be tested without an engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from polygon_assets.sandbox.clickhouse.errors import from_engine
from polygon_assets.sandbox.clickhouse.spool import Spool
from polygon_assets.sandbox.clickhouse.statement import Insert, Scan, find_insert, output_format


@pytest.mark.parametrize(
    ("head", "target", "settings", "row_format", "rows"),
    [
        (b"INSERT INTO t FORMAT CSV\n1", "INSERT INTO t", "", "CSV", b"1"),
        (b"insert into t (format) format CSV 1", "insert into t (format)", "", "CSV", b"1"),
        (b"INSERT INTO `a FORMAT b` FORMAT CSV\r\n", "INSERT INTO `a FORMAT b`", "", "CSV", b""),
        (
            b"INSERT INTO t SETTINGS a='FORMAT' FORMAT CSV\n",
            "INSERT INTO t",
            "SETTINGS a='FORMAT'",
            "CSV",
            b"",
        ),
        (
            b"INSERT INTO t FORMAT Native\n\x00\xff' FORMAT X",
            "INSERT INTO t",
            "",
            "Native",
            b"\x00\xff' FORMAT X",
        ),
    ],
)
def test_rows_behind_an_insert(
    head: bytes, target: str, settings: str, row_format: str, rows: bytes
) -> None:
    found = find_insert(head, complete=True)
    assert isinstance(found, Insert)
    assert (found.target, found.settings, found.row_format) == (target, settings, row_format)
    assert head[found.rows_start :] == rows


@pytest.mark.parametrize(
    "sql",
    [
        b"SELECT 1 FORMAT CSV",
        b"INSERT INTO t VALUES ('FORMAT CSV')",
        b"INSERT INTO t SELECT format FROM u",
        b"INSERT INTO t SELECT 'unterminated",
        b"",
    ],
)
def test_statements_without_rows(sql: bytes) -> None:
    assert find_insert(sql, complete=True) is Scan.OTHER


def test_a_statement_that_arrives_in_pieces_is_never_misread() -> None:
    whole = b"INSERT INTO t (`a'b`) SETTINGS x = 'it\\'s' FORMAT JSONEachRow\n"
    for end in range(len(whole)):
        assert find_insert(whole[:end], complete=False) is Scan.UNDECIDED, whole[:end]
    found = find_insert(whole + b"{", complete=False)
    assert isinstance(found, Insert)
    assert found.row_format == "JSONEachRow"


def test_input_becomes_a_file() -> None:
    head = b"INSERT INTO t SELECT a FROM input('a Int8') WHERE a SETTINGS b = 1 FORMAT CSV\n1\n"
    found = find_insert(head, complete=True)
    assert isinstance(found, Insert)
    assert found.from_file("/f") == (
        "INSERT INTO t SELECT a FROM file('/f', 'CSV', 'a Int8') WHERE a SETTINGS b = 1"
    )


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (b"SELECT 1", None),
        (b"SELECT 1 format JSON ;", "JSON"),
        (b"SELECT format FROM t", None),
        (b"SELECT 'FORMAT CSV'", None),
        (b"SELECT 1 FORMAT CSV SETTINGS a = 1, b = 2", "CSV"),
        (b"SELECT * FROM (SELECT 1 FORMAT CSV)", None),
        (b"SELECT 1 /* FORMAT CSV */ -- FORMAT TSV", None),
    ],
)
def test_format_of_a_result(sql: bytes, expected: str | None) -> None:
    assert output_format(sql) == expected


def test_errors_are_taken_apart() -> None:
    error = from_engine(
        RuntimeError(
            "Streaming query failed: Code: 117. DB::Exception: Code: 117. DB::Exception: Unknown"
            " field (at row 2)\n: While executing File. (INCORRECT_DATA) (version 26.9.2.1)."
            " (INCORRECT_DATA)"
        )
    )
    assert (error.code, error.name) == (117, "INCORRECT_DATA")
    assert error.text == "Unknown field (at row 2)\n: While executing File."
    assert from_engine(RuntimeError("odd")).code == 1002


@pytest.mark.parametrize("largest", [0, 10, 1_000_000, -1])
def test_a_spool_keeps_every_byte(tmp_path: Path, largest: int) -> None:
    left_over = tmp_path / "spool" / "left over"
    left_over.parent.mkdir()
    left_over.touch()
    spool = Spool(tmp_path / "spool", largest_in_memory=largest)
    assert not left_over.exists()

    def rows() -> Iterator[bytes]:
        for number in range(100):
            yield b"%d\n" % number

    with spool.file(rows()) as path:
        assert Path(path).read_bytes() == b"".join(rows())
        assert path.startswith("/proc/") == (largest == 1_000_000)
    assert list((tmp_path / "spool").iterdir()) == []
