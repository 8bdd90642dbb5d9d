"""The analytics of the daily marts: what each is, who else computes it, how they are compared."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

PRICE = "price"
"""Differences are relative to the close: figures in USD that can pass through zero."""
RATIO = "ratio"
"""Differences are relative to the figure itself."""
FRACTION = "fraction"
"""Differences are absolute: figures around zero without a unit."""
EXACT = "exact"
"""Flags and counts."""


@dataclass(frozen=True)
class Analytic:
    """A column of a mart with its definition, its oracle and the kind of its differences."""

    mart: str
    column: str
    definition: str
    oracle: str
    kind: str


def _of(mart: str, oracle: str, kind: str, **definitions: str) -> list[Analytic]:
    return [Analytic(mart, name, text, oracle, kind) for name, text in definitions.items()]


ANALYTICS = (
    *_of(
        "fct_daily_returns",
        "pandas",
        FRACTION,
        simple_return="close / previous close - 1, split-adjusted",
        log_return="ln(close / previous close)",
        total_return="with dividends, reinvested on the ex-date",
        overnight_return="open / previous close - 1",
        intraday_return="close / open - 1",
    ),
    *_of(
        "fct_daily_indicators",
        "TA-Lib",
        RATIO,
        sma_20="mean of 20 closes",
        sma_50="mean of 50 closes",
        sma_200="mean of 200 closes",
        ema_12="alpha 2 / 13, seeded with sma",
        ema_26="alpha 2 / 27, seeded with sma",
        ema_50="alpha 2 / 51, seeded with sma",
        bollinger_middle="sma_20",
        atr_14="Wilder's average of the true range",
    ),
    *_of(
        "fct_daily_indicators",
        "TA-Lib",
        PRICE,
        macd="ema 12 - ema 26, from bar 26",
        macd_signal="ema 9 of macd",
        macd_histogram="macd - signal",
        bollinger_upper="sma_20 + 2 sigma (population)",
        bollinger_lower="sma_20 - 2 sigma (population)",
    ),
    *_of("fct_daily_indicators", "TA-Lib", FRACTION, rsi_14="Wilder's averages of rises and falls"),
    *_of(
        "fct_daily_volatility",
        "numpy",
        FRACTION,
        close_to_close_volatility="21 bars, sample deviation, 252 a year",
        parkinson_volatility="Parkinson (1980)",
        garman_klass_volatility="Garman and Klass (1980)",
        rogers_satchell_volatility="Rogers and Satchell (1991)",
        yang_zhang_volatility="Yang and Zhang (2000)",
    ),
    *_of(
        "fct_daily_extremes",
        "pandas",
        RATIO,
        high_52w="highest high of 364 days",
        low_52w="lowest low of 364 days",
        peak_52w="highest adjusted close of 364 days",
    ),
    *_of(
        "fct_daily_extremes",
        "pandas",
        EXACT,
        is_new_high_52w="high is high_52w",
        is_new_low_52w="low is low_52w",
    ),
    *_of(
        "fct_daily_extremes",
        "pandas",
        FRACTION,
        drawdown="adjusted close / peak - 1",
        max_drawdown_52w="lowest drawdown of 364 days",
    ),
    *_of(
        "fct_daily_liquidity",
        "pandas",
        RATIO,
        dollar_volume="close x volume",
        adv_20="mean shares of 20 sessions",
        average_dollar_volume_20="mean dollar volume of 20 sessions",
        amihud_20="1e9 x mean |return| / dollar volume",
        volume_ratio="volume / mean of 20 sessions before",
    ),
    *_of(
        "fct_daily_liquidity",
        "pandas",
        EXACT,
        traded_sessions_20="bars in 20 sessions",
        is_unusual_volume="ratio >= 3, traded >= 15",
    ),
    *_of(
        "fct_daily_risk",
        "pandas",
        FRACTION,
        benchmark_return="mean return of all securities",
        excess_return="return - benchmark",
        beta_52w="covariance / variance, 52 weeks",
        correlation_52w="Pearson, 52 weeks",
    ),
    *_of("fct_daily_risk", "pandas", EXACT, observations="pairs in 52 weeks"),
)


def differences(computed: pd.Series, expected: pd.Series, close: pd.Series, kind: str) -> pd.Series:
    """How far apart two columns are, bar by bar; infinite where only one of them has a figure."""
    if kind == EXACT:
        return (computed.astype(float) != expected.astype(float)).astype(float)
    found, wanted = computed.astype(float), expected.astype(float)
    scale = {PRICE: close, RATIO: wanted.abs().where(wanted != 0, 1.0), FRACTION: 1.0}[kind]
    apart = ((found - wanted).abs() / scale).where(found.notna() & wanted.notna(), np.inf)
    return apart.where(found.notna() | wanted.notna(), 0.0)
