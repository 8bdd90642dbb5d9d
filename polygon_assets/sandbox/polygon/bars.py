"""Bars as columns. Prices are whole ten-thousandths of a dollar, so that arithmetic is exact."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

PRICE_SCALE = 10_000
"""Units per dollar: four decimals, as the vendor rounds."""

Ints = npt.NDArray[np.int32]
Volumes = npt.NDArray[np.int64 | np.float64]


@dataclass(frozen=True)
class Bars:
    """Bars of one symbol, ascending.

    Attributes:
        start: Start of each bar, UTC epoch milliseconds.
        open: Prices in ten-thousandths of a dollar; likewise high, low, close and vwap.
        volume: Shares: whole numbers, or floats where the symbol trades fractions.
        trades: Number of trades.
    """

    start: npt.NDArray[np.int64]
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    vwap: Ints
    volume: Volumes
    trades: Ints

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: slice | npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> "Bars":
        """The bars in these rows."""
        return Bars(*(column[rows] for column in self.columns()))

    def replaced(self, rows: npt.NDArray[np.int64], others: "Bars") -> "Bars":
        """A copy in which other bars stand in these rows."""
        columns = tuple(column.copy() for column in self.columns())
        for column, other in zip(columns, others.columns(), strict=True):
            column[rows] = other
        return Bars(*columns)

    def columns(self) -> tuple[npt.NDArray[Any], ...]:
        """Every column, in the order of the fields."""
        return (
            self.start, self.open, self.high, self.low, self.close, self.vwap, self.volume,
            self.trades,
        )  # fmt: skip


def concatenate(parts: list[Bars]) -> Bars:
    """The bars of all parts, one after another; at least one part."""
    return Bars(
        *(np.concatenate(columns) for columns in zip(*(p.columns() for p in parts), strict=True))
    )


def aggregate(bars: Bars, bucket: npt.NDArray[np.int64]) -> Bars:
    """Longer bars from shorter ones.

    Args:
        bars: At least one bar.
        bucket: For each bar the start of the longer bar that it belongs to, ascending.

    Returns:
        One bar per different bucket. VWAP is weighted by volume and rounded to ten-thousandths.
    """
    first = np.flatnonzero(np.r_[True, bucket[1:] != bucket[:-1]])
    last = np.r_[first[1:], len(bucket)] - 1
    volume = round_shares(np.add.reduceat(bars.volume, first))
    notional = np.add.reduceat(bars.volume * bars.vwap.astype(np.int64), first)
    low, high = np.minimum.reduceat(bars.low, first), np.maximum.reduceat(bars.high, first)
    return Bars(
        start=bucket[first],
        open=bars.open[first],
        high=high,
        low=low,
        close=bars.close[last],
        vwap=np.clip(np.rint(notional / volume), low, high).astype(np.int32),
        volume=volume,
        trades=np.add.reduceat(bars.trades, first),
    )


def round_shares(volume: npt.NDArray[Any]) -> Volumes:
    """Volumes without binary noise: whole shares stay whole, fractions keep six decimals."""
    return np.round(volume.astype(np.float64), 6) if volume.dtype.kind == "f" else volume
