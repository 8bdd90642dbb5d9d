"""The sink, killed after each of its steps: nothing is lost, nothing doubled."""

import random
import time

import pytest
from streaming_helpers import (
    bar,
    stop_program,
    wait_until,
)
from streaming_platform import Platform, arrivals, watch_arrivals


def start_crashing(platform: Platform, **environment: str):
    return platform.start_sink(
        ("tests/streaming/crashing_sink.py",), KAFKA_GROUP_INSTANCE_ID="one", **environment
    )


@pytest.mark.parametrize("step", ["plan", "insert", "report", "settle"])
def test_a_crash_after_any_step_loses_and_doubles_nothing(platform, step):
    watch_arrivals(platform)
    platform.write([bar(f"S{n % 40}", n) for n in range(400)])
    crashed = start_crashing(platform, TEST_CRASH_AT=step)
    assert crashed.wait(60) == 9, platform.log.read_text()
    platform.write([bar(f"S{n % 40}", n) for n in range(400, 800)])
    sink = platform.start_sink(KAFKA_GROUP_INSTANCE_ID="one")
    wait_until(lambda: arrivals(platform)[1] == 800)
    assert stop_program(sink) == 0
    assert arrivals(platform) == (800, 800)


def test_without_tokens_the_same_crash_doubles(platform):
    """The negative control: the test above is able to see duplicates."""
    watch_arrivals(platform)
    platform.write([bar("AAPL", n) for n in range(100)])
    crashed = start_crashing(platform, TEST_CRASH_AT="insert", TEST_NO_TOKEN="1")
    assert crashed.wait(60) == 9, platform.log.read_text()
    sink = start_crashing(platform, TEST_NO_TOKEN="1")
    wait_until(lambda: arrivals(platform)[0] > 100)
    assert stop_program(sink) == 0
    assert arrivals(platform) == (200, 100)


@pytest.mark.slow
def test_random_crashes_lose_and_double_nothing(platform):
    """Every sink finds messages in all four partitions, so it takes at least seven steps."""
    watch_arrivals(platform)
    chance = random.Random(1)
    total = 0
    for _ in range(12):
        platform.write([bar(f"S{chance.randrange(40)}", total + n) for n in range(300)])
        total += 300
        crashed = start_crashing(
            platform,
            TEST_CRASH_STEP=str(chance.randint(1, 7)),
            SINK_FLUSH_ROWS="100",
            SINK_FLUSH_MS="20",
        )
        assert crashed.wait(60) == 9, platform.log.read_text()
    sink = platform.start_sink(KAFKA_GROUP_INSTANCE_ID="one")
    wait_until(lambda: arrivals(platform)[1] == total)
    time.sleep(2)  # all rows may be there already, and the plan of the last crash still open
    assert stop_program(sink) == 0
    assert arrivals(platform) == (total, total)
