"""Trades and quotes against the second bars that they stand for."""

from collections import defaultdict
from fractions import Fraction
from itertools import pairwise

import pytest
from polygon.rest.models import Agg, Trade
from polygon_vendor import Vendor

pytestmark = pytest.mark.xdist_group("polygon_ticks")
DAY = "2005-02-28"
SECOND_NS = 1_000_000_000


def trades(vendor: Vendor, ticker: str, **params: object) -> list[Trade]:
    return list(vendor.rest.list_trades(ticker, order="asc", limit=50_000, **params))


def seconds(vendor: Vendor, ticker: str) -> list[Agg]:
    return list(vendor.rest.list_aggs(ticker, 1, "second", DAY, DAY, adjusted=False, limit=50_000))


@pytest.mark.parametrize("ticker", ["AAPL", "ZZAF", "ZZAG"])
def test_trades_make_the_second_bars(vendor: Vendor, ticker: str) -> None:
    inside: defaultdict[int, list[Trade]] = defaultdict(list)
    for trade in trades(vendor, ticker, timestamp=DAY):
        inside[trade.sip_timestamp // SECOND_NS * 1000].append(trade)
    bars = seconds(vendor, ticker)
    assert [bar.timestamp for bar in bars] == list(inside)
    for bar in bars:
        found = inside[bar.timestamp]
        prices = [trade.price for trade in found]
        exact = sum(Fraction(str(trade.size)) for trade in found)
        assert exact == Fraction(str(bar.volume))
        assert (prices[0], prices[-1]) == (bar.open, bar.close)
        assert bar.low <= min(prices)
        assert max(prices) <= bar.high
        if len(found) >= 4:
            assert (min(prices), max(prices)) == (bar.low, bar.high)
        assert len(found) <= bar.transactions
    assert sum(map(len, inside.values())) > 0.99 * sum(bar.transactions for bar in bars)


def test_the_tape_is_in_order(vendor: Vendor) -> None:
    found = trades(vendor, "AAPL", timestamp=DAY)
    for before, after in pairwise(found):
        assert before.sip_timestamp <= after.sip_timestamp
        assert before.sequence_number < after.sequence_number
    assert all(trade.participant_timestamp <= trade.sip_timestamp for trade in found)
    assert {trade.tape for trade in found} == {3}
    off_exchange = [trade for trade in found if trade.trf_id is not None]
    assert {trade.exchange for trade in off_exchange} == {4}
    odd_lots = [trade for trade in found if trade.conditions == [37]]
    assert odd_lots
    assert all(trade.size < 100 for trade in odd_lots)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_of_trades_hold_every_trade_once(vendor: Vendor, order: str) -> None:
    window = {"timestamp_gte": "2005-02-25", "timestamp_lt": "2005-03-02"}
    paged = list(vendor.rest.list_trades("ZZAF", **window, order=order, limit=100))
    whole = trades(vendor, "ZZAF", **window)
    assert paged == (whole if order == "asc" else whole[::-1])
    days = {trade.sip_timestamp // (86_400 * SECOND_NS) for trade in whole}
    assert len(days) == 3


def test_windows_are_in_nanoseconds(vendor: Vendor) -> None:
    whole = trades(vendor, "ZZAF", timestamp=DAY)
    first, last = whole[3].sip_timestamp, whole[8].sip_timestamp
    assert trades(vendor, "ZZAF", timestamp_gte=first, timestamp_lte=last) == whole[3:9]
    assert trades(vendor, "ZZAF", timestamp_gt=first, timestamp_lt=last) == whole[4:8]
    assert trades(vendor, "ZZAF", timestamp=first) == [whole[3]]
    assert vendor.http.get("/v3/trades/ZZAF?timestamp=noon").status_code == 400


def test_unknown_and_unlisted_tickers_have_no_trades(vendor: Vendor) -> None:
    for ticker in ("NOPE", "FB"):
        assert trades(vendor, ticker, timestamp=DAY) == []
    assert trades(vendor, "AAPL", timestamp="2005-02-27") == []


def test_quotes_are_around_the_trades(vendor: Vendor) -> None:
    quotes = list(vendor.rest.list_quotes("AAPL", timestamp=DAY, order="asc", limit=50_000))
    bars = seconds(vendor, "AAPL")
    assert len(quotes) == len(bars)
    for quote, bar in zip(quotes, bars, strict=True):
        assert quote.bid_price < bar.open < quote.ask_price
        assert quote.ask_price - quote.bid_price < 0.05
        assert quote.sip_timestamp // SECOND_NS == bar.timestamp // 1000
