"""The SQL of our own checks is Snowflake's, not merely what the sandbox tolerates."""

import pytest
from support.sql_guard import findings

from polygon_assets.checks import Rule, counted
from polygon_assets.defs.actions.checks import DIVIDEND_RULES, SPLIT_RULES
from polygon_assets.defs.bars.checks import RULES as BAR_RULES
from polygon_assets.defs.reconcile.assets import CREATE
from polygon_assets.defs.reconcile.checks import RULES as RECONCILE_RULES
from polygon_assets.defs.reference.checks import EXCHANGE_RULES, HOLIDAY_RULES, TICKER_RULES

RULES = [
    *BAR_RULES,
    *TICKER_RULES,
    *EXCHANGE_RULES,
    *HOLIDAY_RULES,
    *SPLIT_RULES,
    *DIVIDEND_RULES,
    *RECONCILE_RULES,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule(rule: Rule) -> None:
    sql = counted(rule.violations).replace("{database}", "POLYGON")
    assert findings(sql % {"first": "'2005-02-28'", "last": "'2005-02-28'"}) == []


def test_reconciliation_table() -> None:
    assert findings(CREATE.replace("{database}", "POLYGON")) == []
