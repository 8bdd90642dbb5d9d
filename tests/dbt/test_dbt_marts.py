"""The marts against the data source's own adjusted close, built as production does: by window.

Two weeks with AAPL's split (2005-02-28, 2 for 1) and MSFT's dividend (2005-02-15, 0.08), which both
become known only after the first week has been built; one session of it arrives last of all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dbt_warehouse import PROJECT, WITHOUT_VIEWS, warehouse
from real_market_data import SYMBOLS, bars_between, four_pm, real_actions
from support.allowed_functions import ALLOWED
from support.sql_guard import findings, functions_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt_marts"), pytest.mark.timeout(1200)]

FIRST_WEEK = ("2005-02-14", "2005-02-18")
SECOND_WEEK = ("2005-02-22", "2005-02-28")
LATE_SESSION = "2005-02-17"
FACTS = ("fct_daily_bars", "fct_daily_adjusted", "fct_daily_returns")
EXACT = 1e-9

Marts = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class History:
    """The marts after each step, and the nodes' statuses of the steps that a test looks at."""

    before_actions: list[tuple[Any, ...]]
    by_window: Marts
    window_repeated: Marts
    full_refresh: Marts
    full_build: dict[str, str]
    bad_build: dict[str, str]
    sessions_loaded: list[tuple[Any, ...]]
    compiled: dict[str, str]


def compiled(folder: Path) -> dict[str, str]:
    """SQL of every node by its path.

    The fixtures of unit tests are left out: dbt writes those of several unit tests to one file,
    from several threads, so that what is read back may be torn.
    """
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in (folder / "target" / "compiled").rglob("*.sql")
        if not path.parent.name.startswith("_unit_tests")
    }


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    folder = tmp_path_factory.mktemp("dbt")
    with warehouse(folder) as wh:

        def marts() -> Marts:
            return {table: wh.rows(table) for table in FACTS}

        def run_facts(window: tuple[str, str]) -> None:
            wh.run_dbt("run", "--select", *wanted, *WITHOUT_VIEWS, window=window)

        wanted = [f"+{table}" for table in FACTS]
        splits, dividends = real_actions()
        first, last = FIRST_WEEK[0], SECOND_WEEK[1]
        bars = bars_between(first, last)
        wh.insert("DAILY_BARS", [bar.as_raw() for bar in bars if bar.session != LATE_SESSION])
        wh.run_dbt("seed")
        # Everything, as unit tests need the tables.
        wh.run_dbt("run", window=FIRST_WEEK)
        before_actions = wh.rows("fct_daily_adjusted")

        wh.insert("SPLITS", [s for s in splits if first <= s["EXECUTION_DATE"] <= last])
        wh.insert("DIVIDENDS", [d for d in dividends if first <= d["EX_DIVIDEND_DATE"] <= last])
        run_facts(SECOND_WEEK)
        wh.insert("DAILY_BARS", [bar.as_raw() for bar in bars if bar.session == LATE_SESSION])
        run_facts((LATE_SESSION, LATE_SESSION))
        by_window = marts()
        run_facts(SECOND_WEEK)
        window_repeated = marts()
        full_build = wh.run_dbt("build", "--full-refresh")
        full_refresh = marts()
        sessions_loaded = wh.rows("dim_trading_session", order="session_date")

        impossible = bars_between(last, last)[0].as_raw() | {"T": four_pm("2005-03-01")}
        wh.insert("DAILY_BARS", [impossible | {"H": 1.0, "V": -1, "_AIRBYTE_RAW_ID": "bad"}])
        wh.insert("SPLITS", [{"ID": "zero", "TICKER": "IBM", "EXECUTION_DATE": "2005-02-28"}])
        bad_build = {
            name: status
            for models in ("stg_daily_bars stg_splits", "int_corporate_actions")
            for name, status in wh.run_dbt(
                "build", "--select", models, "--exclude", "resource_type:unit_test"
            ).items()
        }
        yield History(
            before_actions,
            by_window,
            window_repeated,
            full_refresh,
            full_build,
            bad_build,
            sessions_loaded,
            compiled=compiled(folder),
        )


def test_everything_builds_and_every_test_passes(history: History) -> None:
    assert len(history.full_build) > 70
    allowed = {"success", "pass", "no-op"}
    assert {n: status for n, status in history.full_build.items() if status not in allowed} == {}


def test_compiled_sql_is_snowflakes_and_not_what_duckdb_tolerates(history: History) -> None:
    assert len(history.compiled) > 70
    found = {name: findings(sql) for name, sql in history.compiled.items()}
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_models_use_the_functions_that_are_proven_and_no_others(history: History) -> None:
    models = {name: sql for name, sql in history.compiled.items() if name.count(".") == 1}
    used = {name: functions_of(sql) for name, sql in models.items() if "/models/" in name}
    assert len(used) > 25
    assert {
        name: found - set(ALLOWED) for name, found in used.items() if found - set(ALLOWED)
    } == {}
    assert set(ALLOWED) == set().union(*used.values())


def test_every_model_has_a_test(history: History) -> None:
    models = {path.stem for path in (PROJECT / "models").rglob("*.sql")}
    assert models <= history.full_build.keys()
    tests = history.full_build.keys() - models
    assert [model for model in models if not any(model in test for test in tests)] == []


def test_a_window_builds_its_sessions_only(history: History) -> None:
    sessions = {row[0] for row in history.before_actions}
    assert (min(sessions), max(sessions)) == (date(2005, 2, 14), date(2005, 2, 18))
    assert len(history.before_actions) == 4 * len(SYMBOLS)


def test_adjusted_close_equals_the_source(history: History) -> None:
    assert_adjusted_close_equals_the_source(history.by_window["fct_daily_adjusted"])


def test_total_return_equals_the_source(history: History) -> None:
    assert_total_return_equals_the_source(history.by_window["fct_daily_returns"])


def test_split_is_not_applied_on_its_ex_date(history: History) -> None:
    bars = {(row[0], row[1]): row for row in history.by_window["fct_daily_adjusted"]}
    friday, monday = (bars[date(2005, 2, day), "AAPL"] for day in (25, 28))
    assert friday[3:8] == (89.62 / 2, 89.91 / 2, 88.19 / 2, 88.99 / 2, 16348400 * 2)
    assert monday[3:8] == (44.68, 45.14, 43.96, 44.86, 11635900)


def test_late_actions_restate_the_weeks_before(history: History) -> None:
    """The first week was built without the actions, and carries them after the second."""
    before = {(row[0], row[1]): row[6] for row in history.before_actions}
    after = {(row[0], row[1]): row[6] for row in history.by_window["fct_daily_adjusted"]}
    monday = date(2005, 2, 14)
    assert (before[monday, "AAPL"], after[monday, "AAPL"]) == (84.63, 84.63 / 2)
    assert (before[monday, "IBM"], after[monday, "IBM"]) == (93.57, 93.57)


def test_history_equals_a_full_rebuild(history: History) -> None:
    assert history.by_window == history.full_refresh


def test_building_a_window_again_changes_nothing(history: History) -> None:
    assert history.window_repeated == history.by_window


def test_bad_rows_fail_their_tests(history: History) -> None:
    failed = {name for name, status in history.bad_build.items() if status == "fail"}
    assert failed == {"ohlc_consistent_stg_daily_bars_", "not_negative_stg_daily_bars_volume"}


def test_rejected_actions_warn(history: History) -> None:
    rejected = "nothing_rejected_int_corporate_actions_rejected_count"
    assert history.bad_build[rejected] == "warn"


def test_trading_sessions_are_loaded_with_their_types(history: History) -> None:
    first = history.sessions_loaded[0]
    assert len(history.sessions_loaded) == 7794
    assert first[:2] == (date(2000, 1, 3), 1)
    assert f"{first[2]:%Y-%m-%d %H:%M}" == "2000-01-03 14:30"
    assert first[6:9] == (False, None, date(2000, 1, 4))


def assert_adjusted_close_equals_the_source(adjusted: list[tuple[Any, ...]]) -> None:
    """`adjusted` are rows of fct_daily_adjusted, by session, up to each symbol's newest one."""
    first, last = str(adjusted[0][0]), str(adjusted[-1][0])
    bars = bars_between(first, last)
    newest = {bar.symbol: bar.adjusted_close for bar in bars}
    expected = {(b.session, b.symbol): b.adjusted_close / newest[b.symbol] for b in bars}
    newest_close = {row[1]: row[10] for row in adjusted}
    computed = {(str(row[0]), row[1]): row[10] / newest_close[row[1]] for row in adjusted}
    assert computed == pytest.approx(expected, rel=EXACT)


def assert_total_return_equals_the_source(returns: list[tuple[Any, ...]]) -> None:
    """`returns` are rows of fct_daily_returns, by session; a symbol's first one is null."""
    previous: dict[str, float] = {}
    expected: dict[tuple[str, str], float] = {}
    for bar in bars_between(str(returns[0][0]), str(returns[-1][0])):
        if bar.symbol in previous:
            total = bar.adjusted_close / previous[bar.symbol] - 1
            expected[bar.session, bar.symbol] = total
        previous[bar.symbol] = bar.adjusted_close
    computed = {(str(row[0]), row[1]): row[9] for row in returns if row[9] is not None}
    assert len(returns) - len(computed) == len(previous)
    assert computed == pytest.approx(expected, abs=EXACT, rel=EXACT)
