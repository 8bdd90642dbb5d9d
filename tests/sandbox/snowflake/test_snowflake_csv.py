"""CSV files into typed tables: nothing guessed, nothing lost, and every other option refused."""

import gzip
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from snowflake.connector import ProgrammingError, SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor

Connect = Callable[..., SnowflakeConnection]

QUOTED = "field_optionally_enclosed_by = '\"'"


@pytest.fixture
def load(cursor: SnowflakeCursor, tmp_path: Path) -> Callable[..., list[tuple]]:
    """Put a file of these lines into a stage and copy it into ``bars``; the answer of COPY."""
    cursor.execute("create stage files")
    cursor.execute("create table bars (ticker varchar, volume float, n number(38, 0))")

    def put_and_copy(lines: list[str], options: str = "", copy: str = "") -> list[tuple]:
        file = tmp_path / "bars.csv.gz"
        file.write_bytes(gzip.compress("\n".join([*lines, ""]).encode(), mtime=0))
        cursor.execute(
            f"put 'file://{file}' @files/day auto_compress = false source_compression = gzip"
            " overwrite = true"
        )
        form = f"file_format = (type = csv {options})"
        return cursor.execute(
            f"copy into bars from @files/day/bars.csv.gz {form} {copy}"
        ).fetchall()

    return put_and_copy


def rows(cursor: SnowflakeCursor) -> list[tuple]:
    return cursor.execute("select * from bars order by n, volume").fetchall()


def test_values_have_the_types_of_the_table_and_no_others(
    cursor: SnowflakeCursor, load: Callable[..., list[tuple]]
) -> None:
    # The first 30,000 rows look like booleans and whole numbers.
    lines = [f"TRUE,1,{number}" for number in range(30_000)]
    odd = ["NA,0.5,30000", "NULL,1e3,30001", "NAN,2,30002", "KIMpL,3,30003", "\\N,4,30004"]
    options = f"compression = gzip null_if = () escape_unenclosed_field = none {QUOTED}"
    [answer] = load([*lines, *odd], options)
    assert answer[1:4] == ("LOADED", 30_005, 30_005)
    assert rows(cursor)[29_999:] == [
        ("TRUE", 1.0, 29_999),
        ("NA", 0.5, 30_000),
        ("NULL", 1000.0, 30_001),
        ("NAN", 2.0, 30_002),
        ("KIMpL", 3.0, 30_003),
        ("\\N", 4.0, 30_004),
    ]


def test_empty_and_enclosed_fields_as_the_options_say(
    cursor: SnowflakeCursor, load: Callable[..., list[tuple]]
) -> None:
    lines = ["ticker,volume,n", ",,1", '"",2,2', '"A,""B""",3,3', "none,4,4", '"none",5,5']
    load(lines, f"skip_header = 1 null_if = ('none') {QUOTED}")
    assert rows(cursor) == [
        (None, None, 1),
        ("", 2.0, 2),
        ('A,"B"', 3.0, 3),
        (None, 4.0, 4),
        (None, 5.0, 5),
    ]
    cursor.execute("truncate table bars")
    load([",2,2"], "empty_field_as_null = false null_if = ()", "force = true")
    assert rows(cursor) == [("", 2.0, 2)]
    cursor.execute("truncate table bars")
    load(['"A"|1|1'], "field_delimiter = '|'", "force = true")
    assert rows(cursor) == [('"A"', 1.0, 1)]


def test_rejected_rows_are_left_out_and_counted(
    cursor: SnowflakeCursor, load: Callable[..., list[tuple]]
) -> None:
    lines = ["ticker,volume,n", "A,1,1", "B,x,2", "C,3", "D,4,4,4", "E,y,z", "F,6,6"]
    [answer] = load(lines, "skip_header = 1", "on_error = continue purge = true")
    assert answer == (
        *("files/day/bars.csv.gz", "PARTIALLY_LOADED", 6, 2, 6, 4),
        *("Numeric value 'x' is not recognized", 3, 3, '"BARS"["VOLUME":2]'),
    )
    assert [row[0] for row in rows(cursor)] == ["A", "F"]
    assert len(cursor.execute("list @files").fetchall()) == 1, "only a whole file is removed"
    [answer] = load(["A"], "", "on_error = continue")
    assert answer[1:4] == ("LOAD_FAILED", 1, 0)
    assert (
        "Number of columns in file (1) does not match that of the corresponding table (3)"
        in (answer[6])
    )


def test_without_on_error_the_first_bad_row_fails_the_statement(
    cursor: SnowflakeCursor, load: Callable[..., list[tuple]]
) -> None:
    with pytest.raises(ProgrammingError, match="Numeric value 'x' is not recognized") as refused:
        load(["A,1,1", "B,x,2"])
    assert "File 'files/day/bars.csv.gz', line 2" in str(refused.value)
    with pytest.raises(ProgrammingError, match=r"Number of columns in file \(2\)"):
        load(["A,1,1", "B,2"], copy="on_error = abort_statement")
    assert rows(cursor) == []


def test_a_file_is_loaded_once_unless_forced_and_removed_when_asked(
    cursor: SnowflakeCursor, load: Callable[..., list[tuple]]
) -> None:
    for copy, status in {"": "LOADED", "force = false": "LOAD_SKIPPED"}.items():
        assert load(["A,1,1"], copy=copy)[0][1] == status
    assert load(["A,1,1"], copy="force = true purge = false")[0][1] == "LOADED"
    assert load(["B,1,2"])[0][1] == "LOADED", "another content is another file"
    assert len(cursor.execute("list @files").fetchall()) == 1
    load(["C,1,3"], copy="purge = true")
    assert cursor.execute("list @files").fetchall() == []
    assert [row[0] for row in rows(cursor)] == ["A", "A", "B", "C"]


def test_columns_may_be_listed_and_a_format_named(
    cursor: SnowflakeCursor, load: Callable[..., list[tuple]]
) -> None:
    load(["A,1,1"])
    cursor.execute("create file format semicolons type = csv field_delimiter = ';'")
    cursor.execute("create table few (n number(38, 0), ticker varchar, x int)")
    cursor.execute("copy into few (ticker, x, n) from @files/day file_format = (type = csv)")
    assert cursor.execute("select * from few").fetchall() == [(1, "A", 1)]
    named = "copy into bars from @files file_format = (format_name = 'semicolons') force = true"
    with pytest.raises(ProgrammingError, match=r"Number of columns in file \(1\)"):
        cursor.execute(named)
    with pytest.raises(ProgrammingError, match="invalid identifier 'NOTHING'"):
        cursor.execute("copy into few (nothing) from @files file_format = (type = csv)")
    missing = "copy into few from @files/day/ files = ('x.csv') file_format = (type = csv)"
    with pytest.raises(ProgrammingError, match="was not found"):
        cursor.execute(missing)


@pytest.mark.parametrize(
    "options",
    [
        "file_format = (type = csv trim_space = true)",
        "file_format = (type = csv parse_header = true)",
        "file_format = (type = csv escape = '!')",
        "file_format = (type = csv field_delimiter = '||')",
        "file_format = (type = csv encoding = 'ISO-8859-1')",
        "file_format = (type = csv error_on_column_count_mismatch = false)",
        "file_format = (type = csv) on_error = skip_file",
        "file_format = (type = csv) size_limit = 10",
        "file_format = (type = csv) pattern = '.*'",
        "file_format = (type = csv) match_by_column_name = case_insensitive",
        "file_format = (type = csv) validation_mode = return_errors",
    ],
)
def test_an_option_that_is_not_supported_is_refused(
    cursor: SnowflakeCursor, load: Callable[..., list[tuple]], options: str
) -> None:
    load(["A,1,1"])
    with pytest.raises(ProgrammingError, match="Unsupported feature"):
        cursor.execute(f"copy into bars from @files {options}")


def test_put_refuses_what_it_would_ignore(cursor: SnowflakeCursor, tmp_path: Path) -> None:
    cursor.execute("create stage files")
    file = tmp_path / "a.csv"
    file.write_text("1\n")
    cursor.execute(f"put 'file://{file}' @files parallel = 2")
    with pytest.raises(ProgrammingError, match="without OVERWRITE = TRUE"):
        cursor.execute(f"put 'file://{file}' @files")
    with pytest.raises(ProgrammingError, match="PUT with ENCRYPTION"):
        cursor.execute(f"put 'file://{file}' @files encryption = 'x'")


def test_first_uploads_of_several_sessions_at_once(connect: Connect, tmp_path: Path) -> None:
    connect().cursor().execute("create stage files")
    errors: list[Exception] = []

    def upload(number: int) -> None:
        file = tmp_path / f"{number}.csv"
        file.write_text("1\n" * 50_000)
        try:
            cursor = connect().cursor()
            for _ in range(3):
                cursor.execute(f"put 'file://{file}' @files overwrite = true")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=upload, args=[number % 4]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert len(connect().cursor().execute("list @files").fetchall()) == 4


def test_write_pandas_appends_and_says_what_it_cannot_do(cursor: SnowflakeCursor) -> None:
    pandas = pytest.importorskip("pandas")
    from snowflake.connector.pandas_tools import write_pandas

    cursor.execute("create table frames (ticker varchar, volume float)")
    frame = pandas.DataFrame({"TICKER": ["NA", "TRUE"], "VOLUME": [1.5, None]})
    assert write_pandas(cursor.connection, frame, "FRAMES")[:3] == (True, 1, 2)
    found = cursor.execute("select * from frames order by 1").fetchall()
    assert found == [("NA", 1.5), ("TRUE", None)]
    for wish in ("auto_create_table", "overwrite"):
        with pytest.raises(ProgrammingError, match="create the table first"):
            write_pandas(cursor.connection, frame, "FRAMES", **{wish: True})
