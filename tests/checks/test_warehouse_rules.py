"""Every rule about a table of the warehouse, in the sandbox's Snowflake."""

import pytest
from checks_support import (
    MONDAY,
    TUESDAY,
    RuleKey,
    checks_on,
    count,
    failed,
    keys_of,
    one_session,
    run_checks,
    sample,
    sessions,
)
from checks_warehouse_cases import BREAKS, RAW, WARNINGS, execute, fill

from polygon_assets.checks import SAMPLE_ROWS
from polygon_assets.defs.actions.checks import actions_checks
from polygon_assets.defs.bars.checks import bars_checks
from polygon_assets.defs.reconcile.checks import reconcile_checks
from polygon_assets.defs.reference.checks import reference_checks
from polygon_assets.resources.snowflake import Warehouse

pytestmark = pytest.mark.xdist_group("checks_snowflake")

CHECKS = [*bars_checks, *reference_checks, *actions_checks, *reconcile_checks]
CASES = [(rule, statement) for rule, statements in BREAKS.items() for statement in statements]


@pytest.fixture
def filled(snowflake: Warehouse) -> Warehouse:
    fill(snowflake)
    return snowflake


def test_good_rows_pass_every_rule(filled: Warehouse) -> None:
    found = run_checks(CHECKS, {"snowflake": filled}, sessions(MONDAY, TUESDAY))
    assert failed(found) == set()
    assert {count(one) for one in found.values()} == {0}
    assert {one.metadata["sessions"].value for one in found.values()} == {f"{MONDAY} to {TUESDAY}"}


def test_empty_tables_pass_every_rule(filled: Warehouse) -> None:
    assert failed(run_checks(CHECKS, {"snowflake": filled}, one_session("2005-03-02"))) == set()


@pytest.mark.parametrize(("rule", "statement"), CASES)
def test_one_bad_row_breaks_its_rule_and_no_other(
    filled: Warehouse, rule: RuleKey, statement: str
) -> None:
    execute(filled, statement)
    checks = checks_on(rule[0], CHECKS)
    found = run_checks(checks, {"snowflake": filled}, one_session(MONDAY))
    assert failed(found) == {rule}
    evaluation = found[rule]
    severity = "WARN" if rule in WARNINGS else "ERROR"
    assert (evaluation.severity.value, evaluation.blocking) == (severity, severity == "ERROR")
    assert count(evaluation) == 1
    assert "1 violations in 2005-02-28" in (evaluation.description or "")
    [row] = sample(evaluation)
    assert set(row.values()) & {"AAPL", "NYSE", "10", "MSFT", "New York Stock Exchange"}
    assert "violations" not in row


def test_rows_of_other_sessions_do_not_count(filled: Warehouse) -> None:
    execute(filled, *(statements[-1] for statements in BREAKS.values()))
    resources = {"snowflake": filled}
    assert failed(run_checks(CHECKS, resources, one_session(TUESDAY))) == set()
    assert failed(run_checks(CHECKS, resources, one_session("2005-02-25"))) == set()
    both_ends = sessions("2005-02-25", MONDAY), sessions(MONDAY, TUESDAY)
    for tags in (*both_ends, {}):
        assert failed(run_checks(CHECKS, resources, tags)) == keys_of(CHECKS)


def test_count_is_of_all_violations_and_sample_of_a_few(filled: Warehouse) -> None:
    rows = ", ".join(f"('{MONDAY}', 'ZZ{n}', -1)" for n in range(SAMPLE_ROWS + 7))
    columns = "(SESSION_DATE, TICKER, V)"
    execute(filled, f"INSERT INTO {RAW}DAILY_BARS {columns} VALUES {rows}")
    found = run_checks(bars_checks, {"snowflake": filled}, one_session(MONDAY))
    evaluation = found["raw/polygon/daily_bars", "volume_not_negative"]
    assert count(evaluation) == SAMPLE_ROWS + 7
    shown = sample(evaluation)
    assert len(shown) == SAMPLE_ROWS
    assert all(
        list(row) == ["session_date", "ticker", "v"] and row["session_date"] == MONDAY
        for row in shown
    )


def test_a_partition_that_is_no_session_is_refused(filled: Warehouse) -> None:
    with pytest.raises(AssertionError, match="did not run"):
        run_checks(bars_checks, {"snowflake": filled}, one_session("2005-02-27"))
