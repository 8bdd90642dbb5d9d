"""The traps of batch market data, each beside the naive way that falls into it.

One small market with everything that goes wrong: a split listed twice, one under its record date
and one that never happened, actions of null and of zero, a split and a dividend of one day, a
rename, a ticker that is used again, a delisting, a thin symbol, tickers that read like something
else, exchanges that share a number, a bar that comes late. Each test asks the naive question in
SQL, shows that its answer is wrong, and that the marts' answer is right.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from dbt_warehouse import REPOSITORY, WITHOUT_VIEWS, Warehouse, warehouse
from real_market_data import four_pm
from trap_market import LATE_SESSION, SESSIONS, bar, build

from polygon_assets.defs.reconcile.bands import Bar, compare
from polygon_assets.defs.symbols.assets import MINUTE_BARS

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt_traps"), pytest.mark.timeout(1200)]

FRIDAY, TUESDAY = "2005-02-18", "2005-02-22"

TRAPS: dict[str, str] = {}
"""Trap -> the test that shows it."""

BATCH = {8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20}
"""Traps of batch data; the others are of the stream, or of snapshots, which are not loaded."""

OF_THE_CONNECTOR = {
    "15 boundaries of incremental syncs": "test_a_sync_starts_from_the_state_less_the_lookback",
}
CONNECTOR_TESTS = REPOSITORY / "airbyte_connector" / "tests"


def trap(number: str) -> Any:
    """Mark the test of a trap; the number is that of the list that the tests follow."""

    def remember(test: Any) -> Any:
        TRAPS[number] = test.__name__
        return test

    return remember


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with warehouse(tmp_path_factory.mktemp("traps")) as wh:
        build(wh)
        yield wh


def one(wh: Warehouse, sql: str) -> Any:
    [(value,)] = wh.query(sql)
    return value


@trap("8 time")
def test_the_session_of_an_evening_minute_is_new_yorks_date(market: Warehouse) -> None:
    evening = four_pm("2005-02-14") + 200 * 60_000  # 19:20 in New York, 00:20 in UTC
    naive, ours = market.query(
        f"select to_date(to_timestamp_ntz(t, 3)), {MINUTE_BARS.session} "
        f"from (select {evening} as t)"
    )[0]
    assert (str(naive), str(ours)) == ("2005-02-15", "2005-02-14")


@trap("8 daylight saving")
@pytest.mark.parametrize("day", ["2005-04-01", "2005-04-04", "2005-10-28", "2005-10-31"])
def test_the_day_begins_at_midnight_in_new_york(market: Warehouse, day: str) -> None:
    """The vendor stamps a day's start with 04:00 or 05:00 in UTC; the clocks change in between."""
    midnight = four_pm(day) - 16 * 3_600_000
    naive, ours = market.query(
        "select to_date(dateadd('hour', -5, to_timestamp_ntz(t, 3))), "
        f"{MINUTE_BARS.session} from (select {midnight} as t)"
    )[0]
    assert str(ours) == day
    assert (str(naive) == day) == (day in ("2005-04-01", "2005-10-31"))


@trap("9 the stream's day and the official bar")
def test_the_streams_day_is_compared_in_bands() -> None:
    """As 18 real sessions of minute bars are: no auction prints, four fifths of the volume."""
    official = Bar(open=10.0, high=10.5, low=9.9, close=10.2, volume=1000.0)
    stream = Bar(open=10.01, high=10.5, low=9.9, close=10.19, volume=808.0)
    assert stream != official
    assert compare("X", stream, official).verdict == "ok"
    assert compare("X", replace(stream, high=10.6), official).verdict == "outside_bands"


@trap("10 split listed twice")
def test_a_split_listed_twice_counts_once(market: Warehouse) -> None:
    naive = one(market, "select exp(sum(ln(split_to))) from STAGING.stg_splits "
                        "where symbol = 'TWICE'")  # fmt: skip
    ours = one(market, "select split_ratio from INTERMEDIATE.int_corporate_actions "
                       "where symbol = 'TWICE'")  # fmt: skip
    assert (round(naive, 9), ours) == (4, 2)


@trap("10 split under its record date, too")
def test_a_split_of_two_days_counts_on_the_later(market: Warehouse) -> None:
    """As the vendor lists SHOP's ten for one on 2022-06-22 and on 2022-06-29."""
    naive = one(market, "select exp(sum(ln(split_to))) from STAGING.stg_splits "
                        "where symbol = 'RECORD'")  # fmt: skip
    ours = market.query("select close, split_factor from MARTS.fct_daily_adjusted "
                        "where symbol = 'RECORD' order by session_date")  # fmt: skip
    assert round(naive, 9) == 4
    assert ours == [(50.0, 0.5)] * 10 + [(50.0, 1.0)] * (len(SESSIONS) - 10)
    assert market.query(
        "select split_ratio, duplicate_count from INTERMEDIATE.int_corporate_actions "
        "where symbol = 'RECORD' order by ex_date"
    ) == [(1.0, 1), (2.0, 0)]


@trap("10 split that did not happen")
def test_a_split_that_the_price_does_not_follow_is_shown(market: Warehouse) -> None:
    naive = one(market, "select count(*) from MARTS.fct_daily_returns "
                        "where abs(simple_return) > 0.5 and split_ratio = 1 "
                        "and symbol = 'WRONG'")  # fmt: skip
    ours = market.query("select session_date, status from MARTS.fct_data_quality "
                        "where unconfirmed_splits > 0")  # fmt: skip
    assert naive == 0
    assert [str(day) for day, _ in ours] == [SESSIONS[10]]
    assert ours[0][1] != "ok"


@trap("10 the way round of a ratio")
def test_a_price_is_multiplied_by_from_and_divided_by_to(market: Warehouse) -> None:
    """Two for one is from 1 to 2."""
    naive, ours, later = market.query(
        "select b.close * s.split_to / s.split_from, a.close, n.open "
        "from MARTS.fct_daily_bars as b join STAGING.stg_splits as s using (symbol) "
        "join MARTS.fct_daily_adjusted as a using (session_date, symbol) "
        "join MARTS.fct_daily_bars as n on n.symbol = b.symbol and n.session_date = '2005-02-28' "
        "where symbol = 'AAPL' and session_date = '2005-02-25'"
    )[0]
    assert naive > 3 * later
    assert ours == pytest.approx(later, rel=0.02)


@trap("10 nulls and zeros")
def test_actions_of_null_and_zero_adjust_nothing_and_are_counted(market: Warehouse) -> None:
    factor = "min(case when split_to = 0 then 0 else split_from / split_to end)"
    naive = one(market, f"select {factor} from STAGING.stg_splits where symbol = 'BAD'")
    ours = market.query("select distinct close, adjusted_close from MARTS.fct_daily_adjusted "
                        "where symbol = 'BAD'")  # fmt: skip
    rejected = one(market, "select rejected_actions from MARTS.fct_data_quality "
                           f"where session_date = '{SESSIONS[10]}'")  # fmt: skip
    assert naive == 0
    assert ours == [(60.0, 60.0)]
    assert rejected == 2


@trap("10 on or after the ex-date")
def test_the_ex_date_is_in_the_new_share_count(market: Warehouse) -> None:
    on_the_day = "select {} from MARTS.fct_daily_bars as b join STAGING.stg_splits as s " \
        "on b.symbol = s.symbol and b.session_date <= s.execution_date " \
        "where b.symbol = 'AAPL' and b.session_date = '2005-02-28'"  # fmt: skip
    assert one(market, on_the_day.format("b.close * s.split_from / s.split_to")) == 44.86 / 2
    ours = "select close from MARTS.fct_daily_adjusted " \
        "where symbol = 'AAPL' and session_date = '2005-02-28'"  # fmt: skip
    assert one(market, ours) == 44.86


@trap("10 prices without volumes")
def test_volumes_are_divided(market: Warehouse) -> None:
    """Dollars that changed hands do not change with the share count."""
    naive, ours, official = market.query(
        "select a.close * b.volume, a.close * a.volume, b.close * b.volume "
        "from MARTS.fct_daily_adjusted as a join MARTS.fct_daily_bars as b "
        "using (session_date, symbol) where symbol = 'AAPL' and session_date = '2005-02-25'"
    )[0]
    assert naive == pytest.approx(official / 2)
    assert ours == pytest.approx(official)


@trap("10 dividend in another share count")
def test_a_dividend_counts_in_the_shares_of_its_day(market: Warehouse) -> None:
    """98 after a split of 100 is 49 + 49; with 1 dollar a share the day brings nothing."""
    naive, ours = market.query(
        "select (close * split_ratio + cash_dividend) / previous_close - 1, total_return "
        f"from MARTS.fct_daily_returns join MARTS.fct_daily_bars using (session_date, symbol) "
        f"where symbol = 'BOTH' and session_date = '{SESSIONS[10]}'"
    )[0]
    assert naive == pytest.approx(-0.01)
    assert ours == pytest.approx(0)


@trap("10 adjusted prices that freeze")
def test_an_action_that_comes_late_restates_history(market: Warehouse) -> None:
    """AAPL's split was loaded after its sessions had been built, and with an older one."""
    frozen, ours = market.query(
        "select b.close, a.close from MARTS.fct_daily_bars as b join MARTS.fct_daily_adjusted as a "
        f"using (session_date, symbol) where symbol = 'AAPL' and session_date = '{SESSIONS[0]}'"
    )[0]
    assert ours == frozen / 2


@trap("10 announced actions")
def test_an_announced_dividend_adjusts_nothing_yet(market: Warehouse) -> None:
    naive = one(market, "select count(*) from STAGING.stg_dividends "
                        "where symbol = 'NEW' and ex_date > '2005-02-28'")  # fmt: skip
    factors = market.query("select distinct dividend_factor from MARTS.fct_daily_adjusted "
                           "where symbol in ('OLD', 'NEW')")  # fmt: skip
    assert (naive, factors) == (1, [(1.0,)])


@trap("11 calendar")
def test_the_session_before_a_long_weekends_next_is_friday(market: Warehouse) -> None:
    naive, ours = market.query(
        "select dateadd('day', -1, session_date), previous_session_date "
        f"from MARTS.fct_daily_returns where symbol = 'AAPL' and session_date = '{TUESDAY}'"
    )[0]
    assert (str(naive)[:10], str(ours)) == ("2005-02-21", FRIDAY)


@trap("11 half days")
def test_a_half_day_closes_at_its_own_time(market: Warehouse) -> None:
    naive, ours = market.query(
        "select convert_timezone('America/New_York', 'UTC', dateadd('hour', 16, "
        "cast(session_date as timestamp_ntz))), close_at from MARTS.dim_trading_session "
        "where session_date = '2005-11-25'"
    )[0]
    assert (f"{naive:%H:%M}", f"{ours:%H:%M}") == ("21:00", "18:00")


@trap("12 sparse symbols")
def test_a_mean_over_sessions_counts_those_without_trades(market: Warehouse) -> None:
    day = [one for number, one in enumerate(SESSIONS) if number % 5 == 0][-1]
    naive = one(market, "select avg(volume) from (select volume from MARTS.fct_daily_bars "
                        "where symbol = 'THIN' order by session_date desc limit 20)")  # fmt: skip
    ours = one(market, "select adv_20 from MARTS.fct_daily_liquidity "
                       f"where symbol = 'THIN' and session_date = '{day}'")  # fmt: skip
    assert (naive, ours) == (100, 20)


@trap("13 renames")
def test_a_rename_does_not_interrupt_returns(market: Warehouse) -> None:
    day = f"symbol = 'NEW' and session_date = '{SESSIONS[20]}'"
    naive = one(market, "select simple_return from (select *, close / lag(close) over "
                        "(partition by symbol order by session_date) - 1 as simple_return "
                        f"from MARTS.fct_daily_bars) where {day}")  # fmt: skip
    ours = one(market, f"select simple_return from MARTS.fct_daily_returns where {day}")
    assert naive is None
    assert ours == pytest.approx(56 / 55 - 1)


@trap("13 reused tickers")
def test_a_reused_ticker_has_no_return_across_securities(market: Warehouse) -> None:
    day = f"symbol = 'RE' and session_date = '{SESSIONS[15]}'"
    naive = one(market, "select simple_return from (select *, close / lag(close) over "
                        "(partition by symbol order by session_date) - 1 as simple_return "
                        f"from MARTS.fct_daily_bars) where {day}")  # fmt: skip
    ours = one(market, f"select simple_return from MARTS.fct_daily_returns where {day}")
    assert (naive, ours) == (49, None)
    assert one(market, "select count(distinct security_id) from MARTS.fct_daily_bars "
                       "where symbol = 'RE'") == 2  # fmt: skip


@trap("13 survivorship")
def test_delisted_securities_stay_in_the_market(market: Warehouse) -> None:
    """DOWN fell every day and was delisted: today's list of tickers forgets it."""
    day = SESSIONS[3]
    of_the_day = f"from MARTS.fct_daily_returns where session_date = '{day}'"
    naive = one(market, f"select count(*) {of_the_day} and simple_return < 0 and symbol in "
                        "(select symbol from STAGING.stg_tickers where is_active "
                        f"and session_date = '{SESSIONS[-1]}')")  # fmt: skip
    all_of_them = one(market, f"select count(*) {of_the_day} and simple_return < 0")
    ours = one(
        market, f"select decliners from MARTS.fct_market_breadth where session_date = '{day}'"
    )
    assert naive < all_of_them == ours


@trap("14 reference data without a key")
def test_a_number_of_an_exchange_is_no_key(market: Warehouse) -> None:
    trades = "from (select 4 as exchange_id union all select 5) as t"
    naive = one(market, f"select count(*) {trades} left join MARTS.dim_exchange as e "
                        "on t.exchange_id = e.exchange_id")  # fmt: skip
    key = one(
        market, "select count(distinct exchange_id || name) - count(*) from MARTS.dim_exchange"
    )
    assert (naive, key) == (3, 0)


@trap("16 late data")
def test_a_session_that_comes_late_is_not_lost(market: Warehouse) -> None:
    newest = one(market, "select max(session_date) from MARTS.fct_daily_bars")
    skipped = f"session_date = '{LATE_SESSION}'"
    assert str(newest) > LATE_SESSION  # "rows newer than the newest" would never see it
    bars = one(market, f"select count(*) from STAGING.stg_daily_bars where {skipped}")
    assert one(market, f"select count(*) from MARTS.fct_daily_returns where {skipped}") == bars > 0


@trap("16 neighbours of late data")
def test_the_next_return_follows_a_session_that_came_late(market: Warehouse) -> None:
    ours = one(market, "select previous_session_date from MARTS.fct_daily_returns "
                       f"where symbol = 'AAPL' and session_date = '{SESSIONS[6]}'")  # fmt: skip
    before = SESSIONS[4]  # the newest bar when that return was computed first
    assert before != str(ours) == LATE_SESSION


@trap("16 fan-out")
def test_joins_neither_add_nor_lose_bars(market: Warehouse) -> None:
    """A join by symbol alone meets both securities that were called RE."""
    bars = one(market, "select count(*) from STAGING.stg_daily_bars")
    naive = one(market, "select count(*) from STAGING.stg_daily_bars as b "
                        "join MARTS.dim_security as s on b.symbol = s.symbol")  # fmt: skip
    ours = {
        mart: one(market, f"select count(*) from MARTS.{mart}")
        for mart in ("fct_daily_bars", "fct_daily_adjusted", "fct_daily_returns",
                     "fct_daily_volatility", "fct_daily_indicators", "fct_daily_liquidity")
    }  # fmt: skip
    assert naive > bars
    assert set(ours.values()) == {bars}


@trap("17 fractional volumes")
def test_volumes_keep_their_fractions(market: Warehouse) -> None:
    naive, ours = market.query(
        "select sum(cast(v as integer)), sum(v) from RAW.DAILY_BARS where ticker = 'NA'"
    )[0]
    assert naive != ours
    assert one(market, "select sum(volume) from MARTS.fct_daily_bars where symbol = 'NA'") == ours


@trap("17 tickers that read like something else")
def test_case_and_words_of_tickers_are_kept(market: Warehouse) -> None:
    odd = "('NA', 'TRUE', 'KIMpL', 'KIMPL')"
    naive = one(market, f"select count(distinct upper(ticker)) from RAW.DAILY_BARS "
                        f"where ticker in {odd}")  # fmt: skip
    ours = one(market, "select count(distinct security_id) from MARTS.fct_daily_bars "
                       f"where symbol in {odd}")  # fmt: skip
    assert (naive, ours) == (3, 4)


@trap("20 finality")
def test_a_bar_that_was_read_early_is_provisional(market: Warehouse) -> None:
    """Read at 17:30 on its own day; read again on the next day it becomes final."""
    session = SESSIONS[-1]
    bars = ("--select", "+fct_daily_bars", *WITHOUT_VIEWS)
    early = bar("EARLY", session, 10.0, _AIRBYTE_EXTRACTED_AT=f"{session}T22:30:00Z")
    market.insert("DAILY_BARS", [early])
    market.run_dbt("run", *bars, window=(session, session))
    status = "select status from MARTS.fct_daily_bars where symbol = 'EARLY'"
    assert one(market, status) == "provisional"
    market.insert("DAILY_BARS", [early | {"_AIRBYTE_EXTRACTED_AT": "2005-03-01T17:00:00Z"}])
    market.run_dbt("run", *bars, window=(session, session))
    assert one(market, status) == "final"


def test_the_list_of_traps(record_property: Any) -> None:
    lines = [f"{name:42} {test}" for name, test in {**TRAPS, **OF_THE_CONNECTOR}.items()]
    record_property("traps of batch market data", "\n".join(lines))
    assert {int(name.split()[0]) for name in {**TRAPS, **OF_THE_CONNECTOR}} == BATCH
    assert len(TRAPS) == 26
    tests = "\n".join(path.read_text() for path in CONNECTOR_TESTS.glob("test_*.py"))
    assert all(f"def {test}(" in tests for test in OF_THE_CONNECTOR.values())
