"""Official daily bars: real ones as in the source, synthetic ones consistent and reproducible."""

import hashlib
import time
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polygon_assets import sessions
from polygon_assets.sandbox.polygon import universe
from polygon_assets.sandbox.polygon.bars import PRICE_SCALE
from polygon_assets.sandbox.polygon.history import DATA, source_rows
from polygon_assets.sandbox.polygon.market import Market

SYNTHETIC = universe.all_tickers()[5:]
DAYS = sessions.all_sessions()


def test_the_data_file_is_the_one_in_the_attribution() -> None:
    digest = hashlib.sha256((DATA / "stocks.csv.gz").read_bytes()).hexdigest()
    assert digest in (DATA / "ATTRIBUTION.md").read_text()


@pytest.mark.parametrize("ticker", ["AAPL", "GOOG", "IBM", "MSFT", "FB"])
def test_real_bars_are_those_of_the_source(ticker: str) -> None:
    market = Market([ticker])
    rows = source_rows()[ticker]
    bars = market.daily_bars(ticker, date.min, date.max)
    assert len(bars) == len(rows)
    for bar, row in zip(bars, rows, strict=True):
        prices = [price / PRICE_SCALE for price in (bar.open, bar.high, bar.low, bar.close)]
        assert prices == [float(row[name]) for name in ("Open", "High", "Low", "Close")]
        assert (bar.day.isoformat(), bar.volume) == (row["Date"], int(row["Volume"]))


def test_real_symbols_begin_and_end_with_their_data() -> None:
    market = Market(universe.choose("5"))
    assert market.daily_bar("FB", date(2012, 5, 17)) is None
    assert market.daily_bar("FB", date(2012, 5, 18)) is not None
    assert market.daily_bar("GOOG", date(2004, 8, 18)) is None
    assert market.daily_bar("AAPL", date(2013, 3, 1)) is not None
    assert market.session_bars(date(2013, 3, 4)) == []


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SYNTHETIC))
def test_synthetic_history_is_plausible(ticker: str) -> None:
    market = Market([ticker])
    (security, *_) = market.listings[ticker]
    history = market.history(security)
    assert (history.low <= np.minimum(history.open, history.close)).all()
    assert (history.high >= np.maximum(history.open, history.close)).all()
    assert ((history.low <= history.vwap) & (history.vwap <= history.high)).all()
    assert (history.low > 0).all()
    assert (history.volume > 0).all()
    assert (history.trades >= 3).all()
    last = security.delisting_date or date.max
    assert history.day.tolist() == [d.toordinal() for d in DAYS if security.list_date <= d < last]
    assert "(simulated)" in security.name


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(SYNTHETIC), st.sampled_from(DAYS))
def test_a_bar_depends_on_its_symbol_alone(ticker: str, day: date) -> None:
    alone, among_others = Market([ticker]), Market(["AAPL", "ZZAA", ticker])
    among_others.daily_bar("ZZAA", day)
    assert alone.daily_bar(ticker, day) == among_others.daily_bar(ticker, day)


def test_another_seed_is_another_universe() -> None:
    bars = [Market(["ZZAA"], seed).daily_bar("ZZAA", DAYS[0]) for seed in (1, 2)]
    assert bars[0] != bars[1]


def test_a_split_moves_the_price_and_not_the_value() -> None:
    market = Market(["ZZAB", "ZZAC"])
    for ticker, day, shares in (("ZZAB", date(2005, 2, 24), 2), ("ZZAC", date(2005, 3, 2), 0.1)):
        before, after = market.daily_bars(ticker, sessions.sessions_ending(day, 2)[0], day)
        assert before.close / after.open == pytest.approx(shares, rel=0.1)


def test_listing_and_delisting() -> None:
    market = Market(["ZZAD", "ZZAE"])
    assert market.daily_bar("ZZAD", date(2005, 2, 22)) is None
    assert market.daily_bar("ZZAD", date(2005, 2, 23)) is not None
    assert market.daily_bar("ZZAE", date(2005, 3, 1)) is not None
    assert market.daily_bar("ZZAE", date(2005, 3, 2)) is None


def test_ten_sessions_of_300_symbols_are_quick() -> None:
    market = Market(universe.choose("305"))
    started = time.process_time()
    bars = [market.session_bars(day) for day in sessions.sessions_ending(date(2005, 3, 7), 10)]
    assert time.process_time() - started < 3  # a third of a second on an idle machine
    assert all(len(day) > 250 for day in bars)


@pytest.mark.parametrize("wanted", ["0", "100000", "NOPE", "AAPL,ZZ", ","])
def test_symbols_that_do_not_exist_are_named(wanted: str) -> None:
    with pytest.raises(ValueError, match="--symbols"):
        universe.choose(wanted)


def test_symbols_by_number_and_by_name() -> None:
    assert universe.choose("7") == ["AAPL", "GOOG", "IBM", "MSFT", "FB", "ZZAA", "ZZAB"]
    assert universe.choose("MSFT, ZZBC,MSFT") == ["MSFT", "ZZBC"]
