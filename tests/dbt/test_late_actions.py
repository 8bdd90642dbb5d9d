"""Sessions and corporate actions that arrive late: what they restate, and nothing else.

Two years are built session window by session window, two months of them last: their bars were
missing until then, and a split and a dividend become known with them. Then the vendor adds,
corrects and moves ten actions of the past, and the next session is built as on any day. The tables
must equal a rebuild of everything, and only rows of the securities concerned may have been written.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from analytics_series import Series, random_bars
from dbt_warehouse import WITHOUT_VIEWS, Warehouse, assert_same_rows, warehouse
from market_history import dividend, load, sessions_of, split, synthetic
from real_market_data import four_pm

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("dbt_late_actions"),
    pytest.mark.timeout(1200),
]

SESSIONS = sessions_of("2004-06-01", "2006-05-31")
OLD = (SESSIONS[0], "2006-01-31")
MISSING = ("2006-02-01", "2006-03-31")
NEWEST = ("2006-04-03", SESSIONS[-2])
LATER = "2013-03-03T00:00:00Z"
SECURITIES = synthetic(9, len(SESSIONS))
AWKWARD = (
    Series("GAPPY", SESSIONS[0], SESSIONS[-1], share_of_sessions=0.85, zero_volumes=0.02),
    Series("SPARSE", SESSIONS[0], SESSIONS[-1], share_of_sessions=0.12, deviation=0.05),
    Series("FLAT", SESSIONS[0], SESSIONS[-1], deviation=0.0),
    Series("LATE", "2005-09-01", SESSIONS[-1], deviation=0.04),
    Series("BRIEF", "2006-01-17", "2006-03-03"),
    Series("HALTED", SESSIONS[0], SESSIONS[-1], halted=("2005-01-10", "2006-02-15")),
)
"""Securities with gaps, whose figures reach over the missing window in other ways."""

LATE: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "a split of the past": [("SPLITS", split("ZZ0000", SESSIONS[100], 3))],
    "a reverse split": [("SPLITS", split("ZZ0001", SESSIONS[200], 0.1))],
    "an ordinary dividend": [("DIVIDENDS", dividend("ZZ0002", SESSIONS[300], 0.25))],
    "a special and an ordinary dividend of one day": [
        (
            "DIVIDENDS",
            dividend("ZZ0008", SESSIONS[250], 5.0)
            | {"ID": "special", "DISTRIBUTION_TYPE": "special"},
        ),
        ("DIVIDENDS", dividend("ZZ0008", SESSIONS[250], 0.1) | {"ID": "ordinary"}),
    ],
    "a split and a dividend of one day": [
        ("SPLITS", split("ZZ0004", SESSIONS[150], 2)),
        ("DIVIDENDS", dividend("ZZ0004", SESSIONS[150], 0.5)),
    ],
    "a correction of the ratio": [
        (
            "SPLITS",
            split("AAPL", "2005-02-28", 4)
            | {"ID": "split-AAPL-2005-02-28", "_AIRBYTE_EXTRACTED_AT": LATER},
        )
    ],
    "a dividend that moves to another day": [
        (
            "DIVIDENDS",
            dividend("MSFT", "2005-11-22", 0.08)
            | {"ID": "dividend-MSFT-2005-11-15", "_AIRBYTE_EXTRACTED_AT": LATER},
        )
    ],
    "a split listed twice": [
        ("SPLITS", split("ZZ0005", SESSIONS[50], 2) | {"ID": "one"}),
        ("SPLITS", split("ZZ0005", SESSIONS[50], 2) | {"ID": "two"}),
    ],
    "a dividend before the first bar": [("DIVIDENDS", dividend("GOOG", "2004-06-02", 1.0))],
    "a split that is only announced": [("SPLITS", split("ZZ0006", "2006-09-01", 2))],
}
"""What is late -> the rows that the vendor adds."""

CHANGES_NOTHING = {"GOOG", "ZZ0006"}
PAYS_NOTHING_LATER = "IBM"
SCHEMAS = ("INTERMEDIATE", "MARTS")

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass
class History:
    """The tables after the late actions, after a window again, and after a full rebuild."""

    incremental: Rows = field(default_factory=dict)
    repeated: Rows = field(default_factory=dict)
    rebuilt: Rows = field(default_factory=dict)
    new_returns: int = 0
    touched: dict[str, int] = field(default_factory=dict)
    touched_symbols: dict[str, set[str]] = field(default_factory=dict)
    again: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder: Path = tmp_path_factory.mktemp("late")
    found = History()
    with warehouse(folder) as wh:
        load(wh, folder, SESSIONS, SECURITIES)
        wh.insert("DAILY_BARS", [bar for series in AWKWARD for bar in random_bars(series)])
        wh.query("create table RAW.MISSING like RAW.DAILY_BARS")
        between = " and ".join(str(four_pm(day)) for day in MISSING)
        wh.query(f"insert into RAW.MISSING select * from RAW.DAILY_BARS where t between {between}")
        wh.query(f"delete from RAW.DAILY_BARS where t between {between}")
        wh.run_dbt("seed")
        run(wh, *OLD)
        run(wh, *NEWEST, *WITHOUT_VIEWS)
        wh.query("insert into RAW.DAILY_BARS select * from RAW.MISSING")
        wh.insert("SPLITS", [split("IBM", "2006-02-15", 3)])
        wh.insert("DIVIDENDS", [dividend("HALTED", "2006-02-21", 0.23)])
        run(wh, *MISSING, *WITHOUT_VIEWS)
        for rows in LATE.values():
            for table, row in rows:
                wh.insert(table, [row])
        mark = wh.now()
        run(wh, SESSIONS[-1], SESSIONS[-1], *WITHOUT_VIEWS)
        found.incremental = everything(wh)
        found.touched = wh.touched(mark)
        [(found.new_returns,)] = wh.query(
            f"select count(*) from MARTS.fct_daily_returns where session_date = '{SESSIONS[-1]}'"
        )
        found.touched_symbols = {
            name: {
                symbol
                for (symbol,) in wh.query(
                    f"select distinct symbol from MARTS.{name} where changed_at > '{mark}' "
                    f"and session_date < '{SESSIONS[-1]}'"
                )
            }
            for name in ("fct_daily_bars", "fct_daily_adjusted", "fct_daily_returns")
        }
        mark = wh.now()
        run(wh, NEWEST[0], SESSIONS[-1], *WITHOUT_VIEWS)
        found.again = wh.touched(mark, *SCHEMAS)
        found.repeated = everything(wh)
        statuses = wh.run_dbt("run", "--full-refresh", *WITHOUT_VIEWS)
        assert set(statuses.values()) == {"success"}
        found.rebuilt = everything(wh)
    return found


def everything(wh: Warehouse) -> Rows:
    return {name: rows for schema in SCHEMAS for name, rows in wh.contents(schema).items()}


def run(wh: Warehouse, first: str, last: str, *options: str) -> None:
    statuses = wh.run_dbt("run", *options, window=(first, last))
    assert set(statuses.values()) == {"success"}, statuses


def test_history_equals_a_full_rebuild(history: History, record_property: Any) -> None:
    assert history.incremental.keys() == history.rebuilt.keys()
    for name, rows in history.rebuilt.items():
        assert_same_rows(history.incremental[name], rows)
    lines = [f"{len(LATE)} late actions: {', '.join(LATE)}", ""]
    lines += [
        f"{name:32} {count:7,} of {len(history.rebuilt[name]):7,} rows written"
        for name, count in history.touched.items()
    ]
    record_property("rows that ten late corporate actions restate", "\n".join(lines))


def test_only_the_securities_concerned_are_restated(history: History) -> None:
    concerned = {row["TICKER"] for rows in LATE.values() for _, row in rows} - CHANGES_NOTHING
    assert history.touched_symbols["fct_daily_bars"] == set()
    assert history.touched_symbols["fct_daily_adjusted"] == concerned
    assert history.touched_symbols["fct_daily_returns"] == concerned
    assert PAYS_NOTHING_LATER not in concerned


def test_returns_are_restated_on_the_days_of_the_actions_only(history: History) -> None:
    """A return is free of what happens later, so it changes on the ex-dates alone."""
    assert 0 < history.touched["fct_daily_returns"] - history.new_returns <= 12


def test_building_sessions_again_writes_nothing(history: History) -> None:
    assert history.again == {}
    for name, rows in history.incremental.items():
        assert_same_rows(history.repeated[name], rows)
