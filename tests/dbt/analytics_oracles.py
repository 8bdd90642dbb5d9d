"""Every figure of the daily marts computed a second time: by TA-Lib, empyrical, pandas and numpy.

Each function gets the bars of one security, adjusted, and returns the figures by session.
"""

import empyrical
import numpy as np
import pandas as pd
import talib
from analytics_series import raw_tables, sessions

_YEAR_OF_DAYS = "365D"  # pandas leaves the first moment out: the session and the 364 days before


def adjusted_bars() -> dict[str, pd.DataFrame]:
    """The raw bars of each symbol with adjusted prices, by session, from the raw rows alone."""
    tables = raw_tables()
    raw = pd.DataFrame(tables["DAILY_BARS"])
    raw["session"] = pd.to_datetime(raw["T"], unit="ms").dt.normalize().dt.as_unit("ns")
    splits = {(s["TICKER"], s["EXECUTION_DATE"]): s["SPLIT_TO"] for s in tables["SPLITS"]}
    cash = {(d["TICKER"], d["EX_DIVIDEND_DATE"]): d["CASH_AMOUNT"] for d in tables["DIVIDENDS"]}
    return {
        str(symbol): _adjust(str(symbol), bars.set_index("session").sort_index(), splits, cash)
        for symbol, bars in raw.groupby("TICKER")
    }


def _adjust(
    symbol: str,
    raw: pd.DataFrame,
    splits: dict[tuple[str, str], float],
    cash: dict[tuple[str, str], float],
) -> pd.DataFrame:
    keys = [(symbol, f"{day:%Y-%m-%d}") for day in raw.index]
    ratio = pd.Series([splits.pop(key, 1.0) for key in keys], raw.index)
    # A dividend without a bar on its ex-date is paid to who holds the share at the next bar.
    paid = pd.Series(0.0, raw.index)
    for (ticker, day), amount in cash.items():
        if ticker == symbol:
            paid.iloc[raw.index.searchsorted(pd.Timestamp(day))] += amount
    later_splits = ratio[::-1].cumprod()[::-1].shift(-1, fill_value=1.0)
    kept = (raw["C"] / (raw["C"] + paid))[::-1].cumprod()[::-1].shift(-1, fill_value=1.0)
    bars = pd.DataFrame(
        {
            name: raw[letter] / later_splits
            for name, letter in {"open": "O", "high": "H", "low": "L", "close": "C"}.items()
        }
    )
    bars["volume"] = raw["V"] * later_splits
    bars["adjusted_close"] = bars["close"] * kept
    bars["own_return"] = bars["close"].pct_change()
    return bars


def since_anchor(bars: pd.DataFrame) -> pd.DataFrame:
    """The indicators of each year from the bars since 1 January three years before."""
    years = []
    for year in sorted(set(bars.index.year)):
        known = bars[(bars.index.year >= year - 3) & (bars.index.year <= year)]
        figures = indicators(known)
        years.append(figures[figures.index.year == year])
    return pd.concat(years)


def returns(bars: pd.DataFrame) -> pd.DataFrame:
    """pandas: returns from bar to bar."""
    previous = bars["close"].shift()
    return pd.DataFrame(
        {
            "simple_return": bars["close"].pct_change(),
            "log_return": np.log(bars["close"]).diff(),
            "total_return": bars["adjusted_close"].pct_change(),
            "overnight_return": bars["open"] / previous - 1,
            "intraday_return": bars["close"] / bars["open"] - 1,
        }
    )


def indicators(bars: pd.DataFrame) -> pd.DataFrame:
    """TA-Lib, in its default settings. The MACD line begins eight bars earlier than its output."""
    close = bars["close"].to_numpy()
    figures = {f"sma_{bars}": talib.SMA(close, bars) for bars in (20, 50, 200)}
    figures |= {f"ema_{bars}": talib.EMA(close, bars) for bars in (12, 26, 50)}
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    start = slice(25, 33)
    if len(close) > 25:
        fast = np.concatenate([np.full(14, np.nan), talib.EMA(close[14:], 12)])
        line[start] = (fast - talib.EMA(close, 26))[start]
    upper, middle, lower = talib.BBANDS(close, 20, 2, 2)
    figures |= {
        "rsi_14": talib.RSI(close, 14),
        "macd": line,
        "macd_signal": signal,
        "macd_histogram": histogram,
        "bollinger_middle": middle,
        "bollinger_upper": upper,
        "bollinger_lower": lower,
        "atr_14": talib.ATR(bars["high"].to_numpy(), bars["low"].to_numpy(), close, 14),
    }
    return pd.DataFrame(figures, bars.index)


def volatility(bars: pd.DataFrame) -> pd.DataFrame:
    """numpy over each window of 21 bars, from the papers' formulas."""
    o, h, low, c = (np.log(bars[name].to_numpy()) for name in ("open", "high", "low", "close"))
    follows = _follows(bars)
    overnight = np.where(follows, np.concatenate([[np.nan], o[1:] - c[:-1]]), np.nan)
    whole_day = np.where(follows, np.concatenate([[np.nan], c[1:] - c[:-1]]), np.nan)
    rs = (h - c) * (h - o) + (low - c) * (low - o)
    k = 0.34 / (1.34 + 22 / 20)

    def rolling(values, figure):
        if len(values) < 21:
            return np.full(len(values), np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(values, 21)
        return np.concatenate([np.full(20, np.nan), figure(windows)])

    def mean(values):
        return rolling(values, lambda windows: windows.mean(axis=1))

    def variance(values):
        return rolling(values, lambda windows: windows.var(axis=1, ddof=1))

    garman_klass = mean(0.5 * (h - low) ** 2 - (2 * np.log(2) - 1) * (c - o) ** 2)
    yang_zhang = variance(overnight) + k * variance(c - o) + (1 - k) * mean(rs)
    figures = {
        "close_to_close_volatility": variance(whole_day),
        "parkinson_volatility": mean((h - low) ** 2) / (4 * np.log(2)),
        "garman_klass_volatility": np.maximum(garman_klass, 0),
        "rogers_satchell_volatility": np.maximum(mean(rs), 0),
        "yang_zhang_volatility": yang_zhang,
    }
    known = bars["close"].rolling(_YEAR_OF_DAYS).count() >= 21
    return pd.DataFrame(
        {name: np.sqrt(252 * values) for name, values in figures.items()}, bars.index
    ).where(known)


def _follows(bars: pd.DataFrame) -> pd.Series:
    """Whether a bar has another one in the 52 weeks before."""
    return bars.index.to_series().diff() <= pd.Timedelta(364, "D")


def extremes(bars: pd.DataFrame) -> pd.DataFrame:
    """pandas, over windows of calendar days."""
    high = bars["high"].rolling(_YEAR_OF_DAYS).max()
    low = bars["low"].rolling(_YEAR_OF_DAYS).min()
    peak = bars["adjusted_close"].rolling(_YEAR_OF_DAYS).max()
    drawdown = bars["adjusted_close"] / peak - 1
    not_alone = bars["close"].rolling(_YEAR_OF_DAYS).count() > 1
    return pd.DataFrame(
        {
            "high_52w": high,
            "low_52w": low,
            "is_new_high_52w": (bars["high"] == high) & not_alone,
            "is_new_low_52w": (bars["low"] == low) & not_alone,
            "peak_52w": peak,
            "drawdown": drawdown,
            "max_drawdown_52w": drawdown.rolling(_YEAR_OF_DAYS).min(),
        }
    )


def first_year_drawdown(bars: pd.DataFrame) -> pd.Series:
    """empyrical: the maximum drawdown since the first bar, in the first 52 weeks."""
    first_year = bars[bars.index <= bars.index[0] + pd.Timedelta(364, "D")]
    gains = first_year["adjusted_close"].pct_change().fillna(0.0)
    so_far = [empyrical.max_drawdown(gains.iloc[: end + 1]) for end in range(len(gains))]
    return pd.Series(so_far, gains.index)


def liquidity(bars: pd.DataFrame, exchange: pd.DatetimeIndex) -> pd.DataFrame:
    """pandas, on every session of the exchange with zeros where there is no bar."""
    dollars = bars["close"] * bars["volume"]
    moves = bars["close"].pct_change().abs().where(_follows(bars))
    impact = moves / dollars.where(dollars > 0)
    known = exchange[(exchange >= bars.index[0]) & (exchange <= bars.index[-1])]
    daily = pd.DataFrame({"volume": bars["volume"], "dollars": dollars, "traded": 1.0})
    daily = daily.reindex(known, fill_value=0.0)
    before = daily["volume"].rolling(20).mean().shift()
    figures = pd.DataFrame(
        {
            "dollar_volume": daily["dollars"],
            "adv_20": daily["volume"].rolling(20).mean(),
            "average_dollar_volume_20": daily["dollars"].rolling(20).mean(),
            "traded_sessions_20": daily["traded"].rolling(20, min_periods=1).sum(),
            "amihud_20": 1e9 * impact.reindex(known).rolling(20, min_periods=1).mean(),
            "volume_ratio": daily["volume"] / before.where(before > 0),
        }
    )
    figures = figures.reindex(bars.index)
    number = pd.Series(exchange.get_indexer(bars.index).astype(float), bars.index)
    reach = number - number.rolling(_YEAR_OF_DAYS).min()
    means = ["adv_20", "average_dollar_volume_20", "amihud_20"]
    figures[means] = figures[means].where(reach >= 19)
    figures["volume_ratio"] = figures["volume_ratio"].where(reach >= 20)
    unusual = (figures["volume_ratio"] >= 3) & (figures["traded_sessions_20"] >= 15)
    return figures.assign(is_unusual_volume=unusual)


def market_return(bars: dict[str, pd.DataFrame]) -> pd.Series:
    """pandas: the mean return of all securities in each session."""
    gains = {symbol: each["close"].pct_change() for symbol, each in bars.items()}
    return pd.DataFrame(gains).mean(axis=1)


def risk(bars: pd.DataFrame, market: pd.Series) -> pd.DataFrame:
    """pandas: covariance and variance of the last 52 weeks."""
    own = bars["own_return"]
    benchmark = market.reindex(bars.index)
    both = benchmark.where(own.notna())
    frame = {"window": _YEAR_OF_DAYS, "min_periods": 60}
    covariance = own.rolling(**frame).cov(both)
    return pd.DataFrame(
        {
            "benchmark_return": benchmark,
            "excess_return": own - benchmark,
            "observations": both.rolling(_YEAR_OF_DAYS, min_periods=1).count(),
            "beta_52w": covariance / both.rolling(**frame).var(),
            "correlation_52w": own.rolling(**frame).corr(both),
        }
    )


def empyrical_beta(bars: pd.DataFrame, market: pd.Series) -> pd.Series:
    """empyrical: beta of the last 52 weeks at every 50th bar that has enough of them."""
    own = bars["own_return"]
    betas = {}
    for session in own.index[300::50]:
        known = own[session - pd.Timedelta(364, "D") : session]
        if known.count() >= 60:
            betas[session] = empyrical.beta(known, market)
    return pd.Series(betas, dtype=float)


def expected_marts(bars: dict[str, pd.DataFrame]) -> dict[str, dict[str, pd.DataFrame]]:
    """The figures of every mart by symbol."""
    market = market_return(bars)
    exchange = pd.DatetimeIndex(sessions())
    return {
        "fct_daily_returns": {s: returns(b) for s, b in bars.items()},
        "fct_daily_indicators": {s: since_anchor(b) for s, b in bars.items()},
        "fct_daily_volatility": {s: volatility(b) for s, b in bars.items()},
        "fct_daily_extremes": {s: extremes(b) for s, b in bars.items()},
        "fct_daily_liquidity": {s: liquidity(b, exchange) for s, b in bars.items()},
        "fct_daily_risk": {s: risk(b, market) for s, b in bars.items()},
    }
