"""No check without a case in which it fails."""

from pathlib import Path

import checks_clickhouse_cases
import checks_tables
import checks_warehouse_cases
import pytest
from checks_raw_rows import TABLES
from checks_support import RuleKey, keys_of

from polygon_assets.defs.platform.freshness import NAME as SESSION_FRESHNESS
from polygon_assets.defs.rollups.live_checks import live_checks
from polygon_assets.defs.ticks.assets import MARKET_TOPICS

ELSEWHERE: dict[RuleKey, str] = {
    **{("/".join(key), "sink_keeps_up"): "test_kafka_checks.py" for key in MARKET_TOPICS},
    ("kafka/stocks/gaps", "no_gaps"): "test_kafka_checks.py",
    ("kafka/stocks/dead_letter", "no_dead_letters"): "test_kafka_checks.py",
    ("marts/market/fct_daily_bars", "bars_final"): "test_bars_final.py",
    **dict.fromkeys(keys_of(live_checks), "test_rollup_live_checks.py"),
    **{("/".join(one.key), "schema_drift"): "test_schema_drift.py" for one in TABLES.values()},
    **{
        ("/".join(one.key), "row_count_band"): "test_row_count_band.py"
        for one in TABLES.values()
        if one.band
    },
}
"""Checks that no statement breaks -> the module with their failing case for every table."""


@pytest.mark.usefixtures("builds")
def test_every_check_of_ours_has_a_failing_case() -> None:
    from polygon_assets.definitions import checks
    from polygon_assets.defs.flat_files.checks import flat_file_checks

    cases = {**checks_warehouse_cases.BREAKS, **checks_clickhouse_cases.BREAKS, **ELSEWHERE}
    cases |= checks_tables.BREAKS
    # Those of the flat files are counted where their cases are.
    assert keys_of(checks) - keys_of(flat_file_checks) == set(cases)
    assert all(cases.values())


@pytest.mark.usefixtures("builds")
def test_every_check_in_the_code_location_is_ours_or_dbts() -> None:
    from polygon_assets.definitions import checks, defs

    graph = defs.resolve_asset_graph()
    found = {(key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys}
    # Those of the dashboards have their cases in tests/dashboards.
    dbt = {"raw", "staging", "intermediate", "marts", "snapshots", "bi"}
    rest = [key for key in found - keys_of(checks) if key[1] != SESSION_FRESHNESS]
    assert keys_of(checks) <= found
    assert {asset.partition("/")[0] for asset, _ in rest} <= dbt


def test_the_modules_with_the_other_cases_exist() -> None:
    for (_, check), module in ELSEWHERE.items():
        assert check in (Path(__file__).parent / module).read_text().lower()
