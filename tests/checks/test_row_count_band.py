"""The size of a session against those before it, for every table that has a usual size."""

from datetime import date

import pytest
from checks_raw_rows import TABLES, execute, insert, one_row
from checks_support import (
    MONDAY,
    TUESDAY,
    checks_on,
    count,
    failed,
    keys_of,
    one_session,
    run_checks,
    sample,
    sessions,
    vendor,
)
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation

from polygon_assets.defs.raw import raw_checks
from polygon_assets.raw.counts import ROW_COUNT_BAND, SESSIONS_NEEDED
from polygon_assets.resources.snowflake import Warehouse
from polygon_assets.sessions import sessions_ending

pytestmark = pytest.mark.xdist_group("checks_snowflake")

BEFORE = [str(day) for day in sessions_ending(date.fromisoformat(MONDAY), SESSIONS_NEEDED + 1)][:-1]
WITH_BAND = [name for name, table in TABLES.items() if table.band is not None]


def judged(
    snowflake: Warehouse, name: str, tags: dict[str, str]
) -> tuple[AssetCheckEvaluation, set[str]]:
    """The evaluation of the band, and the names of the checks that did not pass."""
    asset = "/".join(TABLES[name].key)
    resources = {"snowflake": snowflake, "polygon": vendor()}
    found = run_checks(checks_on(asset, raw_checks), resources, tags)
    return found[asset, ROW_COUNT_BAND], {check for _, check in failed(found)}


def keep_one_row(snowflake: Warehouse, name: str) -> None:
    """Leave a single row of Monday."""
    table = TABLES[name]
    execute(
        snowflake,
        f"DELETE FROM {table.qualified('{database}')} "
        f"WHERE {table.session} = '{MONDAY}' AND NOT ({one_row(name, 'AAPL')})",
    )


def bands(snowflake: Warehouse) -> dict[str, AssetCheckEvaluation]:
    """Table -> the evaluation of its band, for every table that has one."""
    wanted = {("/".join(TABLES[name].key), ROW_COUNT_BAND) for name in WITH_BAND}
    checks = [one for one in raw_checks if keys_of([one]) & wanted]
    resources = {"snowflake": snowflake, "polygon": vendor()}
    found = run_checks(checks, resources, one_session(MONDAY))
    assert failed(found) <= wanted
    return {asset.rpartition("/")[2]: found[asset, check] for asset, check in wanted}


def test_a_session_of_another_size_is_a_warning_for_every_table(snowflake: Warehouse) -> None:
    for name in WITH_BAND:
        insert(snowflake, name, [*BEFORE, MONDAY])
    good = bands(snowflake)
    assert [name for name, evaluation in good.items() if not evaluation.passed] == []
    for name in WITH_BAND:
        keep_one_row(snowflake, name)
    for evaluation in bands(snowflake).values():
        assert not evaluation.passed
        assert (evaluation.severity.value, evaluation.blocking) == ("WARN", False)
        assert f"1 violations in {MONDAY}" in (evaluation.description or "")
        [shown] = sample(evaluation)
        assert (shown["session_date"], shown["rows"]) == (MONDAY, 1)


def test_a_range_judges_each_of_its_sessions(snowflake: Warehouse) -> None:
    insert(snowflake, "exchanges", [*BEFORE, MONDAY, TUESDAY])
    keep_one_row(snowflake, "exchanges")
    evaluation, _ = judged(snowflake, "exchanges", sessions(MONDAY, TUESDAY))
    assert [row["session_date"] for row in sample(evaluation)] == [MONDAY]


def test_too_few_sessions_before_are_no_measure(snowflake: Warehouse) -> None:
    insert(snowflake, "exchanges", [*BEFORE[1:], MONDAY])
    keep_one_row(snowflake, "exchanges")
    evaluation, names = judged(snowflake, "exchanges", one_session(MONDAY))
    assert names == set()
    assert count(evaluation, "sessions_without_enough_before") == 1


def test_a_sparse_table_without_any_rows_is_noticed(snowflake: Warehouse) -> None:
    insert(snowflake, "short_volume", BEFORE)
    evaluation, names = judged(snowflake, "short_volume", one_session(MONDAY))
    assert names == {ROW_COUNT_BAND}
    assert sample(evaluation)[0]["rows"] == 0
