"""From a selection to what is run."""

from datetime import date

import dagster as dg
import pytest
from gate_market import MART, RAW, SEED, STAGING, TOPIC, market

from polygon_assets.gate.changes import Changes
from polygon_assets.gate.errors import GateUsageError
from polygon_assets.gate.selection import plan, plan_changed, selected_keys, windows
from polygon_assets.partitions import SessionWindow

GRAPH = market().resolve_asset_graph()
MONDAY, TUESDAY = date(2005, 2, 28), date(2005, 3, 1)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("raw/polygon/daily_bars", {RAW}),
        ('key:"raw/polygon/daily_bars"+', {RAW, STAGING, MART}),
        ('+key:"marts/market/fct_daily_bars"', {RAW, STAGING, MART, SEED}),
        ('key:"raw/*" or key:"kafka/*"', {RAW, TOPIC}),
        ("*", {TOPIC, RAW, STAGING, MART, SEED}),
    ],
)
def test_dagsters_syntax(text: str, keys: set[dg.AssetKey]) -> None:
    assert selected_keys(GRAPH, text) == keys


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('key:"raw/nope"', "selects no asset"),
        ("raw/nope", "no asset selection"),
        ("((", "no asset selection"),
        ("group:nope", "selects no asset"),
    ],
)
def test_a_selection_of_nothing_is_refused(text: str, reason: str) -> None:
    with pytest.raises(GateUsageError, match=reason):
        selected_keys(GRAPH, text)


def names(checks: "list[dg.AssetCheckKey]") -> set[dg.AssetKey]:
    return {key.asset_key for key in checks}


def test_of_an_external_asset_only_the_checks_are_run() -> None:
    found = plan(GRAPH, [TOPIC, RAW])
    assert list(found.assets) == [RAW]
    assert names(list(found.checks)) == {TOPIC, RAW}


def test_what_lies_between_is_made_too() -> None:
    found = plan(GRAPH, [RAW, MART])
    assert list(found.between) == [STAGING]
    assert set(found.assets) == {RAW, STAGING, MART}
    assert names(list(found.checks)) == {RAW, STAGING, MART}
    assert not plan(GRAPH, [RAW, STAGING]).between


def test_changed_assets_and_all_below_them() -> None:
    changes = Changes(assets={STAGING.to_user_string(): ["code version"]})
    assert set(plan_changed(GRAPH, changes, None).assets) == {STAGING, MART}
    assert set(plan_changed(GRAPH, changes, frozenset([MART, RAW])).assets) == {MART}
    nothing = plan_changed(GRAPH, changes, frozenset([RAW]))
    assert not nothing.assets
    assert not nothing.checks


def test_a_changed_check_is_run_on_an_asset_that_stays_as_it_is() -> None:
    changes = Changes(checks={f"{RAW.to_user_string()}:sane": ["code version"]})
    found = plan_changed(GRAPH, changes, None)
    assert not found.assets
    assert names(list(found.checks)) == {RAW}
    assert not plan_changed(GRAPH, changes, frozenset([MART])).checks


def test_what_a_changed_source_of_dbt_affects_is_made_again() -> None:
    changes = Changes(affected=frozenset([STAGING.to_user_string(), "not/an/asset"]))
    assert set(plan_changed(GRAPH, changes, None).assets) == {STAGING, MART}


def test_one_run_for_all_sessions_where_the_assets_allow_it() -> None:
    both = SessionWindow(MONDAY, TUESDAY)
    assert windows(GRAPH, [RAW, SEED], [MONDAY, TUESDAY]) == [both]
    assert windows(GRAPH, [], [MONDAY, TUESDAY]) == [both]
    each = [SessionWindow(MONDAY, MONDAY), SessionWindow(TUESDAY, TUESDAY)]
    one_by_one = market(single_run=False).resolve_asset_graph()
    assert windows(one_by_one, [RAW], [MONDAY, TUESDAY]) == each
    assert windows(one_by_one, [SEED], [MONDAY, TUESDAY]) == [both]
