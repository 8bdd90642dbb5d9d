"""Every figure of the daily marts against who else computes it: TA-Lib, talipp, empyrical, pandas.

Thirteen years of four real symbols, and random series: gaps, few trades, a constant price, late
listings, splits both ways. The oracles start at the same anchor; on the real symbols TA-Lib and
talipp also see the whole history, which an average since the anchor must not be told from.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import analytics_oracles as oracles
import pandas as pd
import pytest
import talipp.indicators as streaming
from analytics import ANALYTICS, PRICE, differences
from analytics_series import raw_tables
from dbt_warehouse import Warehouse, warehouse
from real_market_data import SYMBOLS

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt_oracles"), pytest.mark.timeout(1200)]

MARTS = sorted({analytic.mart for analytic in ANALYTICS})
TOLERANCE = 1e-9
MEMORY_TOLERANCE = 1e-12
TALIPP = {
    "sma_200": lambda closes: streaming.SMA(200, closes),
    "ema_12": lambda closes: streaming.EMA(12, closes),
    "ema_50": lambda closes: streaming.EMA(50, closes),
    "rsi_14": lambda closes: streaming.RSI(14, closes),
}


@dataclass(frozen=True)
class Comparison:
    """The marts by name and symbol, as dbt built them, and the bars that the oracles get."""

    marts: dict[str, dict[str, pd.DataFrame]]
    bars: dict[str, pd.DataFrame]
    statuses: dict[str, str]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comparison]:
    with warehouse(tmp_path_factory.mktemp("oracles")) as wh:
        for table, rows in raw_tables().items():
            wh.insert(table, rows)
        wanted = " ".join(f"+{mart}" for mart in MARTS)
        options = ["--exclude", "resource_type:unit_test", "--indirect-selection", "buildable"]
        statuses = wh.run_dbt("build", "--select", wanted, *options)
        marts = {mart: _by_symbol(wh, mart) for mart in MARTS}
        yield Comparison(marts, oracles.adjusted_bars(), statuses)


def test_everything_builds_and_every_test_passes(comparison: Comparison) -> None:
    assert set(comparison.statuses.values()) <= {"success", "pass", "no-op"}
    assert set(MARTS) <= set(comparison.statuses)


def test_every_analytic_equals_its_oracle(
    comparison: Comparison, record_property: Callable[[str, object], None]
) -> None:
    expected = oracles.expected_marts(comparison.bars)
    largest = {}
    for analytic in ANALYTICS:
        by_symbol = comparison.marts[analytic.mart]
        assert set(by_symbol) == set(comparison.bars)
        largest[analytic] = max(
            differences(
                by_symbol[symbol][analytic.column],
                expected[analytic.mart][symbol][analytic.column],
                bars["close"],
                analytic.kind,
            ).max()
            for symbol, bars in comparison.bars.items()
        )
    lines = [f"{'analytic':<26} {'definition':<42} {'oracle':<8} {'largest difference':>18}"]
    for analytic, apart in largest.items():
        figure = f"{apart:.1e} {analytic.kind}" if apart else "none"
        name = analytic.column
        lines.append(f"{name:<26} {analytic.definition:<42} {analytic.oracle:<8} {figure:>18}")
    record_property("analytics against their oracles", "\n".join(lines))
    assert {a.column: apart for a, apart in largest.items() if apart > TOLERANCE} == {}


@pytest.mark.parametrize("mart", MARTS)
def test_every_figure_of_a_mart_has_an_oracle(comparison: Comparison, mart: str) -> None:
    known = {analytic.column for analytic in ANALYTICS if analytic.mart == mart}
    inputs = {"security_id", "changed_at", "previous_session_date", "previous_close"}
    columns = set(next(iter(comparison.marts[mart].values())).columns)
    assert columns - inputs - {"split_ratio", "cash_dividend"} == known


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_indicators_equal_talib_over_the_whole_history(comparison: Comparison, symbol: str) -> None:
    bars = comparison.bars[symbol]
    whole = oracles.indicators(bars)
    computed = comparison.marts["fct_daily_indicators"][symbol]
    for column in ("ema_12", "ema_26", "ema_50", "rsi_14", "atr_14", "macd", "macd_signal"):
        apart = differences(computed[column], whole[column], bars["close"], PRICE)
        assert apart.max() < MEMORY_TOLERANCE, column


@pytest.mark.parametrize("column", TALIPP)
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_indicators_equal_talipp_over_the_whole_history(
    comparison: Comparison, symbol: str, column: str
) -> None:
    bars = comparison.bars[symbol]
    whole = pd.Series(TALIPP[column](bars["close"].tolist()), bars.index, dtype=float)
    computed = comparison.marts["fct_daily_indicators"][symbol][column]
    assert differences(computed, whole, bars["close"], PRICE).max() < MEMORY_TOLERANCE


def test_drawdown_of_the_first_year_equals_empyrical(comparison: Comparison) -> None:
    for symbol, bars in comparison.bars.items():
        expected = oracles.first_year_drawdown(bars)
        computed = comparison.marts["fct_daily_extremes"][symbol]["max_drawdown_52w"]
        assert computed[expected.index].tolist() == pytest.approx(
            expected.tolist(), rel=TOLERANCE, abs=TOLERANCE
        )


def test_beta_equals_empyrical(comparison: Comparison) -> None:
    market = oracles.market_return(comparison.bars)
    compared = 0
    for symbol, bars in comparison.bars.items():
        expected = oracles.empyrical_beta(bars, market)
        computed = comparison.marts["fct_daily_risk"][symbol]["beta_52w"]
        assert computed[expected.index].tolist() == pytest.approx(
            expected.tolist(), rel=TOLERANCE, abs=TOLERANCE
        )
        compared += len(expected)
    assert compared > 200


def _by_symbol(wh: Warehouse, mart: str) -> dict[str, pd.DataFrame]:
    cursor = wh.connection.cursor()
    cursor.execute(f"select * from MARTS.{mart}")
    rows = cursor.fetch_pandas_all().rename(columns=str.lower)
    rows["session_date"] = pd.to_datetime(rows["session_date"]).dt.as_unit("ns")
    return {
        str(symbol): own.drop(columns="symbol").set_index("session_date").sort_index()
        for symbol, own in rows.groupby("symbol")
    }
