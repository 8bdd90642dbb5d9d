"""The universe: who is in it, that it never changes, and that all of it is served at once."""

import hashlib
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta

import msgspec
import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polygon_vendor import Vendor

from polygon_assets import sessions
from polygon_assets.sandbox.polygon import universe
from polygon_assets.sandbox.polygon.history import History, history
from polygon_assets.sandbox.polygon.market import Market

GROUPED = "/v2/aggs/grouped/locale/us/market/stocks"
PINNED = "86916c8c46d7a482df35a4bda615a1bf05fca0b275dda97cf4c7ccad02d0a4d5"
"""Of every bar of the first 681 symbols, fractions of a share left out."""


def test_the_values_of_the_first_681_symbols_never_change() -> None:
    digest = hashlib.sha256()
    market = Market(universe.choose("681"))
    for security in market.securities:
        lifetime = f"{security.list_date}|{security.delisting_date}"
        digest.update(f"{security.ticker}|{lifetime}".encode())
        bars = history(security, market.seed)
        prices = (bars.open, bars.high, bars.low, bars.close, bars.vwap)
        for column in (bars.day, *prices, np.floor(bars.volume), bars.trades):
            digest.update(column.astype("<i8").tobytes())
    assert digest.hexdigest() == PINNED


def test_the_order_of_the_universe() -> None:
    names = universe.all_tickers()
    assert len(set(names)) == len(names) == 10_000
    assert names[:5] == ("AAPL", "GOOG", "IBM", "MSFT", "FB")
    assert (names[5], names[680]) == ("ZZAA", "ZZZZ")
    assert names[681:689] == ("NA", "TRUE", "NAN", "NULL", "KIMpL", "ZZ.B", "ZZAAA", "ZZAAB")
    assert universe.choose("687") == list(names[:687])
    assert universe.choose("10000") == list(names)
    with pytest.raises(ValueError, match="between 1 and 10000"):
        universe.choose("10001")


@pytest.mark.parametrize("ticker", universe.ODD)
def test_odd_tickers_are_listed_all_the_time(ticker: str) -> None:
    (security,) = universe.securities(ticker, 1)
    assert security.name.endswith(f"{ticker} (simulated)")
    assert security.delisting_date is None
    assert security.list_date == sessions.first_session()
    assert security.without_vwap == (ticker == "NULL")
    fractional = history(security, 1).volume.dtype.kind == "f"
    assert fractional or ticker not in {"NAN", "KIMpL"}


def test_unknown_tickers_have_no_security() -> None:
    for name in ("na", "KIMPL", "ZZ", "ZZAAAA", "ZZZZZ"):
        with pytest.raises(KeyError):
            universe.securities(name, 1)


def same(one: History, other: History) -> bool:
    return all(
        left.dtype == right.dtype and left.tobytes() == right.tobytes()
        for left, right in zip(vars(one).values(), vars(other).values(), strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(universe.all_tickers()),
    st.dates(date(2000, 1, 1), date(2030, 12, 31)),
    st.integers(0, 400),
)
def test_a_span_of_a_history_is_a_part_of_it(ticker: str, first: date, days: int) -> None:
    security, last = universe.securities(ticker, 1)[-1], first + timedelta(days)
    whole, part = history(security, 1), history(security, 1, first, last)
    inside = (whole.day >= first.toordinal()) & (whole.day <= last.toordinal())
    assert same(part, History(*(column[inside] for column in vars(whole).values())))


@pytest.mark.parametrize("day", [date(2001, 5, 1), date(2005, 2, 28), date(2024, 12, 31)])
def test_the_bars_of_a_day_are_those_of_the_histories(day: date) -> None:
    market = Market([*universe.choose("60"), *universe.ODD, "ZZAAA"])
    bars = [market.daily_bar(ticker, day) for ticker in sorted(market.symbols)]
    expected = [bar for bar in bars if bar is not None]
    found = market.session_bars(day)
    assert found == expected
    assert [type(bar.volume) for bar in found] == [type(bar.volume) for bar in expected]


def test_requests_at_the_same_time_compute_a_year_once(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    original = Market._year_table

    def counting(market: Market, year: int) -> object:
        computed.append(year)
        return original(market, year)

    monkeypatch.setattr(Market, "_year_table", counting)
    market = Market(universe.choose("200"))
    days = sessions.sessions_ending(date(2005, 2, 28), 8)
    threads = [threading.Thread(target=market.session_bars, args=(day,)) for day in days]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert computed == [2005]


def test_bars_without_vwap_have_neither_vw_nor_n(start_vendor: Callable[..., Vendor]) -> None:
    vendor = start_vendor(symbols="AAPL,NULL,NA")
    results = vendor.http.get(f"{GROUPED}/2005-02-28?adjusted=false").json()["results"]
    fields = {bar["T"]: set(bar) for bar in results}
    assert fields["AAPL"] == fields["NA"] == set("vochltTn") | {"vw"}
    assert fields["NULL"] == set("vochltT")


@pytest.mark.slow
def test_ten_thousand_symbols_are_served_day_by_day(start_vendor: Callable[..., Vendor]) -> None:
    started = time.monotonic()
    vendor = start_vendor(symbols="10000")
    assert vendor.http.get("/healthz").json()["symbols"] == 10_000
    assert time.monotonic() - started < 30  # half a second on an idle machine
    vendor.http.timeout = 200
    seconds: list[float] = []
    for day in sessions.sessions_ending(date(2005, 2, 28), 20):
        started = time.monotonic()
        answer = vendor.http.get(f"{GROUPED}/{day}?adjusted=false")
        seconds.append(time.monotonic() - started)
        bars = msgspec.json.decode(answer.content)["results"]
        assert len({bar["T"] for bar in bars}) == len(bars) > 8_900
        assert set(universe.ODD) < {bar["T"] for bar in bars}
    assert np.median(seconds) < 1  # 30 ms on an idle machine
    assert psutil.Process(vendor.process.pid).memory_info().rss < 1_000_000_000
