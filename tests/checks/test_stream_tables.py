"""Every rule about the stream's other tables, in the sandbox's ClickHouse."""

import dagster as dg
import pytest
from checks_clickhouse_cases import execute
from checks_support import (
    MONDAY,
    QUIET,
    TUESDAY,
    RuleKey,
    checks_on,
    count,
    failed,
    keys_of,
    one_session,
    run_checks,
    shared_instance,
)
from checks_tables import BREAKS, GOOD, create
from support.stream_tables import TABLES

from polygon_assets.defs.ticks.checks import ticks_checks
from polygon_assets.defs.ticks.tables import SESSION_OF, TABLE_RULES
from polygon_assets.resources.clickhouse import ClickHouse

pytestmark = pytest.mark.xdist_group("checks_clickhouse")

CHECKS = [check for key in TABLE_RULES for check in checks_on("/".join(key), ticks_checks)]


@pytest.fixture
def tables(ticks: ClickHouse) -> ClickHouse:
    """The tables, empty."""
    return create(ticks)


def test_an_empty_table_keeps_every_rule(tables: ClickHouse) -> None:
    for tags in (one_session(MONDAY), {}):
        assert failed(run_checks(CHECKS, {"clickhouse": tables}, tags)) == set()


def test_good_rows_keep_every_rule(tables: ClickHouse) -> None:
    execute(tables, *GOOD)
    found = run_checks(CHECKS, {"clickhouse": tables}, one_session(MONDAY))
    assert failed(found) == set()
    assert keys_of(CHECKS) == set(BREAKS)


@pytest.mark.parametrize("rule", BREAKS, ids="/".join)
def test_bad_rows_break_their_rule_and_no_other(tables: ClickHouse, rule: RuleKey) -> None:
    execute(tables, *GOOD, *BREAKS[rule])
    found = run_checks(checks_on(rule[0], CHECKS), {"clickhouse": tables}, one_session(MONDAY))
    assert failed(found) == {rule}
    assert count(found[rule]) == len(BREAKS[rule])
    assert found[rule].blocking
    other = run_checks(checks_on(rule[0], CHECKS), {"clickhouse": tables}, one_session(TUESDAY))
    assert failed(other) == set(), "rows of another session do not count"


@pytest.mark.parametrize("table", TABLES)
def test_a_missing_table_is_an_error(tables: ClickHouse, table: str) -> None:
    with tables.client() as client:
        client.command(f"RENAME TABLE {tables.ticks}.{table} TO {tables.ticks}.hidden")
    try:
        checks = checks_on(f"clickhouse/ticks/{table}", CHECKS)
        definitions = dg.Definitions(asset_checks=checks, resources={"clickhouse": tables})
        job = definitions.resolve_implicit_global_asset_job_def()
        run = job.execute_in_process(
            run_config=QUIET, instance=shared_instance(), raise_on_error=False
        )
        assert not run.success
        assert run.get_asset_check_evaluations() == []
    finally:
        with tables.client() as client:
            client.command(f"RENAME TABLE {tables.ticks}.hidden TO {tables.ticks}.{table}")


def test_every_table_can_be_counted_by_session(tables: ClickHouse) -> None:
    execute(tables, *GOOD)
    for key, session in SESSION_OF.items():
        rows = tables.query(
            f"SELECT count() FROM {{ticks}}.{key[-1]} WHERE {session} = toDate('{MONDAY}')"
        )
        assert rows[0][0] > 0, key
