"""How many sinks run: single looks, then every look of a year with all kinds of trouble."""

import pytest
from unit.stream_year import Day, Trouble, Year

from polygon_assets.defs.ticks.lag import (
    CALM_LAG,
    CALM_LOOKS,
    MAX_LAG,
    MOST_RESTARTS,
    SETTLING_LOOKS,
    STUCK_LOOKS,
    Look,
    Memory,
    decide,
)
from polygon_assets.resources.kafka import PartitionProgress


def look(
    settled: int,
    lag: int,
    *,
    sinks: int = 1,
    needed: bool = True,
    busy: bool = False,
    most: int = 4,
) -> Look:
    """One partition that is this far behind, and three that are done."""
    done = {f"bars/{number}": PartitionProgress(7, 7) for number in (1, 2, 3)}
    return Look(
        {"bars/0": PartitionProgress(settled, settled + lag), **done}, needed, sinks, most, busy
    )


def after(*looks: Look) -> Memory:
    """The memory after these looks, whatever they decided."""
    memory = Memory()
    for one in looks:
        memory = decide(one, memory).memory
    return memory


def test_a_sink_runs_while_it_is_needed_or_messages_wait() -> None:
    assert decide(look(0, 0, sinks=0), Memory()).sinks == 1
    assert decide(look(0, 1, sinks=0, needed=False), Memory()).sinks == 1
    assert decide(look(0, 1, sinks=1, needed=False), Memory()).sinks == 1
    assert decide(look(0, 0, sinks=3, needed=False), Memory()).sinks == 0
    assert decide(look(0, 0, sinks=0, needed=False), Memory()).sinks == 0


def test_nothing_is_changed_while_a_change_is_under_way() -> None:
    assert decide(look(0, 0, sinks=0, busy=True), Memory()).sinks == 0
    assert decide(look(0, 0, sinks=1, needed=False, busy=True), Memory()).sinks == 1
    stuck = Memory(settled={"bars/0": 5}, still={"bars/0": STUCK_LOOKS + 5})
    found = decide(look(5, 9, busy=True), stuck)
    assert (found.restart, found.sinks) == (False, 1)


def test_too_much_lag_at_two_looks_adds_one_sink() -> None:
    first = decide(look(1, MAX_LAG + 1), Memory())
    second = decide(look(2, MAX_LAG + 1), first.memory)
    assert (first.sinks, second.sinks) == (1, 2)
    memory, found = second.memory, [2]
    for settled in range(3, 4 + SETTLING_LOOKS):
        decision = decide(look(settled, MAX_LAG + 1, sinks=found[-1]), memory)
        memory = decision.memory
        found.append(decision.sinks)
    assert found.count(2) >= SETTLING_LOOKS, "the second sink gets time to help"
    assert found[-1] == 3


def test_the_limit_is_not_over_it_and_one_good_look_forgets() -> None:
    assert after(*(look(n, MAX_LAG) for n in range(5))).behind == 0
    memory = after(look(1, MAX_LAG + 1), look(2, MAX_LAG), look(3, MAX_LAG + 1))
    assert memory.behind == 1


@pytest.mark.parametrize(("most", "limit"), [(1, 1), (2, 2), (4, 4), (9, 4)])
def test_never_more_sinks_than_partitions_or_the_setting(most: int, limit: int) -> None:
    memory, sinks = Memory(), 1
    for settled in range(100):
        decision = decide(look(settled, 10 * MAX_LAG, sinks=sinks, most=most), memory)
        memory, sinks = decision.memory, decision.sinks
    assert sinks == limit
    assert decide(look(0, 5, sinks=9, most=most), Memory()).sinks == limit


def test_little_lag_for_long_takes_one_sink_away() -> None:
    memory, sinks, changes = Memory(), 3, list[int]()
    for number in range(5 * CALM_LOOKS):
        decision = decide(look(number, CALM_LAG, sinks=sinks), memory)
        if decision.sinks != sinks:
            changes.append(number)
        memory, sinks = decision.memory, decision.sinks
    assert sinks == 1, "the last one stays"
    assert changes[1] - changes[0] == CALM_LOOKS


def test_a_partition_that_stands_still_is_restarted_once() -> None:
    memory, restarts = Memory(), list[int]()
    for number in range(STUCK_LOOKS + SETTLING_LOOKS):
        decision = decide(look(5, 10 + number), memory)
        memory = decision.memory
        if decision.restart:
            restarts.append(number)
    assert restarts == [STUCK_LOOKS], "at the fourth look it has stood still three times"


@pytest.mark.parametrize("settled", [lambda n: n, lambda _: 5])
def test_moving_or_nothing_to_do_is_not_stuck(settled: object) -> None:
    memory = Memory()
    for number in range(50):
        at = settled(number)  # type: ignore[operator]
        decision = decide(look(at, 3 if at == number else 0), memory)
        assert not decision.restart
        memory = decision.memory


def test_gives_up_after_some_restarts_and_recovers_with_the_first_step() -> None:
    memory, restarts = Memory(), 0
    for number in range(100):
        decision = decide(look(5, 10 + number), memory)
        memory, restarts = decision.memory, restarts + decision.restart
    assert (restarts, memory.gave_up) == (MOST_RESTARTS, True)
    assert memory.restarts == MOST_RESTARTS
    memory = decide(look(6, 100), memory).memory
    assert (memory.gave_up, memory.restarts) == (False, 0)


def test_a_step_now_and_then_does_not_start_the_count_of_restarts_again() -> None:
    memory, restarts = Memory(), 0
    for number in range(300):
        decision = decide(look(number // 8, 1000), memory)
        memory, restarts = decision.memory, restarts + decision.restart
        if memory.gave_up:
            break
    assert (memory.gave_up, restarts) == (True, MOST_RESTARTS)


def test_the_cursor_is_a_small_text_and_a_foreign_one_is_a_new_beginning() -> None:
    memory = after(*(look(n, MAX_LAG + 1) for n in range(7)))
    assert Memory.load(memory.dump()) == memory
    assert len(memory.dump()) < 500
    for text in (None, "", "2", "{", '{"restarts": "x"}', "[]"):
        assert Memory.load(text) == Memory()


# ---- a whole year


def burst(hours: float) -> float:
    """The open: three times what a sink can take, for half an hour."""
    return 15_000.0 if hours < 0.5 else 1_500.0


def growing(hours: float) -> float:
    """From nothing to almost three sinks' work at the close."""
    return 2_000.0 * hours


KINDS = {
    "calm": Trouble(),
    "burst": Trouble(rate=burst),
    "growing": Trouble(rate=growing),
    "stuck": Trouble(stuck_from=100),
    "dead": Trouble(dead=(200, 320)),
    "poison": Trouble(poison_until=400),
}


@pytest.fixture(scope="module")
def year() -> dict[str, list[Day]]:
    """Every session of 2025: each kind of trouble forty times, in turn."""
    kinds = list(KINDS)
    found: dict[str, list[Day]] = {kind: [] for kind in kinds}
    simulated = Year(2025, lambda number: KINDS[kinds[number % len(kinds)]])
    for number, (day, _) in enumerate(simulated.days()):
        found[kinds[number % len(kinds)]].append(day)
    return found


def test_every_session_ends_with_everything_settled_and_no_sink(year: dict[str, list[Day]]) -> None:
    days = [day for found in year.values() for day in found]
    assert len(days) == 250
    assert {day.left for day in days} == {0}
    assert {day.sinks[-1] for day in days} == {0}
    assert all(day.sinks[:20] == [0] * 20 for day in days), "nothing before the market's hours"
    assert all(min(day.sinks[21:-21]) >= 1 for day in days), "one sink all day"


def test_never_flaps(year: dict[str, list[Day]]) -> None:
    for day in (day for found in year.values() for day in found):
        assert max(day.sinks) <= 4
        assert day.changes[-1][2] == 0
        assert sum(new == 0 for _, _, new in day.changes) == 1, "stopped once"
        for (at, old, new), (then, _, newer) in zip(day.changes, day.changes[1:], strict=False):
            if newer:
                assert then - at >= SETTLING_LOOKS
            if new > old and 0 < newer < new:
                assert then - at >= CALM_LOOKS, "what was added stays for a while"
        ups = sum(new > old > 0 for _, old, new in day.changes)
        # Load of a sink and a half all day: one is taken away after 10, 20, 40, 80 calm minutes.
        assert ups <= 5, f"{day.day}: {day.changes}"


def test_calm_days_have_one_sink(year: dict[str, list[Day]]) -> None:
    for day in year["calm"]:
        assert (set(day.sinks), len(day.changes), day.restarts) == ({0, 1}, 2, [])


@pytest.mark.parametrize("kind", ["burst", "growing"])
def test_more_sinks_where_one_is_too_few(year: dict[str, list[Day]], kind: str) -> None:
    for day in year[kind]:
        half_day = len(day.sinks) < 700
        assert max(day.sinks) >= (2 if half_day else 3), day.day
        assert (day.restarts, day.alarms) == ([], [])
    if kind == "burst":
        assert all(1 in day.sinks[200:] for day in year[kind] if len(day.sinks) > 700)


def test_a_stuck_sink_is_restarted_once(year: dict[str, list[Day]]) -> None:
    for day in year["stuck"]:
        assert len(day.restarts) == 1
        assert 100 <= day.restarts[0] <= 100 + STUCK_LOOKS + 1
        assert (day.alarms, day.loud) == ([], 0)


@pytest.mark.parametrize(("kind", "until"), [("dead", 320), ("poison", 400)])
def test_gives_up_loudly_where_restarts_do_not_help(
    year: dict[str, list[Day]], kind: str, until: int
) -> None:
    for day in year[kind]:
        assert (len(day.restarts), len(day.alarms), day.recovered) == (MOST_RESTARTS, 1, 1)
        assert day.restarts[-1] < day.alarms[0] < until
        # Every look from the alarm to the repair fails, and none after it.
        assert abs(day.loud - (until - day.alarms[0] - 1)) <= 1
