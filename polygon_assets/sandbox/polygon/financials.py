"""Invented quarterly statements whose totals add up."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from polygon_assets.sandbox.polygon.paging import Row
from polygon_assets.sandbox.polygon.randomness import fractions
from polygon_assets.sandbox.polygon.security import Security

FIRST_FILING_DAYS, LAST_FILING_DAYS = 25, 60
"""When a quarter's report is filed, in days after its end."""

_BASE_YEAR = 2003
_DOLLARS, _PER_SHARE = "USD", "USD / shares"


@dataclass(frozen=True)
class Filing:
    """One security's report of one quarter, under the ticker that it had at the quarter's end."""

    security: Security
    end_date: date
    filing_date: date


def filing_of(security: Security, end_date: date) -> Filing:
    """The report of the calendar quarter that ends on this day."""
    (early_or_late,) = fractions(1, "filing", security.identity, end_date)
    days = FIRST_FILING_DAYS + int(early_or_late * (LAST_FILING_DAYS - FIRST_FILING_DAYS + 1))
    return Filing(security, end_date, end_date + timedelta(days=days))


def quarter_ends(first: date, last: date) -> list[date]:
    """The last days of the calendar quarters from ``first`` to ``last``, both included."""
    ends = (
        date(year, month, monthrange(year, month)[1])
        for year in range(first.year, last.year + 1)
        for month in (3, 6, 9, 12)
    )
    return [end for end in ends if first <= end <= last]


def central_index_key(security: Security) -> str:
    """Its own, or an invented one in a range that the SEC has not reached."""
    if security.cik is not None:
        return security.cik
    (number,) = fractions(1, "cik", security.identity)
    return f"99{int(number * 1e8):08d}"


def statement(filing: Filing) -> Row:
    """The filing as the vendor sends it."""
    security, end = filing.security, filing.end_date
    cik = central_index_key(security)
    return {
        "cik": cik,
        "company_name": security.name,
        "tickers": [security.ticker],
        "start_date": end.replace(month=end.month - 2, day=1).isoformat(),
        "end_date": end.isoformat(),
        "filing_date": filing.filing_date.isoformat(),
        "fiscal_period": f"Q{end.month // 3}",
        "fiscal_year": str(end.year),
        "timeframe": "quarterly",
        "source_filing_url": f"https://example.com/simulated/filings/{cik}/{end}",
        "financials": _statements(security.identity, end),
        "simulated": True,
    }


def _statements(identity: str, end: date) -> Row:
    size, margin, growth, leverage = fractions(4, "financials", identity)
    revenue_noise, cost_noise, cash_noise = fractions(3, "financials", identity, end)
    years = end.year - _BASE_YEAR + end.month / 12
    revenue = round(
        10 ** (7.5 + 3 * size) * (0.97 + 0.12 * growth) ** years * (0.95 + 0.1 * revenue_noise)
    )
    cost = round(revenue * (0.5 + 0.3 * margin + 0.05 * cost_noise))
    operating_costs = round(revenue * 0.2)
    operating = revenue - cost - operating_costs
    tax = max(round(operating * 0.25), 0)
    income = operating - tax
    shares = round(revenue / 8)
    return {
        "income_statement": _income(revenue, cost, operating_costs, tax, shares),
        "balance_sheet": _balance(round(revenue * 3.5), 0.3 + 0.4 * leverage),
        "cash_flow_statement": _cash_flow(income, round(revenue * (0.1 * cash_noise - 0.05))),
        "comprehensive_income": {
            "comprehensive_income_loss": _value("Comprehensive Income/Loss", 100, income)
        },
    }


def _income(revenue: int, cost: int, operating_costs: int, tax: int, shares: int) -> Row:
    operating = revenue - cost - operating_costs
    per_share = round((operating - tax) / shares, 2)
    return {
        "revenues": _value("Revenues", 100, revenue),
        "cost_of_revenue": _value("Cost Of Revenue", 300, cost),
        "gross_profit": _value("Gross Profit", 800, revenue - cost),
        "operating_expenses": _value("Operating Expenses", 1000, operating_costs),
        "operating_income_loss": _value("Operating Income/Loss", 1100, operating),
        "income_tax_expense_benefit": _value("Income Tax Expense/Benefit", 2200, tax),
        "net_income_loss": _value("Net Income/Loss", 3200, operating - tax),
        "basic_earnings_per_share": _value("Basic Earnings Per Share", 4200, per_share, _PER_SHARE),
        "diluted_earnings_per_share": _value(
            "Diluted Earnings Per Share", 4300, per_share, _PER_SHARE
        ),
    }


def _balance(assets: int, leverage: float) -> Row:
    current, liabilities = round(assets * 0.4), round(assets * leverage)
    current_liabilities = round(liabilities * 0.4)
    return {
        "assets": _value("Assets", 100, assets),
        "current_assets": _value("Current Assets", 200, current),
        "noncurrent_assets": _value("Noncurrent Assets", 300, assets - current),
        "liabilities": _value("Liabilities", 600, liabilities),
        "current_liabilities": _value("Current Liabilities", 700, current_liabilities),
        "noncurrent_liabilities": _value(
            "Noncurrent Liabilities", 800, liabilities - current_liabilities
        ),
        "equity": _value("Equity", 1400, assets - liabilities),
        "liabilities_and_equity": _value("Liabilities And Equity", 1900, assets),
    }


def _cash_flow(income: int, other: int) -> Row:
    investing, financing = -round(abs(income) * 0.4), -round(abs(income) * 0.3)
    operating = income + other
    return {
        "net_cash_flow_from_operating_activities": _value(
            "Net Cash Flow From Operating Activities", 100, operating
        ),
        "net_cash_flow_from_investing_activities": _value(
            "Net Cash Flow From Investing Activities", 400, investing
        ),
        "net_cash_flow_from_financing_activities": _value(
            "Net Cash Flow From Financing Activities", 700, financing
        ),
        "net_cash_flow": _value("Net Cash Flow", 1100, operating + investing + financing),
    }


def _value(label: str, order: int, value: float, unit: str = _DOLLARS) -> Row:
    return {"value": value, "unit": unit, "label": label, "order": order}
