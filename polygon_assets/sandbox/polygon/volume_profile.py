"""When in a session shares trade.

Measured on real one-minute bars (MSFT, 18 sessions): a U shape with a busy first and last minute.
Time is a fraction of the session, so that half days have the same shape.
"""

import numpy as np
import numpy.typing as npt

_HALF_HOURS = (19.7, 9.5, 7.1, 6.2, 5.4, 5.0, 5.4, 4.5, 4.5, 5.1, 5.4, 7.1, 15.3)
_FIRST_MINUTE, _LAST_MINUTE = 6.0, 2.4
_MINUTES = 390


def _minute_shares() -> npt.NDArray[np.float64]:
    shares = np.repeat(np.array(_HALF_HOURS) / 30, 30)
    shares[1:30] = (_HALF_HOURS[0] - _FIRST_MINUTE) / 29
    shares[-30:-1] = (_HALF_HOURS[-1] - _LAST_MINUTE) / 29
    shares[0], shares[-1] = _FIRST_MINUTE, _LAST_MINUTE
    return shares / shares.sum()


_EDGES = np.linspace(0, 1, _MINUTES + 1)
_CUMULATIVE = np.r_[0.0, np.cumsum(_minute_shares())]
_MOMENT = np.r_[0.0, np.cumsum(_minute_shares() * (_EDGES[1:] + _EDGES[:-1]) / 2)]
_STEP, _MOMENT_STEP = np.diff(_CUMULATIVE), np.diff(_MOMENT)


def second_weights(seconds: int) -> npt.NDArray[np.float64]:
    """The share of the session's volume in each of its seconds; sums to 1."""
    weights = np.diff(np.interp(np.linspace(0, 1, seconds + 1), _EDGES, _CUMULATIVE))
    return weights / weights.sum()


def weighted_mean(
    times: npt.NDArray[np.float64], prices: npt.NDArray[np.float64 | np.int32]
) -> npt.NDArray[np.float64]:
    """Volume-weighted mean price of paths that are straight between a few points.

    Args:
        times: One row per path, ascending fractions of the session, from 0 to 1.
        prices: The price at each of these times.
    """
    minute = np.minimum((times * _MINUTES).astype(np.int64), _MINUTES - 1)
    rest = times * _MINUTES - minute
    mass = np.diff(_CUMULATIVE[minute] + rest * _STEP[minute], axis=1)
    moment = np.diff(_MOMENT[minute] + rest * _MOMENT_STEP[minute], axis=1)
    slope = np.diff(prices, axis=1) / np.maximum(np.diff(times, axis=1), 1e-9)
    return (prices[:, :-1] * mass + slope * (moment - times[:, :-1] * mass)).sum(axis=1)
