"""Corporate actions: solved from the source's adjusted closes, and enough to rebuild them."""

from datetime import date
from itertools import pairwise

import pytest

from polygon_assets.sandbox.polygon import universe
from polygon_assets.sandbox.polygon.actions import Actions, identifier
from polygon_assets.sandbox.polygon.history import source_rows
from polygon_assets.sandbox.polygon.market import Market

REAL = ["AAPL", "GOOG", "IBM", "MSFT", "FB"]
ACTIONS = Actions(Market(REAL))
LAST_FACTORS = {"AAPL": 0.130409, "GOOG": 0.501548, "IBM": 0.863788, "MSFT": 0.883161, "FB": 1.0}
"""What later corporate actions, outside the data, do to every close of the source."""


def derived(ticker: str) -> tuple[dict[str, int], dict[str, float]]:
    """Splits and dividends: the source's factor grows by ratio * (close + cash) / close."""
    splits: dict[str, int] = {}
    dividends: dict[str, float] = {}
    for before, row in pairwise(source_rows()[ticker]):
        close, adjusted = float(row["Close"]), float(row["Adj Close"])
        growth = adjusted / close / (float(before["Adj Close"]) / float(before["Close"]))
        ratio = round(growth) if growth > 1.5 else 1
        if ratio > 1:
            splits[row["Date"]] = ratio
        cash = (growth / ratio - 1) * close
        if abs(cash) > 1e-6:
            assert cash == pytest.approx(round(cash, 2), abs=1e-9)
            dividends[row["Date"]] = round(cash, 2)
    return splits, dividends


@pytest.mark.parametrize("ticker", REAL)
def test_actions_are_those_that_the_source_implies(ticker: str) -> None:
    splits, dividends = derived(ticker)
    mine = ACTIONS.splits[ticker]
    assert {s.execution_date.isoformat(): s.split_to // s.split_from for s in mine} == splits
    assert {d.ex_date.isoformat(): d.cash for d in ACTIONS.dividends(ticker)} == dividends


def test_counts_and_sums() -> None:
    assert sum(map(len, ACTIONS.splits.values())) == 3
    assert sum(len(ACTIONS.dividends(ticker)) for ticker in REAL) == 92
    cash = {ticker: round(sum(d.cash for d in ACTIONS.dividends(ticker)), 2) for ticker in REAL}
    assert cash == {"AAPL": 7.95, "GOOG": 0, "IBM": 19.84, "MSFT": 7.77, "FB": 0}
    assert [d.ex_date for d in ACTIONS.dividends("MSFT") if d.is_special] == [date(2004, 11, 15)]


@pytest.mark.parametrize("ticker", REAL)
def test_actions_rebuild_the_adjusted_closes_of_the_source(ticker: str) -> None:
    rows = source_rows()[ticker]
    ratio = {
        s.execution_date.isoformat(): s.split_to / s.split_from for s in ACTIONS.splits[ticker]
    }
    cash = {d.ex_date.isoformat(): d.cash for d in ACTIONS.dividends(ticker)}
    last = float(rows[-1]["Adj Close"]) / float(rows[-1]["Close"])
    assert last == pytest.approx(LAST_FACTORS[ticker], rel=1e-5)
    factor = last
    for row in reversed(rows):
        close = float(row["Close"])
        assert close * factor == pytest.approx(float(row["Adj Close"]), rel=1e-12)
        factor /= ratio.get(row["Date"], 1) * (close + cash.get(row["Date"], 0)) / close


def test_split_factor_applies_strictly_before_the_execution_date() -> None:
    today = date(2026, 11, 20)
    assert ACTIONS.split_factor("AAPL", date(2005, 2, 25), today) == 0.5
    assert ACTIONS.split_factor("AAPL", date(2005, 2, 28), today) == 1
    assert ACTIONS.split_factor("AAPL", date(2000, 6, 20), today) == 0.25
    assert ACTIONS.split_factor("AAPL", date(2005, 2, 25), today=date(2005, 2, 25)) == 1


def test_dividend_factor_uses_the_close_before() -> None:
    special = next(d for d in ACTIONS.dividends("MSFT") if d.is_special)
    factor = ACTIONS.dividend_factor("MSFT", special.ex_date, today=special.ex_date)
    assert factor == pytest.approx(0.89723, abs=1e-5)


def test_synthetic_actions_fall_on_sessions_of_their_symbol() -> None:
    market = Market(universe.choose("60"))
    actions = Actions(market)
    assert sum(len(actions.dividends(ticker)) for ticker in market.symbols) > 1000
    assert any(s.split_from > s.split_to for splits in actions.splits.values() for s in splits)
    for ticker in market.symbols[5:]:
        for split in actions.splits[ticker]:
            assert market.daily_bar(ticker, split.execution_date) is not None
        for dividend in actions.dividends(ticker):
            assert market.daily_bar(ticker, dividend.ex_date) is not None
            assert dividend.cash > 0
            day = dividend.ex_date
            assert ticker in actions.ex_dates[day]
            assert 0.9 < actions.dividend_factor(ticker, day, today=day) < 1


def test_identifiers_are_stable_and_different() -> None:
    assert identifier("split", "AAPL", date(2005, 2, 28)) == identifier(
        "split", "AAPL", "2005-02-28"
    )
    assert identifier("split", "AAPL", 1) != identifier("dividend", "AAPL", 1)
