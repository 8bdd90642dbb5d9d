"""What a security is: its reference data, and the model behind a synthetic one."""

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Split:
    """``split_from`` shares became ``split_to`` on the execution date."""

    execution_date: date
    split_from: int
    split_to: int
    entries: int = 1
    """How often the vendor lists it, each time with another id; it happened once."""

    @property
    def price_factor(self) -> float:
        """What a price before the split is multiplied by."""
        return self.split_from / self.split_to


@dataclass(frozen=True)
class Payment:
    """A dividend beside those of every quarter."""

    ex_date: date
    dividend_yield: float
    """Cash as a share of the close before."""
    is_special: bool = False


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
    payments: tuple[Payment, ...] = ()


@dataclass(frozen=True, eq=False)  # compared by what it is: hashing all fields would be slow
class Security:
    """What the vendor's reference data says about one security under one ticker.

    A renamed security is one of these for each of its tickers.
    """

    ticker: str
    name: str
    exchange: str
    sic_code: str
    sic_description: str
    list_date: date
    """The first day on which it traded, under whatever ticker."""
    delisting_date: date | None = None
    """The first day on which it no longer trades."""
    cik: str | None = None
    composite_figi: str | None = None
    share_class_figi: str | None = None
    without_vwap: bool = False
    """Whether its bars carry neither a VWAP nor a number of trades."""
    model: Model | None = field(default=None, repr=False)
    """None for a real security, whose bars are data."""
    drawn_as: str | None = None
    """The name that its random numbers depend on where that is not its ticker."""
    ticker_since: date | None = None
    """The first day under this ticker where it had another one before."""
    ticker_until: date | None = None
    """The first day under its next ticker."""

    @property
    def identity(self) -> str:
        """The same under all its tickers, and another one for each security."""
        return self.drawn_as or self.ticker

    @property
    def first_day(self) -> date:
        """The first day on which it trades under this ticker."""
        return self.ticker_since or self.list_date

    @property
    def end_day(self) -> date:
        """The first day on which it no longer trades under this ticker."""
        return self.ticker_until or self.delisting_date or date.max

    def is_listed(self, day: date) -> bool:
        """Whether it trades under this ticker on this New York date."""
        return self.first_day <= day < self.end_day

    def is_known(self, day: date) -> bool:
        """Whether the vendor knows the ticker as this security's: yes when it is delisted.

        A ticker that was given up for another one is nobody's from that day on.
        """
        return self.first_day <= day and (self.ticker_until is None or day < self.ticker_until)
