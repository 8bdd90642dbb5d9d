"""A small market with known oddities beside the four real symbols, as raw rows.

It has an unlisted and a new security, one renamed, one delisted, two that move alike, one too thin
to be a gainer, one whose split the vendor does not know, and bars that are missing here and there.
"""

from collections.abc import Iterator
from random import Random

from real_market_data import Row, bars_between, four_pm

FIRST, LAST = "2004-05-03", "2005-03-11"
MADE_UP_FROM = "2004-12-01"
SNAPSHOTS_FROM = "2005-02-14"
WITHOUT_SNAPSHOT = "2005-02-23"

RENAMED_ON = "2005-03-01"
TWINS_RISE_ON = "2005-03-02"
DELISTED_ON = "2005-03-04"
NEW_ON = "2005-03-07"
UNKNOWN_SPLIT_ON = "2005-03-08"
BUSY_ON = "2005-03-09"

ORDINARY = tuple(f"SYN{number:02}" for number in range(12))
SIC_CODES = {
    "AAPL": "3571",
    "GOOG": "7370",
    "IBM": "3570",
    "MSFT": "7372",
    "NEWNAME": "1311",
    **dict.fromkeys(ORDINARY[:4], "1311"),
    **dict.fromkeys(ORDINARY[4:8], "2834"),
    "SYN08": "9999",
}


def sessions() -> list[str]:
    """Every session of the market, from IBM's bars."""
    return [bar.session for bar in bars_between(FIRST, LAST) if bar.symbol == "IBM"]


def bars() -> list[Row]:
    """Raw bars of all symbols; `_SESSION` is not a column of the raw table."""
    real = [{**bar.as_raw(), "_SESSION": bar.session} for bar in bars_between(FIRST, LAST)]
    return real + list(_made_up())


def _made_up() -> Iterator[Row]:
    days = [day for day in sessions() if day >= MADE_UP_FROM]
    random = Random(20050311)
    for symbol in ORDINARY:
        close = random.uniform(5, 80)
        for day in days:
            close = max(1.0, round(close * random.gauss(1.0005, 0.02), 2))
            volume = round(random.uniform(20_000, 900_000), 1)
            if day == BUSY_ON and symbol in ("SYN03", "SYN05"):
                volume *= 12
            if random.random() > 0.05 or day == BUSY_ON:
                yield bar(symbol, day, close, volume)
    for day in days:
        for twin in ("TWINB", "TWINA"):
            yield bar(twin, day, 12.0 if day >= TWINS_RISE_ON else 10.0, 50_000)
        yield bar("THIN", day, 15.0 if day == TWINS_RISE_ON else 10.0, 9_999)
        yield bar("HALF", day, 20.02 if day >= UNKNOWN_SPLIT_ON else 40.0, 30_000)
        yield bar("BARE", day, 5.0, 0.0)
        if day < DELISTED_ON and day != "2005-03-03":
            yield bar("GONE", day, 3.0, 40_000)
        if day >= NEW_ON:
            yield bar("NEW", day, 25.0, 60_000)
        if day < RENAMED_ON:
            yield bar("OLDNAME", day, 30.0, 20_000)
        if day > RENAMED_ON:
            yield bar("NEWNAME", day, 33.0, 20_000)


def bar(symbol: str, day: str, close: float, volume: float) -> Row:
    """A bar that opens a cent lower than it closes."""
    low = round(close - 0.01, 2)
    numbers = {"O": low, "H": close, "L": low, "C": close, "V": volume, "VW": close}
    return {"TICKER": symbol, "T": four_pm(day), "_SESSION": day, **numbers}


def snapshots() -> list[Row]:
    """Who is listed on each session that has a snapshot; BARE never is."""
    rows: list[Row] = []
    for day in sessions():
        if day < SNAPSHOTS_FROM or day == WITHOUT_SNAPSHOT:
            continue
        listed = [*SIC_CODES.keys() - {"NEWNAME"}, *ORDINARY[9:], "TWINA", "TWINB", "THIN", "HALF"]
        if day < DELISTED_ON:
            listed.append("GONE")
        if day >= NEW_ON:
            listed.append("NEW")
        listed.append("NEWNAME" if day >= RENAMED_ON else "OLDNAME")
        for symbol in listed:
            figi = "BBG00RENAMED" if symbol.endswith("NAME") else None
            rows.append(
                {"SESSION_DATE": day, "TICKER": symbol, "ACTIVE": True, "COMPOSITE_FIGI": figi}
            )
        if day >= DELISTED_ON:
            delisted_at = f"{DELISTED_ON}T05:00:00Z"
            rows.append(
                {
                    "SESSION_DATE": day,
                    "TICKER": "GONE",
                    "ACTIVE": False,
                    "DELISTED_UTC": delisted_at,
                }
            )
    return rows


def details() -> list[Row]:
    """What is known of some symbols; it gives them their sectors."""
    return [
        {"SESSION_DATE": LAST, "TICKER": symbol, "SIC_CODE": code}
        for symbol, code in SIC_CODES.items()
    ]
