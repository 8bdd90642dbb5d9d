"""The feed on a wall clock, and what the hub hands to whom."""

import asyncio
import json
import time
from datetime import UTC, datetime

from polygon_assets.sandbox.polygon import universe
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.feed import Feed
from polygon_assets.sandbox.polygon.hub import ALL, EVENTS_PER_FRAME, Hub, Subscriber
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sandbox.polygon.tape import Moment


def clock_at(moment: datetime) -> Clock:
    """A wall clock that shows this moment and runs on."""
    ahead = moment.timestamp() - time.time()
    return Clock(lambda: time.time() + ahead)


async def test_todays_session_is_live_with_the_synthetic_symbols() -> None:
    during_a_session = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    hub, clock = Hub(), clock_at(during_a_session)
    feed = Feed(Market(universe.choose("30")), clock, hub)
    feed.start()
    subscriber = Subscriber(buffer_bytes=1_000_000)
    subscriber.subscribe("A", ALL)
    hub.join(subscriber)
    hub.topics_changed()
    frames = [json.loads(await asyncio.wait_for(subscriber.next_frame(), 10)) for _ in range(2)]
    await feed.stop()
    first = min(event["s"] for event in frames[0])
    assert first >= during_a_session.timestamp() * 1000 - 1000
    assert frames[1][0]["e"] - frames[0][0]["e"] == 1000
    assert abs(frames[1][0]["e"] - clock.now_ms()) < 500
    assert all(event["sym"].startswith("ZZ") for frame in frames for event in frame)


async def test_nothing_is_prepared_outside_sessions_or_without_a_listener() -> None:
    for moment in (datetime(2026, 11, 22, 15, tzinfo=UTC), datetime(2026, 11, 20, 15, tzinfo=UTC)):
        market = Market(["ZZAA"])
        feed = Feed(market, clock_at(moment), Hub())
        feed.start()
        await asyncio.sleep(0.05)
        assert market.history.cache_info().currsize == 0
        await feed.stop()


async def test_the_hub_splits_filters_and_bounds() -> None:
    symbols = [f"S{number}" for number in range(450)]
    moment = Moment(1, "A", symbols, [json.dumps({"sym": symbol}).encode() for symbol in symbols])
    hub = Hub()
    everything, few, other, slow = (Subscriber(limit) for limit in (10_000, 10_000, 10_000, 100))
    everything.subscribe("A", ALL)
    everything.subscribe("A", "S1")
    everything.unsubscribe("A", "S1")
    few.subscribe("A", "S7")
    few.subscribe("A", "S300")
    other.subscribe("AM", ALL)
    slow.subscribe("A", ALL)
    for subscriber in (everything, few, other, slow):
        hub.join(subscriber)
    hub.publish(moment)
    sizes = [len(json.loads(await everything.next_frame() or "[]")) for _ in range(3)]
    assert sizes == [EVENTS_PER_FRAME, EVENTS_PER_FRAME, 50]
    assert json.loads(await few.next_frame() or "") == [{"sym": "S7"}, {"sym": "S300"}]
    assert slow.too_slow
    assert await slow.next_frame() is None
    assert (hub.wants("AM"), hub.wants("A")) == (True, True)
    hub.leave(other)
    assert not hub.wants("AM")
