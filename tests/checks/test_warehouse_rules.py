"""Every rule about a table of the warehouse, in the sandbox's Snowflake."""

import pytest
from checks_raw_rows import TABLES, execute, meta
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
    vendor,
)
from checks_warehouse_cases import BARS, BREAKS, COMPLETE, GENERIC, OWN, RAW, WARNINGS, fill
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation

from polygon_assets.checks import SAMPLE_ROWS
from polygon_assets.defs.bars.checks import bars_checks
from polygon_assets.defs.raw import raw_checks
from polygon_assets.defs.reconcile.checks import reconcile_checks
from polygon_assets.resources.snowflake import Warehouse

pytestmark = pytest.mark.xdist_group("checks_snowflake")

TABLE_KEYS = {"/".join(table.key) for table in TABLES.values()}
STREAM_CHECKS = [
    one for one in raw_checks if all(asset in TABLE_KEYS for asset, _ in keys_of([one]))
]
CHECKS = [*STREAM_CHECKS, *reconcile_checks]
# A failed rule of the tickers keeps the one that reads them from running.
READERS = [one for one in CHECKS if (BARS, "every_bar_is_listed") in keys_of([one])]
OTHERS = [one for one in CHECKS if one not in READERS]

VENDOR = vendor()


@pytest.fixture(scope="module", autouse=True)
def filled(snowflake: Warehouse) -> None:
    """The good rows, once; each test then puts the tables right that it reads."""
    fill(snowflake)


@pytest.mark.parametrize("rule", OWN, ids="/".join)
def test_bad_rows_break_their_rule_and_no_other(snowflake: Warehouse, rule: RuleKey) -> None:
    fill(snowflake, rule[0])
    execute(snowflake, *OWN[rule])
    checks = checks_on(rule[0], CHECKS)
    resources = {"snowflake": snowflake, "polygon": VENDOR}
    found = run_checks(checks, resources, one_session(MONDAY))
    assert failed(found) == {rule}
    assert_violations_of_monday(rule, found[rule], len(OWN[rule]))


@pytest.mark.parametrize("cases", [GENERIC, COMPLETE], ids=["generic", "complete"])
def test_bad_rows_of_every_table_break_the_rules_of_all(
    snowflake: Warehouse, cases: dict[RuleKey, list[str]]
) -> None:
    """In one run: nothing of one table may break a rule of another."""
    fill(snowflake)
    execute(snowflake, *(statement for statements in cases.values() for statement in statements))
    resources = {"snowflake": snowflake, "polygon": VENDOR}
    found = run_checks(OTHERS, resources, one_session(MONDAY))
    assert failed(found) == set(cases)
    for rule, statements in cases.items():
        assert_violations_of_monday(rule, found[rule], len(statements))


def assert_violations_of_monday(
    rule: RuleKey, evaluation: AssetCheckEvaluation, violations: int
) -> None:
    """Severity, number and sample are those of so many violations on Monday."""
    severity = "WARN" if rule in WARNINGS else "ERROR"
    assert (evaluation.severity.value, evaluation.blocking) == (severity, severity == "ERROR")
    assert count(evaluation) == violations
    assert f"{violations} violations in {MONDAY}" in (evaluation.description or "")
    shown = sample(evaluation)
    assert len(shown) == min(violations, SAMPLE_ROWS)
    assert all(MONDAY in row.values() and "violations" not in row for row in shown)


def test_rows_of_other_sessions_count_only_without_a_window(snowflake: Warehouse) -> None:
    """Every rule is broken, but that a session has rows at all, which would leave no others."""
    fill(snowflake)
    execute(snowflake, *(BREAKS[rule][-1] for rule in BREAKS if rule not in COMPLETE))
    resources = {"snowflake": snowflake, "polygon": VENDOR}
    assert failed(run_checks(READERS, resources, one_session("2005-02-25"))) == set()
    assert failed(run_checks(OTHERS, resources, one_session("2005-02-25"))) == set(COMPLETE)
    good = run_checks(CHECKS, resources, one_session(TUESDAY))
    assert failed(good) == set()
    assert {count(one) for one in good.values()} == {0}
    broken = {key for key in BREAKS if key not in COMPLETE}
    for checks in (READERS, OTHERS):
        assert failed(run_checks(checks, resources, {})) == keys_of(checks) & broken


def test_count_is_of_all_violations_and_sample_of_a_few(snowflake: Warehouse) -> None:
    fill(snowflake, BARS)
    rows = ", ".join(f"(1109624400000, 'ZZ{n}', -1)" for n in range(SAMPLE_ROWS + 7))
    execute(snowflake, f"INSERT INTO {RAW}DAILY_BARS (T, TICKER, V) VALUES {rows}")
    resources = {"snowflake": snowflake, "polygon": VENDOR}
    found = run_checks(bars_checks, resources, one_session(MONDAY))
    evaluation = found[BARS, "volume_not_negative"]
    assert count(evaluation) == SAMPLE_ROWS + 7
    shown = sample(evaluation)
    assert len(shown) == SAMPLE_ROWS
    assert all(
        list(row) == ["session_date", "ticker", "t", "v"] and row["session_date"] == MONDAY
        for row in shown
    )


def test_a_row_without_a_session_is_seen_from_every_session(snowflake: Warehouse) -> None:
    fill(snowflake, BARS)
    rejected = meta(7, """{"field":"t","change":"NULLED"}""")
    execute(
        snowflake,
        f"INSERT INTO {RAW}DAILY_BARS (TICKER, O, H, L, C, V) VALUES ('ZZAA', 1, 1, 1, 1, 1)",
        f"UPDATE {RAW}DAILY_BARS SET _AIRBYTE_META = {rejected} WHERE T IS NULL",
    )
    resources = {"snowflake": snowflake, "polygon": VENDOR}
    found = failed(run_checks(bars_checks, resources, one_session(TUESDAY)))
    assert found == {(BARS, "key_unique"), (BARS, "nothing_rejected")}


def test_a_rule_waits_for_a_table_that_was_never_loaded(snowflake: Warehouse) -> None:
    fill(snowflake, BARS)
    table, away = f"{RAW}TICKERS", f"{RAW}TICKERS_AWAY"
    execute(snowflake, f"ALTER TABLE {table} RENAME TO {away}")
    resources = {"snowflake": snowflake, "polygon": VENDOR}
    found = run_checks(bars_checks, resources, one_session(MONDAY))
    execute(snowflake, f"ALTER TABLE {away} RENAME TO {table}")
    assert failed(found) == {(BARS, "every_bar_is_listed")}
    description = found[BARS, "every_bar_is_listed"].description
    assert description == "Not judged: raw/polygon/tickers has never been loaded."


def test_a_partition_that_is_no_session_is_refused(snowflake: Warehouse) -> None:
    with pytest.raises(AssertionError, match="did not run"):
        run_checks(
            bars_checks,
            {"snowflake": snowflake, "polygon": VENDOR},
            one_session("2005-02-27"),
        )
