"""Corporate actions: real ones from the data, synthetic ones from the universe's model."""

import csv
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import chain
from math import prod

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.bars import PRICE_SCALE
from polygon_assets.sandbox.polygon.history import DATA
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sandbox.polygon.security import Payment, Security, Split

_QUARTER_SESSIONS = 63
_REGULAR_GAP = timedelta(days=120)


@dataclass(frozen=True, slots=True)
class Dividend:
    """Cash per share. Dates that the source does not hold are None."""

    ex_date: date
    cash: float
    frequency: int
    is_special: bool = False
    declaration_date: date | None = None
    record_date: date | None = None
    pay_date: date | None = None


@lru_cache(maxsize=1)
def _real_actions() -> dict[str, tuple[tuple[Split, ...], tuple[Dividend, ...]]]:
    with (DATA / "corporate_actions.csv").open(newline="") as file:
        rows = [(row, date.fromisoformat(row["ex_date"])) for row in csv.DictReader(file)]
    found: dict[str, tuple[tuple[Split, ...], tuple[Dividend, ...]]] = {}
    for ticker in {row["ticker"] for row, _ in rows}:
        mine = [(row, day) for row, day in rows if row["ticker"] == ticker]
        splits = tuple(
            Split(day, int(row["split_from"]), int(row["split_to"]))
            for row, day in mine
            if row["kind"] == "split"
        )
        cash = [(day, float(row["cash_amount"])) for row, day in mine if row["kind"] == "dividend"]
        found[ticker] = splits, _with_frequency(cash)
    return found


def _with_frequency(cash: list[tuple[date, float]]) -> tuple[Dividend, ...]:
    """Quarterly where the nearest neighbour is a quarter away, else annual."""
    days = [day for day, _ in cash]

    def frequency(day: date) -> int:
        return 4 if any(timedelta(0) < abs(day - other) <= _REGULAR_GAP for other in days) else 1

    typical = sorted(amount for _, amount in cash)[len(cash) // 2]
    return tuple(
        Dividend(day, amount, frequency(day), amount > 10 * typical) for day, amount in cash
    )


class Actions:
    """Splits and dividends of a market. The dividends of a security are computed when asked for.

    An action is found under the ticker that the security has on the action's day. Its factors are
    those of the security, whatever it was called.

    Args:
        market: Its securities, and the closes that dividend factors need.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self.dividends = lru_cache(maxsize=None)(self._dividends_of_ticker)
        """Of a ticker of the market, ascending by ex-date; a special one after a regular one."""
        self._dividends = lru_cache(maxsize=None)(self._dividends_and_factors)

    @cached_property
    def splits(self) -> dict[str, tuple[Split, ...]]:
        """By ticker, ascending by execution date."""
        return {
            ticker: tuple(
                split
                for security in securities
                for split in _splits(security)
                if security.is_listed(split.execution_date)
            )
            for ticker, securities in self._market.listings.items()
        }

    def _dividends_of_ticker(self, ticker: str) -> tuple[Dividend, ...]:
        return tuple(
            dividend
            for security in self._market.listings[ticker]
            for dividend in self._dividends(security)[0]
            if security.is_listed(dividend.ex_date)
        )

    @cached_property
    def ex_dates(self) -> dict[date, list[str]]:
        """Every ex-date with its tickers, each as often as it goes ex on that day.

        Needs no prices, so that it is quick for many symbols.
        """
        found: defaultdict[date, list[str]] = defaultdict(list)
        for security in self._market.securities:
            days = _ex_dates(security)
            first = bisect_left(days, security.first_day)
            for day in days[first : bisect_left(days, security.end_day)]:
                found[day].append(security.ticker)
        return dict(found)

    def split_factor(self, ticker: str, day: date, today: date) -> float:
        """What a traded price of ``day`` is multiplied by to be comparable with ``today``'s.

        Splits apply to the days strictly before their execution date.
        """
        security = self._market.security(ticker, day)
        splits = () if security is None else _splits(security)
        return prod(s.price_factor for s in splits if day < s.execution_date <= today)

    def dividend_factor(self, ticker: str, ex_date: date, today: date) -> float:
        """What a close before ``ex_date`` is multiplied by for the dividends up to ``today``.

        Each of them counts 1 - cash / close of the session before, both in the share basis of its
        ex-date, or 1 where that close is not known.
        """
        security = self._market.security(ticker, ex_date)
        if security is None:
            return 1.0
        dividends, factors = self._dividends(security)
        latest_first = zip(reversed(dividends), reversed(factors), strict=True)
        return prod(factor for d, factor in latest_first if ex_date <= d.ex_date <= today)

    def _dividends_and_factors(
        self, security: Security
    ) -> tuple[tuple[Dividend, ...], tuple[float, ...]]:
        """Together, because both need the security's history."""
        model = security.model
        if model is None:
            dividends = _real_actions().get(security.ticker, ((), ()))[1]
        else:
            quarterly = (Payment(day, model.dividend_yield) for day in _quarterly_days(security))
            payments = sorted(chain(quarterly, model.payments), key=_by_day_and_kind)
            dividends = tuple(self._dividend(security, payment) for payment in payments)
        return dividends, tuple(self._own_factor(security, dividend) for dividend in dividends)

    def _own_factor(self, security: Security, dividend: Dividend) -> float:
        close = self._close_before(security, dividend.ex_date)
        return 1.0 if close is None else 1.0 - dividend.cash / close

    def _close_before(self, security: Security, ex_date: date) -> float | None:
        """The close of the session before, in the share basis of the ex-date; None without one."""
        history = self._market.history(security)
        row = int(history.day.searchsorted(ex_date.toordinal())) - 1
        same_day = (s.price_factor for s in _splits(security) if s.execution_date == ex_date)
        return None if row < 0 else float(history.close[row]) / PRICE_SCALE * prod(same_day)

    def _dividend(self, security: Security, payment: Payment) -> Dividend:
        ex_date = payment.ex_date
        close = self._close_before(security, ex_date) or 1.0
        record = sessions.sessions_between(ex_date, ex_date + timedelta(days=10))
        return Dividend(
            ex_date=ex_date,
            cash=max(round(close * payment.dividend_yield, 2), 0.01),
            frequency=0 if payment.is_special else 4,
            is_special=payment.is_special,
            declaration_date=ex_date - timedelta(days=24),
            record_date=record[1] if len(record) > 1 else None,
            pay_date=ex_date + timedelta(days=21),
        )


def _splits(security: Security) -> tuple[Split, ...]:
    """Under all tickers of the security."""
    if security.model is not None:
        return security.model.splits
    return _real_actions().get(security.ticker, ((), ()))[0]


def _ex_dates(security: Security) -> list[date]:
    """Ascending, under all tickers; a day with two dividends twice."""
    if security.model is None:
        return [dividend.ex_date for dividend in _real_actions().get(security.ticker, ((), ()))[1]]
    scripted = [payment.ex_date for payment in security.model.payments]
    return sorted(_quarterly_days(security) + scripted)


def _quarterly_days(security: Security) -> list[date]:
    """A synthetic security that pays each quarter goes ex once in 63 sessions."""
    if security.model is None or not security.model.dividend_yield:
        return []
    end = security.delisting_date or date.max
    days = sessions.sessions_between(security.list_date, end - timedelta(days=1))
    return days[5 + len(days) % _QUARTER_SESSIONS :: _QUARTER_SESSIONS]


def _by_day_and_kind(payment: Payment) -> tuple[date, bool]:
    return payment.ex_date, payment.is_special


def identifier(*parts: object) -> str:
    """The vendor's form of an identifier, the same for the same event."""
    return "E" + sha256(":".join(map(str, parts)).encode()).hexdigest()
