"""The vendor's aggregate event: the contract of what may enter the tick tables."""

from typing import Annotated

import msgspec

Price = Annotated[float, msgspec.Meta(gt=0)]
Quantity = Annotated[float, msgspec.Meta(ge=0)]
UnixMillis = Annotated[int, msgspec.Meta(ge=0, lt=4_102_444_800_000)]
"""Milliseconds since 1970; below the year 2100."""


class SecondBar(msgspec.Struct, omit_defaults=True):
    """An ``A`` event, under the vendor's field names.

    Fields that the vendor adds later are allowed and ignored.
    """

    sym: Annotated[str, msgspec.Meta(min_length=1)]
    """Symbol, case-sensitive."""
    v: Quantity
    """Volume of the second; fractional since fractional shares."""
    vw: Quantity
    """Volume weighted average price of the second."""
    o: Price
    c: Price
    h: Price
    l: Price  # noqa: E741 - the vendor's name
    s: UnixMillis
    """Start of the second."""
    e: UnixMillis
    """End of the second."""
    av: Quantity | None = None
    """Volume of the day so far."""
    op: float | None = None
    """Official opening price of the day."""
    a: float | None = None
    """Volume weighted average price of the day so far."""
    z: Quantity | None = None
    """Average trade size of the second."""


_decoder = msgspec.json.Decoder(SecondBar)
_encoder = msgspec.json.Encoder()


class BadBarError(ValueError):
    """A message that is not a valid second bar; the text says why."""


def parse_bar(value: bytes | None) -> SecondBar:
    """Decode and validate one message.

    Raises:
        BadBarError: The bytes are not a JSON object with the fields and ranges of ``SecondBar``.
    """
    try:
        return _decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadBarError(str(error)) from error


def canonical_json(bar: SecondBar) -> bytes:
    """The bar as plain JSON, each field once: readable by any parser."""
    return _encoder.encode(bar)
