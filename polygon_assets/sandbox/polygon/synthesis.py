"""Second bars of one symbol and session that agree with its official daily bar.

Prices follow a random path from the open to the close that touches the day's high and low once,
each at the second that the daily history names. The opening and closing auctions are outside the
second bars, as at the exchange, so bars carry about 81 % of the day's volume, and their first and
last prices may differ from the official ones. A second without a trade has no bar.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.bars import PRICE_SCALE, Bars, Volumes, round_shares
from polygon_assets.sandbox.polygon.market import DailyBar
from polygon_assets.sandbox.polygon.randomness import generator
from polygon_assets.sandbox.polygon.volume_profile import second_weights

BAR_MS = 1000
REVISED_SHARE = 0.002
"""Share of bars that are first sent without the trades that are reported late."""

_MEAN_COVERAGE, _COVERAGE_SPREAD = 0.81, 0.05
_LEAST_COVERAGE, _MOST_COVERAGE = 0.65, 0.92
_TRADES_IN_BARS = 0.95
"""Share of the day's trades that set bars; the rest are auctions and odd lots."""

Seconds = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SessionBars:
    """One symbol's session, second by second.

    Attributes:
        symbol: Ticker.
        official_open: The opening auction's price, in ten-thousandths of a dollar.
        bars: Final versions, one per second with a trade.
        accumulated: Volume of the day up to and with each bar, the opening auction included.
        day_vwap: VWAP of the day up to and with each bar, in ten-thousandths.
        revised: Rows of ``bars`` that are first sent incomplete, ascending.
        incomplete: Their first versions, row by row: less volume, a narrower range.
    """

    symbol: str
    official_open: int
    bars: Bars
    accumulated: Volumes
    day_vwap: npt.NDArray[np.int32]
    revised: npt.NDArray[np.int64]
    incomplete: Bars


def session_bars(daily: DailyBar, seed: int) -> SessionBars:
    """Synthesize one symbol's session in the hours of the calendar.

    Raises:
        NotASessionError: The calendar does not have the hours of that day.
    """
    hours = sessions.session(daily.day)
    seconds = int((hours.close_at - hours.open_at).total_seconds())
    return second_bars(daily, int(hours.open_at.timestamp() * 1000), seconds, seed)


def second_bars(daily: DailyBar, open_ms: int, seconds: int, seed: int) -> SessionBars:
    """Synthesize one symbol's session.

    Args:
        daily: The official bar that the seconds have to agree with.
        open_ms: Opening of the session, UTC epoch milliseconds.
        seconds: Length of the session.
        seed: Of the market.
    """
    random = generator(seed, "seconds", daily.symbol, daily.day)
    weights = second_weights(seconds)
    high_second, low_second = int(daily.high_at * seconds), int(daily.low_at * seconds)
    trades_per_second = random.multinomial(max(int(daily.trades * _TRADES_IN_BARS) - 2, 0), weights)
    trades_per_second[[high_second, low_second]] += 1
    second = np.flatnonzero(trades_per_second)
    trades = trades_per_second[second].astype(np.int32)

    at_high, at_low = np.searchsorted(second, (high_second, low_second))
    path = _path(daily, second, int(at_high), int(at_low), seconds, random)
    bars = _bars(daily, path, trades, int(at_high), int(at_low), random)
    coverage = float(
        np.clip(random.normal(_MEAN_COVERAGE, _COVERAGE_SPREAD), _LEAST_COVERAGE, _MOST_COVERAGE)
    )
    volume = _volume(daily, trades, coverage, random)
    opening_volume = _opening_volume(daily, volume)
    accumulated = round_shares(np.cumsum(volume) + opening_volume)
    notional = np.cumsum(volume * bars["vwap"].astype(np.int64)) + opening_volume * daily.open
    final = Bars(start=open_ms + second * BAR_MS, volume=volume, trades=trades, **bars)
    revised = np.flatnonzero(
        (random.random(len(second)) < REVISED_SHARE) & (trades > 1) & (volume >= 2)
    )
    return SessionBars(
        symbol=daily.symbol,
        official_open=daily.open,
        bars=final,
        accumulated=accumulated,
        day_vwap=np.rint(notional / accumulated).astype(np.int32),
        revised=revised,
        incomplete=_incomplete(final.take(revised), random),
    )


def _path(
    daily: DailyBar,
    second: Seconds,
    at_high: int,
    at_low: int,
    seconds: int,
    random: np.random.Generator,
) -> Floats:
    """The last price of each bar: straight lines between open, extremes and close, plus bridges.

    A path that leaves the day's range is reflected into it, so that it does not lie on the edge.
    """
    extremes = sorted(((second[at_high], daily.high), (second[at_low], daily.low)))
    times = np.array([-1.0, *(time for time, _ in extremes), float(seconds)])
    anchors = np.array(
        [daily.open, *(price for _, price in extremes), daily.close], dtype=np.float64
    )
    spread = 0.45 * (daily.high - daily.low) / np.sqrt(seconds)
    gaps = np.diff(np.r_[-1, second, seconds])
    noise = np.cumsum(random.normal(0, 1, len(gaps)) * np.sqrt(gaps)) * spread
    at_anchor = np.interp(times, np.r_[-1, second, seconds], np.r_[0.0, noise])
    bridge = noise[:-1] - np.interp(second, times, at_anchor)
    return _reflected(np.interp(second, times, anchors) + bridge, daily.low, daily.high)


def _reflected(path: Floats, low: float, high: float) -> Floats:
    span = high - low
    if span <= 0:
        return np.full_like(path, low)
    return low + span - np.abs((path - low) % (2 * span) - span)


def _bars(
    daily: DailyBar, path: Floats, trades: npt.NDArray[np.int32], at_high: int, at_low: int,
    random: np.random.Generator,
) -> dict[str, npt.NDArray[np.int32]]:  # fmt: skip
    """Prices of each bar, on the tick grid and inside the day's range."""
    tick = PRICE_SCALE // 100 if daily.low >= PRICE_SCALE else 1
    several = trades > 1
    swing = max(0.6 * tick, 0.00006 * daily.open)
    wiggle = np.abs(random.normal(0, swing, (2, len(path)))) * np.sqrt(trades)

    def priced(values: Floats) -> npt.NDArray[np.int32]:
        return np.clip(np.rint(values / tick) * tick, daily.low, daily.high).astype(np.int32)

    close = priced(path)
    previous = np.r_[daily.open, close[:-1]]
    opening = np.where(several, priced((previous + path) / 2), close)
    high = np.where(
        several, np.maximum(priced(path + wiggle[0]), np.maximum(opening, close)), close
    )
    low = np.where(several, np.minimum(priced(path - wiggle[1]), np.minimum(opening, close)), close)
    _touch(at_high, daily.high, high, opening, close, several)
    _touch(at_low, daily.low, low, opening, close, several)
    inside = random.random(len(path))
    vwap = np.rint((opening + close) / 4 + (low + inside * (high - low)) / 2)
    return {
        "open": opening, "high": high, "low": low, "close": close,
        "vwap": np.clip(vwap, low, high).astype(np.int32),
    }  # fmt: skip


def _touch(
    row: int, price: int, extreme: npt.NDArray[np.int32], opening: npt.NDArray[np.int32],
    close: npt.NDArray[np.int32], several: npt.NDArray[np.bool_],
) -> None:  # fmt: skip
    """Let the bar in this row reach the day's extreme; a bar of one trade is that trade."""
    extreme[row] = price
    if not several[row]:
        opening[row] = close[row] = price


def _volume(
    daily: DailyBar, trades: npt.NDArray[np.int32], coverage: float, random: np.random.Generator
) -> Volumes:
    sizes = trades * np.exp(random.normal(0, 0.5, len(trades)))
    shares = sizes / sizes.sum() * (float(daily.volume) * coverage)
    if isinstance(daily.volume, float):
        return np.maximum(np.floor(shares * 1e6) / 1e6, 1e-6)
    return np.maximum(shares.astype(np.int64), 1)


def _opening_volume(daily: DailyBar, volume: Volumes) -> int | float:
    """The opening auction: a third of what the bars do not carry."""
    rest = (daily.volume - volume.sum().item()) / 3
    return round(rest, 6) if isinstance(daily.volume, float) else int(rest)


def _incomplete(final: Bars, random: np.random.Generator) -> Bars:
    """What is known of these bars before the late reports come in."""
    share = random.uniform(0.3, 0.9, len(final))
    low, high = np.minimum(final.open, final.close), np.maximum(final.open, final.close)
    if final.volume.dtype.kind == "f":
        volume: Volumes = np.maximum(np.floor(final.volume * share * 1e6) / 1e6, 1e-6)
    else:
        volume = np.maximum((final.volume * share).astype(np.int64), 1)
    return Bars(
        start=final.start, open=final.open, high=high, low=low, close=final.close,
        vwap=np.clip(final.vwap, low, high), volume=volume,
        trades=np.maximum((final.trades * share).astype(np.int32), 1),
    )  # fmt: skip
