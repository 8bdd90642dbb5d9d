"""A small market drawn at random, and the order in which its rows happen to arrive.

Securities are listed late, delisted, renamed, and have the ticker of another one that is gone; they
split, pay dividends and trade on some days only; their sectors become known at some time. Rows come
in stretches of sessions in any order, some of them late, some corrected later.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

from market_history import dividend, sessions_of, split
from real_market_data import four_pm

SESSIONS = sessions_of("2005-01-03", "2005-03-04")
LAST = SESSIONS[-1]
FIRST_READ = "2005-03-05T00:00:00Z"
READ_AGAIN = "2005-03-06T00:00:00Z"

RawRow = tuple[str, dict[str, Any]]
"""A raw table and a row of it."""


@dataclass(frozen=True)
class Listing:
    """A security under one name: positions in the sessions, the last one included."""

    symbol: str
    figi: str | None
    first: int
    last: int
    trades: float
    is_delisted: bool = False


@dataclass(frozen=True)
class Step:
    """Rows that arrive, and the window of sessions that is built after it."""

    rows: list[RawRow]
    window: tuple[str, str]


def steps(seed: int) -> list[Step]:
    """The market's whole life; its last step builds the newest session."""
    random = Random(seed)
    end = len(SESSIONS) - 1
    cuts = [0, *sorted(random.sample(range(1, end), 2)), end + 1]
    stretches = [(first, before - 1) for first, before in pairwise(cuts)]
    random.shuffle(stretches)
    listings = list(_listings(random))
    rows = [*_bars(random, listings), *_snapshots(random, listings)]
    late = [row for row in rows if random.random() < 0.02]
    in_time = [row for row in rows if row not in late]
    actions = [*_actions(random, listings), *_details(random, listings)]
    random.shuffle(actions)
    found: list[Step] = []
    for first, last in stretches:
        days = set(SESSIONS[first : last + 1])
        arriving = [row for day, row in in_time if day in days]
        arriving += [actions.pop() for _ in range(random.randint(0, 9)) if actions]
        found.append(Step(arriving, (SESSIONS[first], SESSIONS[last])))
    again = [(day, _corrected(random, row)) for day, row in random.sample(rows, 12)]
    by_day = sorted([*late, *again], key=lambda one: one[0])
    groups = [by_day[start : start + 14] for start in range(0, len(by_day), 14)]
    for group in random.sample(groups, len(groups)):
        arriving = [row for _, row in group]
        arriving += [actions.pop() for _ in range(random.randint(0, 9)) if actions]
        found.append(Step(arriving, (group[0][0], group[-1][0])))
    found.append(Step(actions, (LAST, LAST)))
    return found


def _listings(random: Random) -> Iterator[Listing]:
    end = len(SESSIONS) - 1
    for number in range(5):
        first = random.choice([0, 0, 0, random.randint(1, 20)])
        figi = random.choice([f"FIGI{number}", None])
        yield Listing(f"S{number}", figi, first, end, random.choice([1.0, 0.9, 0.3]))
    change = random.randint(5, 30)
    yield Listing("OLD", "FIGIR", 0, change, 1.0)
    yield Listing("NEW", "FIGIR", change + 1, end, 1.0)
    gone = random.randint(5, 15)
    yield Listing("RE", random.choice(["FIGIA", None]), 0, gone, 1.0, is_delisted=True)
    yield Listing("RE", "FIGIB", gone + random.randint(2, 9), end, 0.9)
    yield Listing("GONE", None, 0, random.randint(10, end - 1), 0.9, is_delisted=True)


def _bars(random: Random, listings: list[Listing]) -> Iterator[tuple[str, RawRow]]:
    for one in listings:
        close = random.uniform(5, 90)
        for day in SESSIONS[one.first : one.last + 1]:
            close = round(max(1.0, close * random.gauss(1, 0.03)), 2)
            if random.random() < one.trades:
                yield day, ("DAILY_BARS", _bar(random, one.symbol, day, close))


def _bar(random: Random, symbol: str, day: str, close: float) -> dict[str, Any]:
    opened = round(close * random.uniform(0.98, 1.02), 2)
    return {
        "TICKER": symbol,
        "T": four_pm(day),
        "O": opened,
        "H": round(max(opened, close) * 1.01, 2),
        "L": round(min(opened, close) * 0.99, 2),
        "C": close,
        "V": round(random.lognormvariate(11, 0.6), 1),
        "VW": close,
        "_AIRBYTE_EXTRACTED_AT": FIRST_READ,
    }


def _snapshots(random: Random, listings: list[Listing]) -> Iterator[tuple[str, RawRow]]:
    for one in listings:
        known_from = random.choice([one.first, one.first, min(one.first + 5, one.last)])
        for number in range(one.first, len(SESSIONS)):
            if number > one.last and not one.is_delisted:
                break
            row: dict[str, Any] = {
                "SESSION_DATE": SESSIONS[number],
                "TICKER": one.symbol,
                "ACTIVE": number <= one.last,
                "NAME": f"{one.symbol} Inc.",
                "COMPOSITE_FIGI": one.figi if number >= known_from else None,
                "_AIRBYTE_EXTRACTED_AT": FIRST_READ,
            }
            if number > one.last:
                row["DELISTED_UTC"] = f"{SESSIONS[one.last + 1]}T05:00:00Z"
            yield SESSIONS[number], ("TICKERS", row)


def _actions(random: Random, listings: list[Listing]) -> Iterator[RawRow]:
    for one in listings:
        for _ in range(random.randint(0, 2)):
            number = random.randint(0, len(SESSIONS) - 1)
            ratio = random.choice([2, 3, 0.1, 1.5, 1.140678909375])
            row = split(one.symbol, SESSIONS[number], ratio) | {"ID": str(random.random())}
            yield "SPLITS", row
            if random.random() < 0.3:
                yield "SPLITS", row | {"ID": str(random.random())}
            if random.random() < 0.3 and number + 4 < len(SESSIONS):
                later = {"ID": str(random.random()), "EXECUTION_DATE": SESSIONS[number + 4]}
                yield "SPLITS", row | later
        for _ in range(random.randint(0, 3)):
            day = random.choice([*SESSIONS, "2005-02-20", "2005-04-01"])
            cash = round(random.uniform(0.05, 1.5), 2)
            yield "DIVIDENDS", dividend(one.symbol, day, cash) | {"ID": str(random.random())}
    yield "SPLITS", split("S0", SESSIONS[9], 0) | {"ID": "unusable"}


def _details(random: Random, listings: list[Listing]) -> Iterator[RawRow]:
    for one in listings:
        code = random.choice(["1311", "2834", "9999"])
        day = SESSIONS[one.last]
        yield "TICKER_DETAILS", {"SESSION_DATE": day, "TICKER": one.symbol, "SIC_CODE": code}


def _corrected(random: Random, row: RawRow) -> RawRow:
    table, values = row
    again = values | {"_AIRBYTE_EXTRACTED_AT": READ_AGAIN}
    if table == "DAILY_BARS":
        return table, again | {"C": values["L"], "V": values["V"] + 1}
    # Where a FIGI was first or last seen, int_listing_evidence needs all sessions to take it back.
    is_inside = values["TICKER"].startswith("S") and SESSIONS[26] <= values["SESSION_DATE"] < LAST
    if is_inside and random.random() < 0.5:
        return table, again | {"COMPOSITE_FIGI": f"FIGI{values['TICKER']}X"}
    return table, again | {"NAME": "Corrected"}
