"""The vendor's events: the contract of what may enter the tick tables.

The tables' own constraints say the same. They judge every batch; these classes are asked only for
the batches that ClickHouse refused, to tell which message it was and why.

Numbers may come as strings, as ClickHouse reads them too. A field that appears twice counts with
its last value, as in every JSON parser. Fields that the vendor adds later are allowed and ignored.
"""

from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

_MOST = 1.7976931348623157e308

Finite = Annotated[float, msgspec.Meta(ge=-_MOST, le=_MOST)]
Price = Annotated[float, msgspec.Meta(gt=0, le=_MOST)]
Quantity = Annotated[float, msgspec.Meta(ge=0, le=_MOST)]
UnixMillis = Annotated[int, msgspec.Meta(ge=1_000, lt=4_102_444_800_000)]
"""Milliseconds since 1970; below the year 2100."""
Code = Annotated[int, msgspec.Meta(ge=0, lt=65_535)]
Sequence = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
Symbol = Annotated[str, msgspec.Meta(min_length=1)]
"""Case-sensitive."""


class Event(msgspec.Struct, omit_defaults=True):
    """One event under the vendor's field names."""

    @property
    def time_ms(self) -> int:
        """When it happened; milliseconds since 1970."""
        raise NotImplementedError


class Bar(Event):
    """An ``A`` or ``AM`` event: the bar of a second or of a minute."""

    sym: Symbol
    v: Quantity
    """Volume; fractional since fractional shares."""
    vw: Quantity
    """Volume weighted average price."""
    o: Price
    c: Price
    h: Price
    l: Price  # noqa: E741 - the vendor's name
    s: UnixMillis
    """Start of the bar."""
    av: Quantity | None = None
    """Volume of the day so far."""
    op: Finite | None = None
    """Official opening price of the day."""
    a: Finite | None = None
    """Volume weighted average price of the day so far."""
    z: Finite | None = None
    """Average trade size."""
    dv: Quantity | None = None
    """Volume as a decimal string; counts instead of ``v`` where it is sent."""
    dav: Quantity | None = None
    """Volume of the day as a decimal string; counts instead of ``av``."""

    @property
    def time_ms(self) -> int:
        """Start of the bar."""
        return self.s


class Trade(Event):
    """A ``T`` event."""

    sym: Symbol
    p: Price
    s: Quantity
    """Shares."""
    t: UnixMillis
    """The exchange's time."""
    x: Code | None = None
    """Exchange."""
    i: str | None = None
    """Trade id."""
    z: Code | None = None
    """Tape."""
    ds: Quantity | None = None
    """Shares as a decimal string; counts instead of ``s`` where it is sent."""
    c: list[Code] | None = None
    """Conditions."""
    q: Sequence | None = None
    trfi: Code | None = None
    """Trade reporting facility."""

    @property
    def time_ms(self) -> int:
        """The exchange's time."""
        return self.t


class Quote(Event):
    """A ``Q`` event: best bid and ask; a side without a quote has price 0."""

    sym: Symbol
    t: UnixMillis
    """The exchange's time."""
    bx: Code | None = None
    bp: Quantity | None = None
    bs: Quantity | None = None
    ax: Code | None = None
    ap: Quantity | None = None
    ask_size: Quantity | None = msgspec.field(default=None, name="as")
    c: Code | None = None
    """Condition."""
    i: list[Code] | None = None
    """Indicators."""
    z: Code | None = None
    """Tape."""
    q: Sequence | None = None

    @property
    def time_ms(self) -> int:
        """The exchange's time."""
        return self.t


_FIRST_MICROSECOND = 100_000_000_000_000


class Halt(Event):
    """A ``LULD`` event: price bands, a halt or a resumption."""

    T: Symbol
    t: Annotated[int, msgspec.Meta(ge=1_000, lt=4_102_444_800_000_000)]
    """Milliseconds by the documentation, microseconds by the vendor's example: its size tells."""
    h: Quantity | None = None
    """Upper price band."""
    l: Quantity | None = None  # noqa: E741 - the vendor's name
    """Lower price band."""
    i: list[Code] | None = None
    """Indicators: 17 = halt, 18 = resumption."""
    z: Code | None = None
    """Tape."""
    q: Sequence | None = None

    def __post_init__(self) -> None:
        """Refuse a time that is neither.

        Raises:
            ValueError: It lies between the two ranges.
        """
        if 4_102_444_800_000 <= self.t < _FIRST_MICROSECOND:
            raise ValueError("neither milliseconds nor microseconds - at `$.t`")

    @property
    def time_ms(self) -> int:
        """When it was announced."""
        return self.t // 1000 if self.t >= _FIRST_MICROSECOND else self.t


class Gap(msgspec.Struct):
    """A record of the producer: the stream was interrupted."""

    disconnected_at: datetime
    reconnected_at: datetime
    last_event_at: datetime | None = None
    reason: str = ""


class BadEventError(ValueError):
    """A message that is no valid event; the text says why."""


Decoded = TypeVar("Decoded", bound=msgspec.Struct)


def parse(value: bytes, kind: type[Decoded]) -> Decoded:
    """Decode and validate one message.

    Raises:
        BadEventError: The bytes are not a JSON object with the fields and ranges of ``kind``.
    """
    try:
        value.decode()
        return msgspec.json.decode(value, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadEventError(str(error)) from error


def canonical_json(event: Any) -> bytes:
    """The event as plain JSON, each field once: readable by any parser."""
    return msgspec.json.encode(event)
