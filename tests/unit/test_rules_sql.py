"""The SQL of our own checks is Snowflake's, not merely what the sandbox tolerates."""

from collections.abc import Sequence
from datetime import date
from typing import Any, cast

import pytest
from support.sql_guard import findings

from polygon_assets.checks import Rule, counted
from polygon_assets.defs.actions.checks import DIVIDEND_RULES, SPLIT_RULES
from polygon_assets.defs.bars.checks import RULES as BAR_RULES
from polygon_assets.defs.fundamentals.checks import (
    FINANCIAL_RULES,
    SHORT_INTEREST_RULES,
    SHORT_VOLUME_RULES,
)
from polygon_assets.defs.raw import STREAM_TABLES
from polygon_assets.defs.reconcile.assets import CREATE
from polygon_assets.defs.reconcile.checks import RULES as RECONCILE_RULES
from polygon_assets.defs.reference.checks import HOLIDAY_RULES
from polygon_assets.defs.symbols.assets import DAY_BARS, MINUTE_BARS
from polygon_assets.defs.symbols.checks import OPEN_CLOSE_RULES
from polygon_assets.partitions import SessionWindow
from polygon_assets.raw.counts import take_census
from polygon_assets.raw.deliveries import deliveries, existing_tables
from polygon_assets.raw.drift import table_columns, vanished_columns
from polygon_assets.raw.rules import bar_rules, generic_rules
from polygon_assets.raw.table import StreamTable

RULES = [
    *BAR_RULES,
    *HOLIDAY_RULES,
    *SPLIT_RULES,
    *DIVIDEND_RULES,
    *FINANCIAL_RULES,
    *SHORT_INTEREST_RULES,
    *SHORT_VOLUME_RULES,
    *OPEN_CLOSE_RULES,
    *bar_rules(MINUTE_BARS),
    *bar_rules(DAY_BARS),
    *RECONCILE_RULES,
]
MONDAY = SessionWindow(date(2005, 2, 28), date(2005, 2, 28))


class Listening:
    """A cursor, and a warehouse, that only remember what they are asked."""

    database = "POLYGON"

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.answer: list[tuple[Any, ...]] = []

    def execute(self, sql: str, parameters: Sequence[str] = ()) -> None:
        self.statements.append(sql % tuple(f"'{one}'" for one in parameters))

    def query(self, sql: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        self.execute(sql, parameters)
        return []

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.answer


def violations(rule: Rule) -> str:
    sql = counted(rule.violations).replace("{database}", "POLYGON")
    return sql % {"first": "'2005-02-28'", "last": "'2005-02-28'"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule(rule: Rule) -> None:
    assert findings(violations(rule)) == []


@pytest.mark.parametrize("table", STREAM_TABLES, ids=lambda table: table.name)
def test_what_every_raw_table_is_asked(table: StreamTable) -> None:
    listening: Any = Listening()
    take_census(listening, "POLYGON", table, MONDAY)
    table_columns(listening, "POLYGON", table)
    days = [MONDAY.first, date(2005, 2, 25)]
    listening.answer = [(day, 1, 0, 0) for day in days]
    vanished_columns(listening, "POLYGON", table, ["TICKER", "FROM"], days)
    deliveries(listening, table, MONDAY)
    existing_tables(listening)
    statements = cast("list[str]", listening.statements)
    assert len(statements) == 5
    for sql in [*statements, *(violations(rule) for rule in generic_rules(table))]:
        assert findings(sql) == [], sql


def test_reconciliation_table() -> None:
    assert findings(CREATE.replace("{database}", "POLYGON")) == []
