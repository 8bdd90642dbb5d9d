"""The securities that the vendor may list: five real ones and a synthetic universe."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import lru_cache
from itertools import chain, islice, product
from string import ascii_uppercase

import numpy as np

from polygon_assets import sessions
from polygon_assets.sandbox.polygon import scripted
from polygon_assets.sandbox.polygon.randomness import generator
from polygon_assets.sandbox.polygon.security import Model, Security, Split

MOST_SYMBOLS = 10_000
SYNTHETIC_PREFIX = "ZZ"
ODD = ("NA", "TRUE", "NAN", "NULL", "KIMpL", "ZZ.B")
"""Synthetic tickers that read like something else: nothing, a truth value, a number, or a name
whose case or point matters."""
SECTORS = (
    ("3674", "SEMICONDUCTORS & RELATED DEVICES"),
    ("7372", "SERVICES-PREPACKAGED SOFTWARE"),
    ("2834", "PHARMACEUTICAL PREPARATIONS"),
    ("6022", "STATE COMMERCIAL BANKS"),
    ("1311", "CRUDE PETROLEUM & NATURAL GAS"),
    ("4911", "ELECTRIC SERVICES"),
    ("5411", "RETAIL-GROCERY STORES"),
    ("3711", "MOTOR VEHICLES & PASSENGER CAR BODIES"),
    ("6798", "REAL ESTATE INVESTMENT TRUSTS"),
    ("3531", "CONSTRUCTION MACHINERY & EQUIP"),
)
"""SIC code and description of each synthetic sector."""

REAL = (
    Security(
        ticker="AAPL",
        name="Apple Inc.",
        exchange="XNAS",
        sic_code="3571",
        sic_description="ELECTRONIC COMPUTERS",
        list_date=date(1980, 12, 12),
        cik="0000320193",
        composite_figi="BBG000B9XRY4",
        share_class_figi="BBG001S5N8V8",
    ),
    Security(
        ticker="GOOG",
        name="Google Inc.",
        exchange="XNAS",
        sic_code="7370",
        sic_description="SERVICES-COMPUTER PROGRAMMING, DATA PROCESSING, ETC.",
        list_date=date(2004, 8, 19),
        cik="0001288776",
    ),
    Security(
        ticker="IBM",
        name="International Business Machines Corporation",
        exchange="XNYS",
        sic_code="3570",
        sic_description="COMPUTER & OFFICE EQUIPMENT",
        list_date=date(1962, 1, 2),
        cik="0000051143",
        composite_figi="BBG000BLNNH6",
        share_class_figi="BBG001S5S399",
    ),
    Security(
        ticker="MSFT",
        name="Microsoft Corporation",
        exchange="XNAS",
        sic_code="7372",
        sic_description="SERVICES-PREPACKAGED SOFTWARE",
        list_date=date(1986, 3, 13),
        cik="0000789019",
        composite_figi="BBG000BPH459",
        share_class_figi="BBG001S5TD05",
    ),
    Security(
        ticker="FB",
        name="Facebook, Inc.",
        exchange="XNAS",
        sic_code="7370",
        sic_description="SERVICES-COMPUTER PROGRAMMING, DATA PROCESSING, ETC.",
        list_date=date(2012, 5, 18),
        cik="0001326801",
        composite_figi="BBG000MM2P62",
        share_class_figi="BBG001SQCQC5",
    ),
)
"""Real securities. The data holds their bars up to 2013-03-01."""

_RENAMED_FROM = {ticker: first for first, (ticker, _) in scripted.RENAMES.items()}


@lru_cache(maxsize=1)
def all_tickers() -> tuple[str, ...]:
    """Every ticker that the simulator knows, in the order of ``--symbols N``.

    Real ones first, then ``ZZAA`` to ``ZZZZ``, the odd ones, and ``ZZAAA`` and its successors.
    """
    real = (security.ticker for security in REAL)
    names = chain(real, _synthetic_names(2), ODD, _synthetic_names(3))
    return tuple(islice(names, MOST_SYMBOLS))


def _synthetic_names(letters: int) -> Iterator[str]:
    return (SYNTHETIC_PREFIX + "".join(rest) for rest in product(ascii_uppercase, repeat=letters))


@lru_cache(maxsize=1)
def _places() -> dict[str, int]:
    """Where each ticker stands in ``all_tickers``."""
    return {ticker: place for place, ticker in enumerate(all_tickers())}


def choose(wanted: str) -> list[str]:
    """The tickers of a market.

    Args:
        wanted: A count (the first that many) or tickers separated by commas.

    Raises:
        ValueError: Too many, none, or a ticker that the simulator does not know.
    """
    known = all_tickers()
    if wanted.strip().isdigit():
        count = int(wanted)
        if not 1 <= count <= len(known):
            raise ValueError(f"--symbols {count}: choose between 1 and {len(known)} symbols.")
        return list(known[:count])
    tickers = list(dict.fromkeys(name.strip() for name in wanted.split(",") if name.strip()))
    unknown = [name for name in tickers if name not in _places()]
    if unknown or not tickers:
        raise ValueError(
            f"--symbols {wanted}: unknown {', '.join(unknown) or 'selection'}; choose a number, or "
            f"from {', '.join(known[:5])}, {', '.join(ODD)} and the synthetic {known[5]} to "
            f"{known[-1]}."
        )
    return tickers


@lru_cache(maxsize=MOST_SYMBOLS)
def securities(ticker: str, seed: int) -> tuple[Security, ...]:
    """The securities that this ticker belongs to, one after another: a single one for most.

    Raises:
        KeyError: The simulator does not know it.
    """
    place = _places()[ticker]
    if place < len(REAL):
        return (REAL[place],)
    if ticker in _RENAMED_FROM:
        return (_renamed(_RENAMED_FROM[ticker], seed),)
    first = _synthetic(ticker, seed)
    if ticker in scripted.RENAMES:
        return (replace(first, ticker_until=scripted.RENAMES[ticker][1]),)
    if ticker in scripted.SUCCESSORS:
        return first, _successor(ticker, seed)
    return (first,)


def _renamed(first_ticker: str, seed: int) -> Security:
    """A security under its second ticker; the company's name changes with it."""
    ticker, day = scripted.RENAMES[first_ticker]
    before = _synthetic(first_ticker, seed)
    name = _name(before.sic_description, ticker)
    return replace(before, ticker=ticker, name=name, drawn_as=first_ticker, ticker_since=day)


def _successor(ticker: str, seed: int) -> Security:
    """The security that took over the ticker of a delisted one."""
    name = scripted.SUCCESSORS[ticker]
    figi = _figi(ticker, number=2)
    return replace(_synthetic(name, seed), ticker=ticker, drawn_as=name, composite_figi=figi)


def _name(description: str, label: str) -> str:
    return f"Synthetic {description.title()} {label} (simulated)"


def _figi(ticker: str, number: int = 1) -> str:
    """Of the first, second, ... security with this ticker."""
    return f"SIM{number - 1:05}{ticker}"


def _synthetic(name: str, seed: int) -> Security:
    """The security whose numbers are drawn under this name: a ticker, but for successors."""
    random = generator(seed, "security", name)
    sector = int(random.integers(len(SECTORS)))
    listed, delisted = _lifetime(name, random)
    thin = name in scripted.THIN or random.random() < 0.15
    shares = random.lognormal(np.log(8e3 if thin else 1.5e6), 0.7 if thin else 1.2)
    model = Model(
        sector=sector,
        first_price=float(random.lognormal(np.log(35), 0.5)),
        log_growth=float(random.normal(0.6, 0.5)),
        beta=float(random.normal(1.0, 0.3)),
        volatility=float(random.uniform(0.008, 0.022)),
        shares_per_day=float(np.clip(shares, 1e3, 3e7)),
        shares_per_trade=float(random.uniform(110, 260)),
        fractional=name in scripted.FRACTIONAL or bool(random.random() < 0.2),
        dividend_yield=float(random.uniform(0.002, 0.009)) if random.random() < 0.45 else 0.0,
        splits=scripted.SPLITS.get(name) or _splits(listed, delisted, random),
        payments=scripted.PAYMENTS.get(name, ()),
    )
    code, description = SECTORS[sector]
    return Security(
        ticker=name,
        name=_name(description, name),
        exchange="XNYS" if random.random() < 0.5 else "XNAS",
        sic_code=code,
        sic_description=description,
        list_date=listed,
        delisting_date=delisted,
        composite_figi=_figi(name),
        without_vwap=name in scripted.WITHOUT_VWAP,
        model=model,
    )


def _lifetime(name: str, random: np.random.Generator) -> tuple[date, date | None]:
    """Listing and delisting date: one in ten is listed later, one in ten is delisted.

    The odd ones are always listed, so that each session has them, and so are the renamed ones.
    """
    days = sessions.all_sessions()
    fate, when = random.random(), int(random.integers(500, len(days) - 500))
    if name in ODD or name in scripted.RENAMES:
        return days[0], None
    if name in scripted.LISTINGS:
        return scripted.LISTINGS[name], None
    if name in scripted.DELISTINGS:
        return days[0], scripted.DELISTINGS[name]
    if fate < 0.1:
        return days[when], None
    return days[0], days[when] if fate > 0.9 else None


def _splits(listed: date, delisted: date | None, random: np.random.Generator) -> tuple[Split, ...]:
    """None for most, one or two forward splits for a third, a reverse split for a few."""
    days = sessions.sessions_between(listed, delisted or sessions.last_session())
    fate = random.random()
    when = sorted(random.choice(np.arange(20, len(days) - 20), 2, replace=False))
    ratios = random.choice([2, 2, 2, 3, 5], 2)
    if fate < 0.08:
        return (Split(days[when[0]], 10, 1),)
    count = 2 if fate > 0.93 else 1 if fate > 0.7 else 0
    return tuple(Split(days[when[i]], 1, int(ratios[i])) for i in range(count))
