"""The declarative conditions, tick by tick on a frozen clock, with real runs between the ticks."""

from datetime import date, timedelta

import dagster as dg
import pytest
from orchestration.automation_stage import Stage, new_york, stand_in

from polygon_assets.automation import FOLLOW_CORRECTIONS, REFERENCE
from polygon_assets.policies import LANE_TAG
from polygon_assets.sessions import is_session, session, sessions_between

pytestmark = pytest.mark.xdist_group("automation")

ROLLUP = dg.AssetKey(["clickhouse", "rollups", "bars_1d"])
OFFICIAL = dg.AssetKey(["marts", "market", "fct_daily_bars"])
RECONCILED = dg.AssetKey(["reconcile", "market", "daily_bars"])
FACTS = dg.AssetKey(["marts", "market", "fct_stream_reconciliation"])
SEEDS = [dg.AssetKey(["marts", "market", name]) for name in ("dim_trading_session", "sic_sectors")]

EVERYTHING = ("bars_1d", "fct_daily_bars", "daily_bars", "fct_stream_reconciliation")
FIRST = date(2012, 10, 24)
WEDNESDAY = date(2012, 11, 21)


def both(day: date) -> set[tuple[str, str]]:
    return {("daily_bars", str(day)), ("fct_stream_reconciliation", str(day))}


@pytest.fixture
def stage(instance: dg.DagsterInstance) -> Stage:
    """The reconciliation and what it is made from; the automation has looked once."""
    specs = [
        stand_in(ROLLUP),
        stand_in(OFFICIAL),
        stand_in(RECONCILED, [ROLLUP, OFFICIAL], FOLLOW_CORRECTIONS),
        stand_in(FACTS, [RECONCILED, OFFICIAL], FOLLOW_CORRECTIONS),
    ]
    made = Stage(specs, instance)
    assert made.tick(new_york(FIRST, "00:01")) == set()
    return made


def test_which_assets_have_a_condition(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    found = {
        key: str(graph.get(key).automation_condition.get_label())
        for key in graph.get_all_asset_keys()
        if graph.get(key).automation_condition is not None
    }
    assert found == {
        RECONCILED: "follow_corrections",
        FACTS: "follow_corrections",
        **dict.fromkeys(SEEDS, "reference"),
    }
    assert {ROLLUP, OFFICIAL} == graph.get(RECONCILED).parent_keys
    assert {RECONCILED, OFFICIAL} <= graph.get(FACTS).parent_keys


def test_the_sensor_is_ours_and_counts_in_the_queue(definitions: dg.Definitions) -> None:
    [sensor] = [
        one
        for one in definitions.get_repository_def().sensor_defs
        if isinstance(one, dg.AutomationConditionSensorDefinition)
    ]
    assert sensor.name == "automation"
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert LANE_TAG in sensor.run_tags


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2012, 10, 25), date(2012, 11, 6)),  # hurricane Sandy; the clocks change
        (date(2012, 11, 20), date(2012, 11, 27)),  # Thanksgiving and the half day after it
    ],
)
def test_sessions_and_closed_days(stage: Stage, first: date, last: date) -> None:
    """Every session is reconciled by its own run, and again when its bars are final."""
    day = first
    while day <= last:
        yesterday = day - timedelta(days=1)
        if is_session(yesterday) and yesterday >= first:
            assert stage.run("fct_daily_bars", session=yesterday), "the job finalize"
            asked = stage.tick(new_york(day, "11:40"))
            assert asked == both(yesterday), day
            stage.run_asked(asked)
        if is_session(day):
            assert stage.tick(session(day).close_at) == set(), day
            assert stage.run(*EVERYTHING, session=day), "the job session"
        assert stage.tick(new_york(day, "23:59")) == set(), day
        day += timedelta(days=1)


def test_a_correction_of_any_age_is_followed_on_a_closed_day(stage: Stage) -> None:
    old, newer = sessions_between(FIRST, WEDNESDAY)[0], WEDNESDAY
    for day in (old, newer):
        stage.run(*EVERYTHING, session=day)
    thanksgiving = WEDNESDAY + timedelta(days=1)
    assert stage.tick(new_york(thanksgiving, "09:00")) == set()
    stage.run("bars_1d", session=old)
    asked = stage.tick(new_york(thanksgiving, "10:00"))
    assert asked == both(old)
    assert stage.tick(new_york(thanksgiving, "10:01")) == set(), "asked for once"
    stage.run_asked(asked)
    assert stage.tick(new_york(thanksgiving, "10:02")) == set()
    for day in (old, newer):
        stage.run("bars_1d", session=day)
    assert stage.tick(new_york(thanksgiving, "11:00")) == both(old) | both(newer)


def test_half_of_it_is_not_reconciled(stage: Stage) -> None:
    stage.run("fct_daily_bars", session=WEDNESDAY)
    assert stage.tick(new_york(WEDNESDAY, "18:00")) == set(), "the stream has nothing of it"
    stage.run("bars_1d", session=WEDNESDAY)
    asked = stage.tick(new_york(WEDNESDAY, "18:01"))
    assert asked == {("daily_bars", str(WEDNESDAY))}, "its checks first, which have never run"
    stage.run_asked(asked)
    asked = stage.tick(new_york(WEDNESDAY, "18:02"))
    assert asked == {("fct_stream_reconciliation", str(WEDNESDAY))}
    stage.run_asked(asked)
    assert stage.tick(new_york(WEDNESDAY, "18:03")) == set()


def test_a_reconciliation_that_failed_is_tried_once_more(stage: Stage) -> None:
    stage.broken = {"daily_bars"}
    assert not stage.run(*EVERYTHING, session=WEDNESDAY)
    asked = stage.tick(new_york(WEDNESDAY, "18:00"))
    assert asked == {("daily_bars", str(WEDNESDAY))}
    stage.run_asked(asked)
    for minute in range(10, 20):
        assert stage.tick(new_york(WEDNESDAY, f"18:{minute}")) == set()


def test_what_failed_its_checks_is_not_followed(stage: Stage) -> None:
    stage.run(*EVERYTHING, session=WEDNESDAY)
    assert stage.tick(new_york(WEDNESDAY, "18:00")) == set()
    stage.wrong = {"fct_daily_bars"}
    assert not stage.run("fct_daily_bars", session=WEDNESDAY)
    assert stage.tick(new_york(WEDNESDAY, "18:01")) == set()
    stage.wrong = set()
    assert stage.run("fct_daily_bars", session=WEDNESDAY)
    assert stage.tick(new_york(WEDNESDAY, "18:02")) == both(WEDNESDAY)


def test_a_first_start_on_years_of_history_asks_for_nothing(instance: dg.DagsterInstance) -> None:
    specs = [
        stand_in(ROLLUP),
        stand_in(OFFICIAL),
        stand_in(RECONCILED, [ROLLUP, OFFICIAL], FOLLOW_CORRECTIONS),
    ]
    stage = Stage(specs, instance)
    for day in sessions_between(date(2012, 11, 1), WEDNESDAY):
        for key in (ROLLUP, OFFICIAL):
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=str(day)))
    assert stage.tick(new_york(WEDNESDAY, "18:00")) == set()
    assert stage.tick(new_york(WEDNESDAY, "18:01")) == set()


# ---- reference tables


def seed(code_version: str = "1") -> dg.AssetSpec:
    return stand_in(SEEDS[0], (), REFERENCE, code_version, partitioned=False)


NAME = SEEDS[0].path[-1]


def test_a_reference_table_is_loaded_at_the_first_start(instance: dg.DagsterInstance) -> None:
    stage = Stage([seed()], instance)
    asked = stage.tick(new_york(WEDNESDAY, "10:00"))
    assert asked == {(NAME, None)}
    stage.run_asked(asked)
    assert stage.tick(new_york(WEDNESDAY, "10:01")) == set()


def test_what_fails_at_the_first_start_is_not_tried_again_and_again(
    instance: dg.DagsterInstance,
) -> None:
    stage = Stage([seed()], instance)
    stage.broken = {NAME}
    stage.run_asked(stage.tick(new_york(WEDNESDAY, "10:00")))
    for minute in range(10, 20):
        assert stage.tick(new_york(WEDNESDAY, f"10:{minute}")) == set()
    assert stage.tick(new_york(date(2012, 12, 1), "06:01")) == {(NAME, None)}


def test_once_a_month_over_two_changes_of_the_clocks(instance: dg.DagsterInstance) -> None:
    stage = Stage([seed()], instance)
    stage.run_asked(stage.tick(new_york(date(2012, 10, 20), "10:00")))
    found: list[date] = []
    day = date(2012, 10, 20)
    while day < date(2013, 12, 2):
        if day.day in (1, 2, 15, 28):
            assert stage.tick(new_york(day, "05:59")) == set()
            if asked := stage.tick(new_york(day, "06:01")):
                found.append(day)
                stage.run_asked(asked)
        day += timedelta(days=1)
    assert [one.day for one in found] == [1] * 14
    assert len(set(found)) == 14


def test_a_changed_file_is_loaded_once(instance: dg.DagsterInstance) -> None:
    stage = Stage([seed()], instance)
    stage.run_asked(stage.tick(new_york(WEDNESDAY, "10:00")))
    assert stage.tick(new_york(WEDNESDAY, "10:01")) == set()
    stage.use([seed("2")])
    asked = stage.tick(new_york(WEDNESDAY, "10:02"))
    assert asked == {(NAME, None)}
    stage.run_asked(asked)
    assert stage.tick(new_york(WEDNESDAY, "10:03")) == set()
