"""The securities that the vendor may list: five real ones and a synthetic universe."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import chain, islice, product
from string import ascii_uppercase

import numpy as np

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.randomness import generator

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


@dataclass(frozen=True)
class Split:
    """``split_from`` shares became ``split_to`` on the execution date."""

    execution_date: date
    split_from: int
    split_to: int

    @property
    def price_factor(self) -> float:
        """What a price before the split is multiplied by."""
        return self.split_from / self.split_to


@dataclass(frozen=True)
class Model:
    """Parameters of a synthetic security's random walk, in shares of its last share basis."""

    sector: int
    first_price: float
    log_growth: float
    """Logarithm of last over first price."""
    beta: float
    volatility: float
    """Daily volatility of its own return, beside market and sector."""
    shares_per_day: float
    shares_per_trade: float
    fractional: bool
    """Whether volumes carry fractions of a share."""
    dividend_yield: float
    """Cash per quarter as a share of the price; 0 pays none."""
    splits: tuple[Split, ...]


@dataclass(frozen=True)
class Security:
    """What the vendor's reference data says about one ticker."""

    ticker: str
    name: str
    exchange: str
    sic_code: str
    sic_description: str
    list_date: date
    delisting_date: date | None = None
    """The first day on which it no longer trades."""
    cik: str | None = None
    composite_figi: str | None = None
    share_class_figi: str | None = None
    without_vwap: bool = False
    """Whether its bars carry neither a VWAP nor a number of trades."""
    model: Model | None = field(default=None, repr=False)
    """None for a real security, whose bars are data."""

    def is_listed(self, day: date) -> bool:
        """Whether it trades on this New York date."""
        return self.list_date <= day and (self.delisting_date is None or day < self.delisting_date)


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

_SCRIPTED_SPLITS = {
    "ZZAB": (Split(date(2005, 2, 24), 1, 2), Split(date(2014, 6, 9), 1, 3)),
    "ZZAC": (Split(date(2005, 3, 2), 10, 1),),
}
_SCRIPTED_LISTINGS = {"ZZAD": date(2005, 2, 23)}
_SCRIPTED_DELISTINGS = {"ZZAE": date(2005, 3, 2)}
_SCRIPTED_THIN = {"ZZAF"}
_SCRIPTED_FRACTIONAL = {"ZZAG", "NAN", "KIMpL"}
_WITHOUT_VWAP = {"NULL"}


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
def security(ticker: str, seed: int) -> Security:
    """The security with this ticker.

    Raises:
        KeyError: The simulator does not know it.
    """
    place = _places()[ticker]
    return REAL[place] if place < len(REAL) else _synthetic(ticker, seed)


def _synthetic(ticker: str, seed: int) -> Security:
    random = generator(seed, "security", ticker)
    sector = int(random.integers(len(SECTORS)))
    listed, delisted = _lifetime(ticker, random)
    thin = ticker in _SCRIPTED_THIN or random.random() < 0.15
    shares = random.lognormal(np.log(8e3 if thin else 1.5e6), 0.7 if thin else 1.2)
    model = Model(
        sector=sector,
        first_price=float(random.lognormal(np.log(35), 0.5)),
        log_growth=float(random.normal(0.6, 0.5)),
        beta=float(random.normal(1.0, 0.3)),
        volatility=float(random.uniform(0.008, 0.022)),
        shares_per_day=float(np.clip(shares, 1e3, 3e7)),
        shares_per_trade=float(random.uniform(110, 260)),
        fractional=ticker in _SCRIPTED_FRACTIONAL or bool(random.random() < 0.2),
        dividend_yield=float(random.uniform(0.002, 0.009)) if random.random() < 0.45 else 0.0,
        splits=_SCRIPTED_SPLITS.get(ticker) or _splits(listed, delisted, random),
    )
    code, description = SECTORS[sector]
    return Security(
        ticker=ticker,
        name=f"Synthetic {description.title()} {ticker} (simulated)",
        exchange="XNYS" if random.random() < 0.5 else "XNAS",
        sic_code=code,
        sic_description=description,
        list_date=listed,
        delisting_date=delisted,
        composite_figi=f"SIM00000{ticker}",
        without_vwap=ticker in _WITHOUT_VWAP,
        model=model,
    )


def _lifetime(ticker: str, random: np.random.Generator) -> tuple[date, date | None]:
    """Listing and delisting date: one in ten is listed later, one in ten is delisted.

    The odd ones are always listed, so that each session has them.
    """
    days = sessions.all_sessions()
    fate, when = random.random(), int(random.integers(500, len(days) - 500))
    if ticker in ODD:
        return days[0], None
    if ticker in _SCRIPTED_LISTINGS:
        return _SCRIPTED_LISTINGS[ticker], None
    if ticker in _SCRIPTED_DELISTINGS:
        return days[0], _SCRIPTED_DELISTINGS[ticker]
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
