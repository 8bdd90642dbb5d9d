"""The models by session against pandas, built in windows out of order.

The last weeks are built first, then the months before. A split, sectors, entries that cannot be
used, and one bar become known after that.
"""

import made_up_market as market
import pandas as pd
import pytest
from market_windows import (
    KEYS,
    LATE_BAR,
    MONTHS_BEFORE,
    SPLIT_ON,
    History,
    build_history,
)
from pandas.testing import assert_frame_equal
from real_market_data import SYMBOLS
from support.sql_guard import findings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("dbt_market_marts"),
    pytest.mark.timeout(1200),
]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return build_history(tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="module")
def expected(history: History) -> pd.DataFrame:
    """Each bar with what pandas makes of it, and with the other models' figures."""
    bars = history.raw.sort_values(["security_id", "session_date"])
    ratio = 1.0 + ((bars["symbol"] == "AAPL") & (bars["session_date"] == SPLIT_ON))
    before = bars.groupby("security_id")["close"].shift()
    bars = bars.assign(
        simple_return=bars["close"] * ratio / before - 1,
        dollar_volume=bars["close"] * bars["volume"],
        sector=[sector_of(symbol) for symbol in bars["symbol"]],
    )
    ours = history.by_window
    joined = bars
    for name, columns in {
        "fct_daily_adjusted": {"close": "adjusted"},
        "fct_daily_indicators": {"sma_50": "sma_50", "sma_200": "sma_200"},
        "fct_daily_extremes": {"is_new_high_52w": "new_high", "is_new_low_52w": "new_low"},
        "fct_daily_liquidity": {
            "average_dollar_volume_20": "weight",
            "volume_ratio": "volume_ratio",
            "is_unusual_volume": "is_unusual",
        },
    }.items():
        other = ours[name].rename(columns=columns)
        keys = ["session_date", "symbol"]
        joined = joined.merge(other[[*keys, *columns.values()]], on=keys, validate="1:1")
        assert len(joined) == len(bars)
    return joined.astype({"sma_50": float, "sma_200": float, "weight": float})


def sector_of(symbol: str) -> str:
    """By the code that the market gives it; the old name of a security has none."""
    return {
        "1311": "Energy",
        "2834": "Healthcare",
        "9999": "Other",
        None: "Unclassified",
    }.get(market.SIC_CODES.get(symbol), "Business equipment")


def contents(table: pd.DataFrame) -> pd.DataFrame:
    """Without the time of writing."""
    return table.drop(columns="changed_at", errors="ignore")


def test_every_test_of_the_models_passes(history: History) -> None:
    untested = [model for model in KEYS if not any(model in test for test in history.tested)]
    assert untested == []
    assert {name: status for name, status in history.tested.items() if status != "pass"} == {}


def test_statements_are_snowflakes_and_not_what_duckdb_tolerates(history: History) -> None:
    assert len(history.statements) == len(KEYS)
    assert {name: findings(sql) for name, sql in history.statements.items() if findings(sql)} == {}


@pytest.mark.parametrize("name", KEYS)
def test_every_key_occurs_once(history: History, name: str) -> None:
    assert not history.by_window[name].duplicated(KEYS[name]).any()


def test_a_split_is_no_news_to_the_sessions_before_it(history: History) -> None:
    """It restates AAPL's prices in all of them, and no figure of the market."""
    before, after = (
        tables["fct_market_breadth"].set_index("session_date")["changed_at"]
        for tables in (history.before_late_rows, history.by_window)
    )
    months = slice(*MONTHS_BEFORE)
    adjusted = history.by_window["fct_daily_adjusted"]
    apple = adjusted[(adjusted["symbol"] == "AAPL") & (adjusted["session_date"] < SPLIT_ON)]
    assert (apple["split_factor"] == 0.5).all()
    assert len(before[months]) == 198
    assert before[months].equals(after[months])
    assert before[SPLIT_ON] < after[SPLIT_ON]
    assert before[LATE_BAR[0]] < after[LATE_BAR[0]]


def test_sectors_that_became_known_replace_those_before(history: History) -> None:
    """The months before are outside of the window of the run that had the sectors."""
    before, after = (
        set(tables["fct_sector_performance"].query("session_date < '2004-12-01'")["sector"])
        for tables in (history.before_late_rows, history.by_window)
    )
    assert (before, after) == ({"Unclassified"}, {"Business equipment"})


def test_signals_have_one_row_for_every_bar(history: History, expected: pd.DataFrame) -> None:
    keys = ["session_date", "symbol"]
    ours = history.by_window["int_daily_signals"].merge(expected, on=keys, validate="1:1")
    assert len(ours) == len(expected) == len(history.by_window["int_daily_signals"])
    assert list(ours["sector_x"]) == list(ours["sector_y"])
    for figure in ("simple_return", "dollar_volume"):
        mine, theirs = ours[f"{figure}_x"].astype(float), ours[f"{figure}_y"]
        pd.testing.assert_series_equal(mine, theirs, check_names=False, rtol=1e-9, atol=0.006)
    returns = ours["simple_return_x"].astype(float) - ours["simple_return_y"]
    assert returns.abs().max() < 1e-12


def test_breadth_equals_pandas(history: History, expected: pd.DataFrame) -> None:
    def breadth(day: pd.DataFrame) -> pd.Series:
        up, down = day["simple_return"] > 0, day["simple_return"] < 0
        have_50, have_200 = day.dropna(subset="sma_50"), day.dropna(subset="sma_200")
        return pd.Series(
            {
                "securities": len(day),
                "advancers": up.sum(),
                "decliners": down.sum(),
                "unchanged": (day["simple_return"] == 0).sum(),
                "advance_decline_difference": up.sum() - down.sum(),
                "advancing_volume": day["dollar_volume"][up].sum(),
                "declining_volume": day["dollar_volume"][down].sum(),
                "new_highs_52w": day["new_high"].eq(True).sum(),
                "new_lows_52w": day["new_low"].eq(True).sum(),
                "share_above_sma_50": is_above(have_50["adjusted"], have_50["sma_50"]).mean(),
                "share_above_sma_200": is_above(have_200["adjusted"], have_200["sma_200"]).mean(),
                "equal_weighted_return": day["simple_return"].mean(),
                "median_return": day["simple_return"].median(),
            }
        )

    theirs = expected.groupby("session_date")[list(expected.columns)].apply(breadth)
    ours = contents(history.by_window["fct_market_breadth"]).set_index("session_date")
    assert_frame_equal(ours.astype(float), theirs.astype(float), rtol=1e-9, atol=1e-9)
    assert theirs["share_above_sma_200"].notna().sum() > 10
    assert theirs[["new_highs_52w", "new_lows_52w", "unchanged"]].sum().min() > 10


def is_above(close: pd.Series, average: pd.Series) -> pd.Series:
    return close / average - 1 > 5e-10


def test_breadth_counts_every_bar(history: History) -> None:
    breadth = history.by_window["fct_market_breadth"]
    assert breadth["securities"].sum() == len(history.raw)
    moved = breadth[["advancers", "decliners", "unchanged"]].sum().sum()
    assert moved == len(history.raw) - history.raw["security_id"].nunique()


def test_sectors_equal_pandas(history: History, expected: pd.DataFrame) -> None:
    def performance(members: pd.DataFrame) -> pd.Series:
        weighed = members.dropna(subset=["simple_return", "weight"])
        weights = weighed["weight"].sum()
        product = (weighed["simple_return"] * weighed["weight"]).sum()
        return pd.Series(
            {
                "securities": len(members),
                "equal_weighted_return": members["simple_return"].mean(),
                "dollar_weighted_return": product / weights if weights else None,
                "advancers": (members["simple_return"] > 0).sum(),
                "decliners": (members["simple_return"] < 0).sum(),
                "dollar_volume": members["dollar_volume"].sum(),
            }
        )

    groups = expected.groupby(["session_date", "sector"])[list(expected.columns)]
    ours = contents(history.by_window["fct_sector_performance"])
    ours = ours.set_index(["session_date", "sector"])
    assert_frame_equal(
        ours.astype(float), groups.apply(performance).astype(float), rtol=1e-8, atol=1e-8
    )
    assert ours["dollar_weighted_return"].notna().sum() > 300


def test_sectors_add_up_to_the_market(history: History) -> None:
    columns = ["securities", "advancers", "decliners"]
    sectors = history.by_window["fct_sector_performance"].groupby("session_date")[columns].sum()
    breadth = history.by_window["fct_market_breadth"].set_index("session_date")[columns]
    assert_frame_equal(sectors.astype(int), breadth.astype(int))


def test_movers_equal_pandas(history: History, expected: pd.DataFrame) -> None:
    traded = expected[expected["volume"] >= 10_000]
    chosen = {
        "gainer": traded[traded["simple_return"] > 0].assign(figure=lambda d: d["simple_return"]),
        "loser": traded[traded["simple_return"] < 0].assign(figure=lambda d: -d["simple_return"]),
        "most_active": expected[expected["dollar_volume"] > 0].assign(
            figure=lambda d: d["dollar_volume"]
        ),
        "unusual_volume": expected[expected["is_unusual"].eq(True)].assign(
            figure=lambda d: d["volume_ratio"].astype(float)
        ),
    }
    every = pd.concat([rows.assign(category=name) for name, rows in chosen.items()])
    every = every.assign(figure=every["figure"].round(12)).reset_index(drop=True)
    groups = every.sort_values(
        ["session_date", "category", "figure", "symbol"], ascending=[True, True, False, True]
    ).groupby(["session_date", "category"])
    theirs = groups.head(10).assign(rank=groups.cumcount() + 1)
    columns = ["session_date", "category", "rank", "symbol", "security_id", "simple_return"]
    columns += ["close", "dollar_volume", "volume_ratio"]
    ours = contents(history.by_window["fct_movers"])
    numbers = dict.fromkeys(columns[5:], float) | {"rank": int}
    assert_frame_equal(
        ours.astype(numbers),
        theirs[columns].reset_index(drop=True).astype(numbers),
        rtol=1e-8,
        atol=0.006,
    )


def test_movers_of_known_sessions(history: History) -> None:
    movers = history.by_window["fct_movers"].set_index(["session_date", "category", "rank"])
    gainers = movers.loc[market.TWINS_RISE_ON, "gainer"]
    assert list(gainers["symbol"][:2]) == ["TWINA", "TWINB"]
    assert "THIN" not in set(gainers["symbol"])
    assert movers.loc[(market.UNKNOWN_SPLIT_ON, "loser", 1), "symbol"] == "HALF"
    busy = movers.loc[market.BUSY_ON, "unusual_volume"]["symbol"]
    assert set(busy) == {"SYN03", "SYN05"}


def test_filled_series_equal_pandas(history: History) -> None:
    sessions = pd.Index(market.sessions(), name="session_date")
    adjusted = history.by_window["fct_daily_adjusted"]
    current = history.securities[history.securities["is_current"]].set_index("security_id")
    parts = []
    for security_id, bars in adjusted.groupby("security_id"):
        end = market.LAST if current.loc[security_id, "is_active"] else bars["session_date"].max()
        if bars["symbol"].iloc[0] == "GONE":
            end = "2005-03-03"
        span = sessions[(sessions >= bars["session_date"].min()) & (sessions <= end)]
        filled = bars.set_index("session_date").reindex(span)
        is_filled = filled["close"].isna()
        filled = filled.assign(
            volume=filled["volume"].astype(float).fillna(0), bar_session_date=span.where(~is_filled)
        )
        filled = filled.ffill().assign(is_filled=is_filled).reset_index()
        parts.append(filled.assign(security_id=security_id))
    columns = list(history.by_window["fct_daily_filled"].columns)
    theirs = pd.concat(parts)[columns].sort_values(KEYS["fct_daily_filled"], ignore_index=True)
    ours = history.by_window["fct_daily_filled"]
    types = dict.fromkeys(("close", "adjusted_close", "volume"), float) | {"is_filled": bool}
    assert_frame_equal(ours.astype(types), theirs.astype(types), check_exact=True)
    assert 10 < ours["is_filled"].sum() == len(ours) - len(adjusted)


def test_filled_series_of_known_securities(history: History) -> None:
    filled = history.by_window["fct_daily_filled"].set_index("session_date")
    gone = filled[filled["symbol"] == "GONE"]
    assert (gone.index.max(), gone["is_filled"].iloc[-1]) == ("2005-03-03", True)
    renamed = filled.loc[market.RENAMED_ON].set_index("symbol").loc["OLDNAME"]
    assert (renamed["is_filled"], renamed["close"], renamed["volume"]) == (True, 30.0, 0.0)
    assert filled[filled["symbol"] == "NEW"].index.min() == market.NEW_ON


def test_scorecard_equals_pandas(history: History, expected: pd.DataFrame) -> None:
    listed = {
        day: {row["TICKER"] for row in market.snapshots() if row["SESSION_DATE"] == day}
        - ({"GONE"} if day >= market.DELISTED_ON else set())
        for day in {row["SESSION_DATE"] for row in market.snapshots()}
    }
    ours = history.by_window["fct_data_quality"].set_index("session_date")
    assert list(ours.index) == market.sessions()
    for day, bars in expected.groupby("session_date"):
        row, traded = ours.loc[day], set(bars["symbol"])
        assert row["bars"] == len(bars)
        assert row["zero_volume_bars"] == (bars["volume"] == 0).sum()
        assert row["bars_without_vwap"] == len(traded & set(SYMBOLS))
        assert (row["ohlc_violations"], row["provisional_bars"]) == (0, 0)
        if day not in listed:
            assert pd.isna(row["expected_symbols"])
            assert pd.isna(row["share_present"])
            continue
        missing = listed[day] - traded
        assert row["expected_symbols"] == len(listed[day])
        assert row["missing_bars"] == len(missing)
        assert row["bars_without_listing"] == len(traded - listed[day])
        assert row["share_present"] == pytest.approx(1 - len(missing) / len(listed[day]))


def test_scorecard_of_known_sessions(history: History) -> None:
    score = history.by_window["fct_data_quality"].set_index("session_date")
    after_weekend = score.loc[market.NEW_ON]
    assert (after_weekend["rejected_actions"], after_weekend["duplicate_actions"]) == (1, 1)
    assert score["rejected_actions"].sum() == score["duplicate_actions"].sum() == 1
    suspects = score[score["unadjusted_split_suspects"] > 0].index
    assert list(suspects) == [market.TWINS_RISE_ON, "2005-03-03", market.UNKNOWN_SPLIT_ON]
    assert score["suspicious_returns"].sum() == score["unconfirmed_splits"].sum() == 0
    assert score.loc[market.WITHOUT_SNAPSHOT, "status"] == "warn"
    halved = score.loc[market.UNKNOWN_SPLIT_ON]
    faults = 5 + halved["bars_without_listing"]
    points = 100 * (halved["share_present"] - faults / halved["bars"])
    assert halved["score"] == pytest.approx(points, abs=0.006)
    assert halved["status"] == "bad"
