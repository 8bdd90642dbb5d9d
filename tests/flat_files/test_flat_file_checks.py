"""Every check of the tables from flat files, with rows that pass it and rows that break it.

``agrees_with_rest`` compares with what the vendor's own client reads from its REST API.
"""

from collections.abc import Iterator

import pytest
from flat_files_support import Outside

from polygon_assets.defs.flat_files.checks import AGREES_WITH_REST, flat_file_checks
from polygon_assets.defs.flat_files.loading import LOADS
from polygon_assets.defs.flat_files.tables import COLUMNS, TABLES

pytestmark = pytest.mark.xdist_group("flat_files")

FRIDAY, MONDAY, TUESDAY = "2005-02-25", "2005-02-28", "2005-03-01"
BEFORE = ("2005-02-17", "2005-02-18", "2005-02-22", "2005-02-23", "2005-02-24")

FILLED = [*(table.name.upper() for table in TABLES), LOADS]
REST_COLUMNS = (
    "TICKER VARCHAR, O FLOAT, H FLOAT, L FLOAT, C FLOAT, V FLOAT, T NUMBER(38, 0), N NUMBER(38, 0)"
)
REST_SYMBOLS = ("AAPL", "NA")
"""Whose minute bars are read from the REST API."""

A_BAR = (
    f"TICKER = 'NA' AND SESSION_DATE = '{MONDAY}' AND WINDOW_START = (SELECT MIN(WINDOW_START) "
    f"FROM {{table}} WHERE TICKER = 'NA' AND SESSION_DATE = '{MONDAY}')"
)
VALUES = ", ".join([*(name.upper() for name in COLUMNS), "FILE_ETAG", "LOADED_AT"])

BREAKS = {
    "ohlc_consistent": [f"UPDATE {{table}} SET LOW = HIGH + 1 WHERE {A_BAR}"],
    "volume_not_negative": [f"UPDATE {{table}} SET VOLUME = NULL WHERE {A_BAR}"],
    "inside_session": [
        f"UPDATE {{table}} SET WINDOW_START = WINDOW_START - 86400000000000 WHERE {A_BAR}"
    ],
    "key_unique": [f"INSERT INTO {{table}} SELECT * FROM {{table}} WHERE {A_BAR}"],
    "complete": [f"DELETE FROM {{table}} WHERE SESSION_DATE = '{MONDAY}'"],
    "row_count_band": [
        f"INSERT INTO {{table}} ({VALUES}, SESSION_DATE) SELECT {VALUES}, TO_DATE('{day}') "
        "FROM {table}"
        for day in BEFORE
    ],
    "file_is_current": [
        f"UPDATE {{raw}}.{LOADS} SET ETAG = 'older' "
        f"WHERE SESSION_DATE = '{MONDAY}' AND DATASET = '{{dataset}}'"
    ],
}
"""Check -> what makes it fail on Monday, and no other."""

ELSEWHERE = {AGREES_WITH_REST}
"""Checks with a test of their own below."""


@pytest.fixture(scope="module")
def loaded(servers_and_resources: Outside) -> Outside:
    """Three sessions in both tables, and a copy of them."""
    outside = servers_and_resources
    outside.set_clock("2005-03-02T12:00")
    assert outside.run(FRIDAY, TUESDAY).success
    execute(
        outside, *(f"CREATE OR REPLACE TABLE {{raw}}.G_{one} CLONE {{raw}}.{one}" for one in FILLED)
    )
    return outside


@pytest.fixture
def filled(loaded: Outside) -> Iterator[Outside]:
    yield loaded
    execute(
        loaded, *(f"CREATE OR REPLACE TABLE {{raw}}.{one} CLONE {{raw}}.G_{one}" for one in FILLED)
    )
    tables = ("DAILY_BARS", "SYMBOL_MINUTE_BARS")
    execute(loaded, *(f"DROP TABLE IF EXISTS {{raw}}.{one}" for one in tables))


def execute(outside: Outside, *statements: str) -> None:
    with outside.snowflake.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.replace("{raw}", f"{outside.snowflake.database}.RAW"))


def failed(outside: Outside, table: str) -> set[str]:
    return {name for name, one in outside.checks(table, MONDAY).items() if not one.passed}


def test_good_rows_pass_every_check(filled: Outside) -> None:
    for table in TABLES:
        found = filled.checks(table.name, MONDAY)
        assert {name for name, one in found.items() if not one.passed} == set()
        assert set(found) == {*BREAKS, *ELSEWHERE}
        assert "Nothing to compare" in (found[AGREES_WITH_REST].description or "")


def test_every_check_has_a_case_that_breaks_it() -> None:
    found = {
        (key.asset_key.path[-1], key.name) for one in flat_file_checks for key in one.check_keys
    }
    assert found == {(table.name, name) for table in TABLES for name in (*BREAKS, *ELSEWHERE)}


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_bad_rows_fail_their_check_and_no_other(filled: Outside, table, name: str) -> None:
    words = {"table": f"{{raw}}.{table.name.upper()}", "raw": "{raw}", "dataset": table.dataset}
    execute(filled, *(statement.format(**words) for statement in BREAKS[name]))
    assert failed(filled, table.name) == {name}


def fill_from_rest(outside: Outside) -> dict[str, int]:
    """Monday's bars as the vendor's client reads them; the number of rows of each table."""
    client = outside.polygon.client()
    days = [
        (
            one.ticker,
            one.open,
            one.high,
            one.low,
            one.close,
            one.volume,
            one.timestamp,
            one.transactions,
        )
        for one in client.get_grouped_daily_aggs(MONDAY, adjusted=False)
    ]
    minutes = [
        (
            ticker,
            one.open,
            one.high,
            one.low,
            one.close,
            one.volume,
            one.timestamp,
            one.transactions,
        )
        for ticker in REST_SYMBOLS
        for one in client.list_aggs(
            ticker, 1, "minute", MONDAY, MONDAY, adjusted=False, limit=50_000
        )
    ]
    filled = {"DAILY_BARS": days, "SYMBOL_MINUTE_BARS": minutes}
    with outside.snowflake.cursor() as cursor:
        for table, rows in filled.items():
            name = f"{outside.snowflake.database}.RAW.{table}"
            cursor.execute(f"CREATE OR REPLACE TABLE {name} ({REST_COLUMNS})")
            cursor.executemany(f"INSERT INTO {name} VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", rows)
    return {"flat_daily_bars": len(days), "minute_bars": len(minutes)}


def test_both_feeds_agree_and_say_on_how_many_rows(filled: Outside) -> None:
    expected = fill_from_rest(filled)
    for table, rows in expected.items():
        found = filled.checks(table, MONDAY)[AGREES_WITH_REST]
        assert found.passed, found.metadata
        assert found.metadata["rows_compared"].value == rows > 0
        assert found.metadata["sessions_compared"].value == 1
        assert f"0 of {rows} bars differ" in (found.description or "")
        other = filled.checks(table, TUESDAY)[AGREES_WITH_REST]
        assert "Nothing to compare" in (other.description or "")


@pytest.mark.parametrize(
    ("table", "rest"), [("FLAT_DAILY_BARS", "DAILY_BARS"), ("MINUTE_BARS", "SYMBOL_MINUTE_BARS")]
)
def test_feeds_that_differ_fail_the_check(filled: Outside, table: str, rest: str) -> None:
    rows = fill_from_rest(filled)[table.lower()]
    a_bar = A_BAR.replace("{table}", f"{{raw}}.{table}")
    first = f"TICKER = 'AAPL' AND T = (SELECT MIN(T) FROM {{raw}}.{rest} WHERE TICKER = 'AAPL')"
    for statement, difference in {
        f"UPDATE {{raw}}.{rest} SET V = V + 0.5 WHERE {first}": "other values",
        f"DELETE FROM {{raw}}.{table} WHERE {a_bar}": "only in the REST API",
        f"DELETE FROM {{raw}}.{rest} WHERE {first}": "only in the flat file",
    }.items():
        execute(filled, statement)
        found = filled.checks(table.lower(), MONDAY)[AGREES_WITH_REST]
        assert (found.passed, found.severity.value) == (False, "WARN")
        differences = {one.data["difference"] for one in found.metadata["sample"].records}
        assert difference in differences
    assert found.metadata["violations"].value == 2
    # A day whose only bar is gone from the REST API is still a day of that session.
    assert found.metadata["rows_compared"].value == rows
