"""What is missing: from gap records, and from the accumulated volume in a real ClickHouse."""

import json
from datetime import date, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polygon_stream import schema
from polygon_stream.backfill_plan import (
    NEW_YORK,
    GapRecord,
    Window,
    by_symbol,
    chunks,
    day_window,
    gap_windows,
    read_gaps,
    volume_breaks,
)
from polygon_stream.gaps import GapLog
from polygon_stream.publisher import Publisher, producer_config
from polygon_stream.settings import KafkaSettings
from streaming_helpers import bar

SESSION = date(2026, 11, 20)
OPEN = int(datetime(2026, 11, 20, 9, 30, tzinfo=NEW_YORK).timestamp())


def at(hour: int, minute: int = 0, day: int = 20) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=NEW_YORK)


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@pytest.mark.parametrize(
    ("record", "window"),
    [
        (GapRecord(last_event_at=at(10), event_at=at(10, 5)), (ms(at(10)) - 5_000, ms(at(10, 5)))),
        (GapRecord(last_event_at=at(10)), (ms(at(10)) - 5_000, ms(at(20)))),
        (GapRecord(event_at=at(9, 40)), (ms(at(4)), ms(at(9, 40)))),
        (GapRecord(last_event_at=at(19, day=19), event_at=at(9, 40)), (ms(at(4)), ms(at(9, 40)))),
        (GapRecord(disconnected_at=at(11)), (ms(at(11)) - 5_000, ms(at(20)))),
        (GapRecord(last_event_at=at(10, day=19), event_at=at(11, day=19)), None),
        (GapRecord(last_event_at=at(10, day=19)), None),
        (GapRecord(event_at=at(10, day=21)), None),
        (GapRecord(), None),
    ],
)
def test_a_gap_is_a_window_of_its_session(record, window):
    found = gap_windows([record], SESSION)
    assert found == ([] if window is None else [Window(*window)])


def test_the_hours_of_a_session_follow_daylight_saving_time():
    assert day_window(date(2026, 3, 6)).start % 86_400_000 == 9 * 3_600_000
    assert day_window(date(2026, 3, 9)).start % 86_400_000 == 8 * 3_600_000


def test_gap_records_come_back_as_they_were_written(kafka):
    address = KafkaSettings(bootstrap_servers=kafka.address)
    kafka.write(kafka.topics.gaps, [("", b"not a record")])
    publisher = Publisher(producer_config(address, 1), 10)
    gaps = GapLog(kafka.topics, publisher)
    for number in range(3):
        gaps.open(OPEN + number, "closed", OPEN + number + 0.5)
        gaps.close(OPEN + number + 2)
        assert gaps.confirm(OPEN + number + 7)
    assert publisher.drain(10) == 0
    found = read_gaps(address, kafka.topics.gaps)
    assert sorted(record.last_event_at.timestamp() - OPEN for record in found) == [0.5, 1.5, 2.5]
    assert sorted(record.event_at.timestamp() - OPEN for record in found) == [7, 8, 9]


seconds = st.integers(0, 400)
windows = st.builds(
    lambda start, length, symbol: Window(start * 1000, (start + length) * 1000, symbol),
    seconds,
    st.integers(1, 90),
    st.sampled_from([None, "A", "B", "C"]),
)


def covered(found: list[Window]) -> set[tuple[str, int]]:
    return {(w.symbol, second) for w in found for second in range(w.start, w.end, 1000)}


@settings(max_examples=200, deadline=None)
@given(st.lists(windows, max_size=8), st.integers(1, 500), st.integers(1, 500_000))
def test_pieces_cover_what_is_missing_once_and_in_order(found, settled, chunk_bars):
    settled *= 1000
    plan = by_symbol(found, ["A", "B"], settled)
    wanted = {
        (symbol, second)
        for window in found
        for symbol in (["A", "B"] if window.symbol is None else [window.symbol])
        for second in range(window.start, min(window.end, settled), 1000)
    }
    assert covered([one for mine in plan.values() for one in mine]) == wanted
    pieces = list(chunks(plan, chunk_bars))
    everything = [one for piece in pieces for one in piece]
    assert covered(everything) >= wanted
    assert sum((one.end - one.start) // 1000 for one in everything) == len(covered(everything))
    for piece in pieces:
        assert len({one.symbol for one in piece}) == len(piece)
    for before, after in pairwise(pieces):
        assert max(one.end for one in before) <= min(one.start for one in after)


def store(platform, events: list[dict]) -> None:
    """Rows as the sink writes them; the number of an event is its offset."""
    client = platform.client()
    schema.apply(client, schema.TICKS, {"database": platform.name})
    names = ["sym", "v", "av", "op", "vw", "o", "c", "h", "l", "a", "z", "s"]
    lines = [
        json.dumps({name: event[name] for name in names if name in event}
                   | {"kafka_partition": 0, "kafka_offset": number, "received_ms": 0})
        for number, event in enumerate(events)
    ]  # fmt: skip
    client.raw_insert(
        f"{platform.name}.bars_1s",
        column_names=[*names, "kafka_partition", "kafka_offset", "received_ms"],
        insert_block="\n".join(lines),
        fmt="JSONEachRow",
    )


def day(symbol: str, volumes: list[float], opening: float = 5_000) -> list[dict]:
    """A bar every second; each carries the volume of the day so far."""
    found, total = [], opening
    for number, volume in enumerate(volumes):
        total = round(total + volume, 6)
        event = bar(symbol, number, start=OPEN * 1000, volume=volume)
        found.append(event | {"av": total})
    return found


def test_a_broken_volume_is_a_hole_of_that_symbol_until_it_is_filled(platform):
    whole = day("WHOLE", [100] * 50)
    fractions = day("FRACTION", [0.000001, 0.1, 0.2, 1234567.123456] * 10, opening=0.3)
    holed = day("HOLED", [100 + number for number in range(50)])
    tiny = day("TINY", [0.25] * 10, opening=1e6)
    missing = [*holed[10:20], holed[30]]
    kept = [event for event in holed if event not in missing]
    store(platform, [*whole, *fractions, *kept, *tiny[:4], *tiny[5:]])
    client = platform.client()

    def starts(found: list[Window]) -> list[tuple[str, int, int]]:
        return [(w.symbol, w.start // 1000 - OPEN, w.end // 1000 - OPEN) for w in found]

    found = volume_breaks(client, platform.name, SESSION)
    assert starts(found) == [("TINY", 3, 6), ("HOLED", 9, 21), ("HOLED", 29, 32)]
    assert volume_breaks(client, platform.name, date(2026, 11, 19)) == []
    # As REST has them: without the volume of the day.
    rest = [{k: v for k, v in event.items() if k not in ("av", "op", "a")} for event in missing]
    store(platform, rest)
    assert starts(volume_breaks(client, platform.name, SESSION)) == [("TINY", 3, 6)]


def test_a_late_replacement_that_never_came_is_a_hole_at_its_bar(platform):
    events = day("LATE", [100] * 30)
    first = events[12] | {"v": 40, "av": events[12]["av"] - 60}
    store(platform, [*events[:12], first, *events[13:]])
    (hole,) = volume_breaks(platform.client(), platform.name, SESSION)
    assert (hole.start // 1000 - OPEN, hole.end // 1000 - OPEN) == (12, 14)
    store(platform, [first] * 40 + [events[12]])  # the replacement has the higher offset
    assert volume_breaks(platform.client(), platform.name, SESSION) == []
