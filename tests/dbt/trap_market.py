"""A small market with everything in it that goes wrong with batch market data."""

from typing import Any

from dbt_warehouse import WITHOUT_VIEWS, Warehouse
from market_history import dividend, sessions_of, split
from real_market_data import bars_between, four_pm, real_actions

SESSIONS = sessions_of("2005-01-10", "2005-02-28")
LATE_SESSION = SESSIONS[5]


def bar(symbol: str, day: str, close: float, volume: float = 1000.5, **more: Any) -> dict[str, Any]:
    prices = {"O": close, "H": close * 1.01, "L": close * 0.99, "C": close}
    return {"TICKER": symbol, "T": four_pm(day), **prices, "V": volume, **more}


def ticker(symbol: str, day: str, figi: str | None, **more: Any) -> dict[str, Any]:
    return {
        "SESSION_DATE": day,
        "TICKER": symbol,
        "ACTIVE": True,
        "NAME": symbol,
        "COMPOSITE_FIGI": figi,
        **more,
    }


def raw_bars() -> list[dict[str, Any]]:
    """Thirty-five sessions; what each symbol is for stands beside it."""
    rows: list[dict[str, Any]] = [one.as_raw() for one in bars_between(SESSIONS[0], SESSIONS[-1])]
    for number, day in enumerate(SESSIONS):
        walk = 50 + number % 7
        rows.append(bar("OLD" if number < 20 else "NEW", day, walk))  # renamed
        if number < 12:
            rows.append(bar("RE", day, 10.0))  # delisted ...
        if number >= 15:
            rows.append(bar("RE", day, 500.0))  # ... and another security under its ticker
        if number % 5 == 0:
            rows.append(bar("THIN", day, 20.0 + number, volume=100))  # trades once a week
        rows += [bar(name, day, 30.0) for name in ("NA", "TRUE", "KIMpL", "KIMPL")]
        rows.append(bar("DOWN", day, 80.0 - number) if number < 25 else bar("UP", day, 40.0))
        rows.append(bar("TWICE", day, 100.0 if number < 10 else 50.0))  # split 2:1, listed twice
        rows.append(bar("RECORD", day, 100.0 if number < 10 else 50.0))  # and on two days
        rows.append(bar("BAD", day, 60.0))  # actions of null and of zero
        rows.append(bar("WRONG", day, 70.0))  # a split that did not happen
        rows.append(bar("BOTH", day, 100.0 if number < 10 else 49.0))  # split and dividend at once
    return rows


def snapshots() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, day in enumerate(SESSIONS):
        rows.append(ticker("OLD" if number < 20 else "NEW", day, "FIGI-R"))
        rows += [ticker(name, day, None) for name in ("AAPL", "TWICE", "KIMpL", "NA", "TRUE")]
        if number < 12:
            rows.append(ticker("RE", day, "FIGI-A"))
        else:
            gone = {"ACTIVE": False, "DELISTED_UTC": f"{SESSIONS[12]}T00:00:00Z"}
            rows.append(ticker("RE", day, "FIGI-A", **gone))
        if number >= 15:
            rows.append(ticker("RE", day, "FIGI-B"))
        rows.append(ticker("DOWN", day, None) if number < 25 else ticker("UP", day, None))
    return rows


def build(wh: Warehouse) -> None:
    """Load and build it as it happens: actions and one session come last of all."""
    splits, dividends = real_actions()
    first, last = SESSIONS[0], SESSIONS[-1]
    rows = raw_bars()
    late = [row for row in rows if row["T"] == four_pm(LATE_SESSION)]
    wh.insert("DAILY_BARS", [row for row in rows if row not in late])
    wh.insert("TICKERS", snapshots())
    wh.insert("EXCHANGES", [
        {"SESSION_DATE": last, "ID": number, "NAME": name, "MIC": mic}
        for number, name, mic in (
            (4, "FINRA NYSE TRF", "FINN"), (4, "FINRA Nasdaq TRF", "FINN"), (5, "UTP", None)
        )
    ])  # fmt: skip
    wh.run_dbt("seed")
    wh.run_dbt("run", window=(first, last))
    # After all the other sessions have been built.
    wh.insert("SPLITS", [row for row in splits if first <= row["EXECUTION_DATE"] <= last])
    twice = split("TWICE", SESSIONS[10], 2)
    wh.insert("SPLITS", [twice, twice | {"ID": "again"}, split("BOTH", SESSIONS[10], 2)])
    wh.insert("SPLITS", [split("RECORD", SESSIONS[day], 2) for day in (5, 10)])
    wh.insert("SPLITS", [split("BAD", SESSIONS[10], 0), split("WRONG", SESSIONS[10], 2)])
    wh.insert("DIVIDENDS", [dividend("BAD", SESSIONS[10], 1.0) | {"CASH_AMOUNT": None}])
    wh.insert("DIVIDENDS", [d for d in dividends if first <= d["EX_DIVIDEND_DATE"] <= last])
    wh.insert("DIVIDENDS", [dividend("BOTH", SESSIONS[10], 1.0)])
    wh.insert("DIVIDENDS", [dividend("NEW", "2005-03-15", 5.0)])
    wh.insert("DAILY_BARS", late)
    statuses = wh.run_dbt("run", *WITHOUT_VIEWS, window=(LATE_SESSION, LATE_SESSION))
    assert set(statuses.values()) == {"success"}, statuses
