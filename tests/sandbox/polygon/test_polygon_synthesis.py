"""Second bars agree with the official daily bar, and the tape sends every one of them."""

from collections import defaultdict
from datetime import date

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polygon_assets import sessions
from polygon_assets.sandbox.polygon import universe
from polygon_assets.sandbox.polygon.bars import aggregate
from polygon_assets.sandbox.polygon.feed import prepare
from polygon_assets.sandbox.polygon.market import DailyBar, Market
from polygon_assets.sandbox.polygon.synthesis import SessionBars, second_bars

TICKERS = universe.all_tickers()[:60]
MARKET = Market(TICKERS)
HALF_DAY = date(2012, 11, 23)
a_daily_bar = (
    st.tuples(st.sampled_from(TICKERS), st.sampled_from(sessions.all_sessions()))
    .map(lambda pair: MARKET.daily_bar(*pair))
    .filter(lambda bar: bar is not None)
)


def synthesize(daily: DailyBar) -> tuple[SessionBars, int, int]:
    session = sessions.session(daily.day)
    open_ms = int(session.open_at.timestamp() * 1000)
    seconds = int((session.close_at - session.open_at).total_seconds())
    return second_bars(daily, open_ms, seconds, MARKET.seed), open_ms, seconds


@settings(max_examples=80, deadline=None)
@given(a_daily_bar)
def test_seconds_agree_with_the_official_bar(daily: DailyBar) -> None:
    session, open_ms, seconds = synthesize(daily)
    bars = session.bars
    assert (bars.high.max(), bars.low.min()) == (daily.high, daily.low)
    assert bars.volume.sum() <= daily.volume
    assert bars.trades.sum() <= daily.trades
    assert 0.6 * daily.volume < bars.volume.sum()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert ((bars.low <= bars.vwap) & (bars.vwap <= bars.high)).all()
    assert (bars.volume > 0).all()
    assert (bars.start >= open_ms).all()
    assert (bars.start < open_ms + seconds * 1000).all()
    assert (np.diff(bars.start) >= 1000).all()
    assert session.official_open == daily.open


@settings(max_examples=40, deadline=None)
@given(a_daily_bar)
def test_accumulated_volume_is_cumulative(daily: DailyBar) -> None:
    session, _, _ = synthesize(daily)
    steps = np.diff(session.accumulated)
    assert np.allclose(steps, session.bars.volume[1:], rtol=0, atol=2e-6)
    assert session.accumulated[0] >= session.bars.volume[0]
    assert session.accumulated[-1] <= daily.volume
    low, high = min(daily.low, daily.open), max(daily.high, daily.open)
    assert ((low <= session.day_vwap) & (session.day_vwap <= high)).all()


@settings(max_examples=40, deadline=None)
@given(a_daily_bar)
def test_incomplete_bars_are_parts_of_the_final_ones(daily: DailyBar) -> None:
    session, _, _ = synthesize(daily)
    final, first = session.bars.take(session.revised), session.incomplete
    assert (first.volume < final.volume).all()
    assert (first.volume > 0).all()
    assert (first.high <= final.high).all()
    assert (first.low >= final.low).all()
    assert (first.open == final.open).all()
    assert ((first.low <= first.vwap) & (first.vwap <= first.high)).all()


def test_real_symbols_trade_four_fifths_of_their_volume_in_bars() -> None:
    days = sessions.sessions_ending(date(2010, 5, 6), 40)
    shares = []
    for day in days:
        daily = MARKET.daily_bar("AAPL", day)
        assert daily is not None
        shares.append(synthesize(daily)[0].bars.volume.sum() / daily.volume)
    assert 0.78 < np.mean(shares) < 0.84


def test_the_same_seed_gives_the_same_bytes() -> None:
    day = date(2005, 2, 28)
    alone, among_others = Market(["ZZAG"]), Market(["AAPL", "ZZAG", "ZZAF"])

    def events(market: Market) -> list[bytes]:
        moments = prepare(market, day).moments(-1, lambda channel: channel == "AM")
        return [e for m in moments for s, e in zip(m.symbols, m.events, strict=True) if s == "ZZAG"]

    assert events(alone) == events(among_others)


@pytest.mark.parametrize("day", [date(2005, 2, 28), HALF_DAY])
def test_minute_bars_are_made_of_second_bars(day: date) -> None:
    daily = MARKET.daily_bar("AAPL", day)
    assert daily is not None
    bars = synthesize(daily)[0].bars
    minutes = aggregate(bars, bars.start // 60_000 * 60_000)
    assert len(minutes) == (210 if day == HALF_DAY else 390)
    for row, start in enumerate(minutes.start):
        inside = bars.take((bars.start >= start) & (bars.start < start + 60_000))
        assert minutes.open[row] == inside.open[0]
        assert minutes.close[row] == inside.close[-1]
        assert minutes.high[row] == inside.high.max()
        assert minutes.low[row] == inside.low.min()
        assert minutes.volume[row] == inside.volume.sum()
        assert minutes.trades[row] == inside.trades.sum()
        notional = (inside.volume * inside.vwap.astype(np.int64)).sum()
        assert abs(minutes.vwap[row] - notional / inside.volume.sum()) <= 0.5


@pytest.mark.parametrize("day", [date(2005, 2, 28), HALF_DAY])
def test_the_tape_sends_bars_when_they_are_over_and_again_when_revised(day: date) -> None:
    market = Market(["AAPL", "ZZAG", "ZZAF"])
    tape = prepare(market, day)
    versions: defaultdict[tuple[str, str, int], list[dict]] = defaultdict(list)
    previous, sent = 0, 0
    for moment in tape.moments(-1, lambda channel: channel == "AM"):
        assert previous <= moment.at <= tape.end
        previous = moment.at
        sent += len(moment.events) if moment.channel == "A" else 0
        for symbol, text in zip(moment.symbols, moment.events, strict=True):
            event = msgspec.json.decode(text)
            key = (moment.channel, symbol, event["s"])
            late = 900_000 if versions[key] else 0
            assert event["e"] + late == tape.open_ms + moment.at * 1000
            assert (event["ev"], event["sym"]) == (moment.channel, symbol)
            versions[key].append(event)
    assert sent == tape.events
    revised = [v for v in versions.values() if len(v) > 1]
    assert len(revised) > 10
    assert all(len(v) == 2 and v[0]["v"] < v[1]["v"] for v in revised)
    for ticker in ("AAPL", "ZZAG", "ZZAF"):
        daily = market.daily_bar(ticker, day)
        assert daily is not None
        bars = synthesize(daily)[0].bars
        final = [
            v[-1] for (channel, name, _), v in versions.items() if (channel, name) == ("A", ticker)
        ]
        final.sort(key=lambda event: event["s"])
        assert [event["s"] for event in final] == bars.start.tolist()
        assert [event["v"] for event in final] == bars.volume.tolist()
        assert [round(event["vw"] * 10_000) for event in final] == bars.vwap.tolist()
        minutes = aggregate(bars, bars.start // 60_000 * 60_000)
        last = {
            s: v[-1]
            for (channel, name, s), v in versions.items()
            if (channel, name) == ("AM", ticker)
        }
        assert [last[s]["v"] for s in minutes.start.tolist()] == minutes.volume.tolist()
        assert [
            round(last[s]["h"] * 10_000) for s in minutes.start.tolist()
        ] == minutes.high.tolist()
