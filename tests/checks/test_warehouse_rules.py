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


@pytest.fixture
def filled(snowflake: Warehouse) -> Warehouse:
    fill(snowflake)
    return snowflake


def test_good_rows_pass_every_rule(filled: Warehouse) -> None:
    found = run_checks(CHECKS, {"snowflake": filled}, sessions(MONDAY, TUESDAY))
    assert failed(found) == set()
    assert {count(one) for one in found.values()} == {0}
    assert {one.metadata["sessions"].value for one in found.values()} == {f"{MONDAY} to {TUESDAY}"}


@pytest.mark.parametrize("rule", BREAKS, ids="/".join)
def test_bad_rows_break_their_rule_and_no_other(filled: Warehouse, rule: RuleKey) -> None:
    execute(filled, *BREAKS[rule])
    checks = checks_on(rule[0], CHECKS)
    found = run_checks(checks, {"snowflake": filled}, one_session(MONDAY))
    assert failed(found) == {rule}
    evaluation, violations = found[rule], len(BREAKS[rule])
    severity = "WARN" if rule in WARNINGS else "ERROR"
    assert (evaluation.severity.value, evaluation.blocking) == (severity, severity == "ERROR")
    assert count(evaluation) == violations
    assert f"{violations} violations in {MONDAY}" in (evaluation.description or "")
    shown = sample(evaluation)
    assert len(shown) == min(violations, SAMPLE_ROWS)
    assert all(MONDAY in row.values() and "violations" not in row for row in shown)


def test_rows_of_other_sessions_do_not_count(filled: Warehouse) -> None:
    execute(filled, *(statements[-1] for statements in BREAKS.values()))
    resources = {"snowflake": filled}
    assert failed(run_checks(CHECKS, resources, one_session("2005-02-25"))) == set()
    assert failed(run_checks(CHECKS, resources, one_session(TUESDAY))) == set()


def test_without_a_window_every_session_counts(filled: Warehouse) -> None:
    execute(filled, *(statements[-1] for statements in BREAKS.values()))
    # One run for the bars: a failed rule of the tickers keeps those that read them from running.
    others = [*reference_checks, *actions_checks, *reconcile_checks]
    for checks in (bars_checks, others):
        assert failed(run_checks(checks, {"snowflake": filled}, {})) == keys_of(checks)


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
