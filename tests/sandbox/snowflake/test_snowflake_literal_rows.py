"""Rows of literals take a faster way in, and arrive as on the general one."""

from datetime import date
from decimal import Decimal

import pytest
from snowflake.connector import ProgrammingError
from snowflake.connector.cursor import SnowflakeCursor

from polygon_assets.sandbox.snowflake.literal_rows import read_literal_rows

TEXTS = [
    "",
    "it's",
    "''",
    "\\",
    "\\'",
    "a\nb\tc\r",
    '"',
    "%s",
    "(),(",
    "NULL",
    "null",
    "üß€😀",
    "--",
    "/* */",
]


def test_texts_arrive_unchanged_as_one_row_and_as_many(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t (place int, text varchar)")
    rows = list(enumerate(TEXTS))
    cursor.executemany("insert into t (place, text) values (%s, %s)", rows)
    assert cursor.execute("select place, text from t order by place").fetchall() == rows
    for row in rows:
        cursor.execute("insert into t values (%s, %s)", [row[0] + 100, row[1]])
    found = cursor.execute("select place - 100, text from t where place >= 100 order by 1")
    assert found.fetchall() == rows


def test_escapes_and_words_of_snowflake(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t (a varchar, b boolean, c float, d date, e number(10, 2))")
    cursor.execute(
        r"""/* a comment */ insert into t values
            ('\x41\u00e9\101\z''', TRUE, -1.5e3, '2005-02-28', 1.25),
            (null, false, .5, NULL, 2) ;"""
    )
    assert cursor.execute("select * from t order by b").fetchall() == [
        (None, False, 0.5, None, 2),
        ("AéAz'", True, -1500.0, date(2005, 2, 28), Decimal("1.25")),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into t values (1, current_date)",
        "insert into t values (1, 'x'), (2)",
        "insert into t values (1, 'x'::varchar)",
        "insert into t values (1, 'x') returning a",
        "insert into t values (1 + 1, 'x')",
        "insert into t select 1, 'x'",
        "insert into t values (1, 'not closed)",
        "insert into t values (1, ?)",
        "insert into t values",
    ],
)
def test_anything_else_goes_the_general_way(statement: str) -> None:
    assert read_literal_rows(statement) is None


def test_rows_of_different_length_are_an_error(cursor: SnowflakeCursor) -> None:
    cursor.execute("create table t (a int, b varchar)")
    for values in ("(1, 'x'), (2)", "(1, 'x', 3)"):
        with pytest.raises(ProgrammingError):
            cursor.execute(f"insert into t values {values}")
    assert cursor.execute("select count(*) from t").fetchone() == (0,)


def test_seven_thousand_rows_fit_into_one_statement(cursor: SnowflakeCursor) -> None:
    cursor.execute(
        "create table t (d date, a varchar, b float, c float, e number, f number, g varchar)"
    )
    rows = [("2005-02-28", f"S{n}", n * 1.25, n + 0.5, None, n, f"it's {n}") for n in range(7000)]
    cursor.executemany("insert into t values (%s, %s, %s, %s, %s, %s, %s)", rows)
    assert cursor.execute("select count(*), sum(f) from t").fetchone() == (7000, 24_496_500)
