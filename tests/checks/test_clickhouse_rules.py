"""Every rule about a table of the stream, in the sandbox's ClickHouse."""

from datetime import date

import pytest
from checks_bars import insert_seconds, second
from checks_clickhouse_cases import BREAKS, FRIDAY, TICKS, execute, fill
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

from polygon_assets.checks import SAMPLE_ROWS
from polygon_assets.defs.rollups.assets import ROLLUPS
from polygon_assets.defs.rollups.checks import rollup_checks
from polygon_assets.defs.rollups.rebuild import rebuild_session
from polygon_assets.defs.ticks.checks import ticks_checks
from polygon_assets.resources.clickhouse import ClickHouse

pytestmark = pytest.mark.xdist_group("checks_clickhouse")

CHECKS = [*checks_on(TICKS, ticks_checks), *rollup_checks]


@pytest.fixture
def filled(ticks: ClickHouse) -> ClickHouse:
    fill(ticks)
    return ticks


def test_good_rows_pass_every_rule(filled: ClickHouse) -> None:
    found = run_checks(CHECKS, {"clickhouse": filled}, one_session(MONDAY))
    assert failed(found) == set()
    assert {count(one) for one in found.values()} == {0}


@pytest.mark.parametrize("rule", BREAKS, ids="/".join)
def test_bad_rows_break_their_rule_and_no_other(ticks: ClickHouse, rule: RuleKey) -> None:
    fill(ticks, rule[0])
    execute(ticks, *BREAKS[rule])
    checks = checks_on(rule[0], CHECKS)
    found = run_checks(checks, {"clickhouse": ticks}, one_session(MONDAY))
    assert failed(found) == {rule}
    evaluation, violations = found[rule], len(BREAKS[rule])
    assert (evaluation.severity.value, evaluation.blocking) == ("ERROR", True)
    assert count(evaluation) == violations
    shown = sample(evaluation)
    assert len(shown) == min(violations, SAMPLE_ROWS)
    assert all("symbol" in row and "violations" not in row for row in shown)


def test_rows_of_other_sessions_do_not_count(filled: ClickHouse) -> None:
    execute(filled, *(statement for statements in BREAKS.values() for statement in statements))
    resources = {"clickhouse": filled}
    for other in (FRIDAY, TUESDAY):
        assert failed(run_checks(CHECKS, resources, one_session(other))) == set()
    for tags in (sessions(MONDAY, TUESDAY), {}):
        assert failed(run_checks(CHECKS, resources, tags)) == keys_of(CHECKS)


def test_a_bad_bar_that_was_replaced_is_no_violation(filled: ClickHouse) -> None:
    execute(filled, *BREAKS[TICKS, "ohlc_consistent"][:1])
    assert failed(run_checks(CHECKS[:1], {"clickhouse": filled}, one_session(MONDAY)))
    repaired = BREAKS[TICKS, "ohlc_consistent"][0].replace("20.1", "19.9").replace("1, 2)", "1, 3)")
    execute(filled, repaired)
    assert not failed(run_checks(CHECKS[:1], {"clickhouse": filled}, one_session(MONDAY)))


def test_a_session_that_is_not_rolled_up_yet_is_no_difference(filled: ClickHouse) -> None:
    insert_seconds(filled, [second("AAPL", date(2005, 3, 2), 0)])
    assert failed(run_checks(rollup_checks, {"clickhouse": filled}, {})) == set()


def test_a_fraction_of_one_share_is_no_difference(ticks: ClickHouse) -> None:
    # All that traded of a symbol: the dollars have more decimals than price and volume.
    insert_seconds(ticks, [second("ZZAA", date(2005, 2, 28), 0, price=20.0, volume=0.0012345)])
    for rollup in ROLLUPS:
        rebuild_session(ticks, rollup, date(2005, 2, 28))
    assert failed(run_checks(rollup_checks, {"clickhouse": ticks}, one_session(MONDAY))) == set()


def test_sample_shows_both_totals(filled: ClickHouse) -> None:
    rule = ("clickhouse/rollups/bars_1m", "equals_second_bars")
    execute(filled, BREAKS[rule][0])
    found = run_checks(checks_on(rule[0], CHECKS), {"clickhouse": filled}, one_session(MONDAY))
    assert sample(found[rule]) == [
        {"session_date": MONDAY, "symbol": "AAPL", "shares": "500.001", "rolled_up": "500.0"}
    ]
