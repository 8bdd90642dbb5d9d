"""Trades, quotes and price bands of the WebSocket: what REST has, and agreeing with the bars."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from itertools import pairwise

import msgspec
import pytest
from polygon.rest.models import Quote, Trade
from polygon_vendor import Vendor
from test_polygon_stream import say, statuses, stocks

from polygon_assets.sandbox.polygon.feed import prepare
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sandbox.polygon.tape import Moment

pytestmark = pytest.mark.xdist_group("polygon_tick_stream")
DAY = date(2005, 2, 28)
SYMBOLS = ["AAPL", "ZZAF", "ZZAG", "ZZAL", "ZZAI", "ZZAM", "ZZAS", "ZZBC"]
MARKET = Market(SYMBOLS)


def sent(*topics: str) -> list[Moment]:
    """The moments of a session when somebody is subscribed to these topics."""

    def wants(topic: str) -> bool:
        return topic in topics or topic in {name.partition(".")[0] for name in topics}

    return list(prepare(MARKET, DAY).moments(-1, wants))


def events(moments: list[Moment], channel: str, key: str = "sym") -> dict[str, list[dict]]:
    found: defaultdict[str, list[dict]] = defaultdict(list)
    for moment in moments:
        if moment.channel == channel:
            for symbol, text in zip(moment.symbols, moment.events, strict=True):
                event = msgspec.json.decode(text)
                assert list(event)[:2] == ["ev", key]
                assert event[key] == symbol
                found[symbol].append(event)
    return found


@pytest.fixture(scope="module")
def everything() -> list[Moment]:
    names = [f"{channel}.{symbol}" for channel in ("T", "Q", "LULD") for symbol in SYMBOLS]
    return sent(*names)


def test_nothing_is_made_that_nobody_wants(everything: list[Moment]) -> None:
    assert {moment.channel for moment in sent()} == {"A"}
    one = sent("T.ZZAF")
    assert {moment.channel for moment in one} == {"A", "T"}
    assert events(one, "T") == {"ZZAF": events(everything, "T")["ZZAF"]}
    assert [moment.at for moment in everything] == sorted(moment.at for moment in everything)


@pytest.mark.parametrize("symbol", ["AAPL", "ZZAF", "ZZAG"])
def test_trades_make_the_bars_that_are_sent_with_them(
    everything: list[Moment], symbol: str
) -> None:
    inside: defaultdict[int, list[dict]] = defaultdict(list)
    for trade in events(everything, "T")[symbol]:
        inside[trade["t"] // 1000 * 1000].append(trade)
    final = {bar["s"]: bar for bar in events(everything, "A")[symbol]}
    assert list(inside) == sorted(final)
    for start, bar in final.items():
        found = inside[start]
        assert sum(Fraction(str(trade["s"])) for trade in found) == Fraction(str(bar["v"]))
        assert (found[0]["p"], found[-1]["p"]) == (bar["o"], bar["c"])
        assert all(bar["l"] <= trade["p"] <= bar["h"] for trade in found)


def test_ticks_of_a_second_come_before_its_bar(everything: list[Moment]) -> None:
    order: defaultdict[int, list[str]] = defaultdict(list)
    for moment in everything:
        if "AAPL" in moment.symbols:
            order[moment.at].append(moment.channel)
    usual = Counter(tuple(channels) for channels in order.values()).most_common(1)[0][0]
    assert usual == ("Q", "T", "A")


def test_bands_open_the_session_follow_the_price_and_halts_are_rare_and_end(
    everything: list[Moment],
) -> None:
    bands, bars = events(everything, "LULD", "T"), events(everything, "A")
    assert sorted(bands) == sorted(SYMBOLS)
    halted = 0
    for symbol, found in bands.items():
        first = found[0]
        assert (first["i"], first["t"]) == ([], 1_109_601_000_000_000)
        assert first["l"] < bars[symbol][0]["op"] < first["h"]
        assert [event["q"] for event in found] == list(range(1, len(found) + 1))
        assert all(before["t"] <= after["t"] for before, after in pairwise(found))
        limits = [event for event in found if event["i"]]
        assert [event["i"] for event in limits] in ([], [[17], [18]])
        if limits:
            halted += 1
            halt, resume = (event["t"] // 1000 for event in limits)
            assert resume - halt == 300_000
            assert not [bar for bar in bars[symbol] if halt <= bar["s"] < resume]
    assert 0 < halted < len(SYMBOLS)
    assert bands == events(sent(*(f"LULD.{symbol}" for symbol in SYMBOLS)), "LULD", "T")


def test_the_stream_has_what_rest_has(vendor: Vendor, everything: list[Moment]) -> None:
    asked = {"timestamp": str(DAY), "order": "asc", "limit": 50_000}
    trades: list[Trade] = list(vendor.rest.list_trades("ZZAF", **asked))
    assert [
        (t.exchange, t.id, t.price, t.size, t.sip_timestamp // 1_000_000, t.sequence_number, t.tape,
         t.conditions, t.trf_id)
        for t in trades
    ] == [
        (t["x"], t["i"], t["p"], t["s"], t["t"], t["q"], t["z"], t.get("c"), t.get("trfi"))
        for t in events(everything, "T")["ZZAF"]
    ]  # fmt: skip
    quotes: list[Quote] = list(vendor.rest.list_quotes("ZZAF", **asked))
    assert [
        (q.bid_exchange, q.bid_price, q.bid_size, q.ask_exchange, q.ask_price, q.ask_size,
         q.sip_timestamp // 1_000_000, q.sequence_number, q.tape)
        for q in quotes
    ] == [
        (q["bx"], q["bp"], q["bs"], q["ax"], q["ap"], q["as"], q["t"], q["q"], q["z"])
        for q in events(everything, "Q")["ZZAF"]
    ]  # fmt: skip


async def test_a_channel_outside_the_plan_is_refused(start_vendor: Callable[..., Vendor]) -> None:
    vendor = start_vendor("--channels", "A,AM,T", symbols="ZZAF")
    async with stocks(vendor) as client:
        await statuses(client)
        await say(client, "auth", "sandbox")
        answers = await say(client, "subscribe", "T.ZZAF,Q.ZZAF,LULD.*")
    assert answers == [
        ("success", "subscribed to: T.ZZAF"),
        ("error", "not authorized to subscribe to: Q.ZZAF"),
        ("error", "not authorized to subscribe to: LULD.*"),
    ]
