"""Every chart of both dashboards against figures that were computed without Superset."""

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from daily_figures import DailyFigures, month, week
from live_figures import LiveFigures
from rich.console import Console
from rich.table import Table
from support.served import Served
from support.superset import GROUP

from polygon_assets.cli.demo import LAST_SESSION
from polygon_assets.defs.dashboards.push import Chosen, chart_queries
from polygon_assets.defs.dashboards.queries import Query
from polygon_assets.resources.superset import SupersetClient

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group(GROUP),
    pytest.mark.usefixtures("builds", "superset_environment"),
]

SYMBOL = "AAPL"

Row = dict[str, Any]


@pytest.fixture(scope="module")
def figures(served: Served) -> dict[str, list[Row]]:
    """Chart -> what it must show."""
    live = LiveFigures(served.systems.clickhouse, LAST_SESSION)
    daily = DailyFigures(served.systems.snowflake)
    return live.of_charts(SYMBOL) | daily.of_charts(SYMBOL)


def test_every_chart_has_a_figure_to_be_compared_with(
    served: Served, figures: Mapping[str, object]
) -> None:
    assert set(figures) == set(served.bundle.charts)


def test_every_chart_shows_the_right_numbers(
    served: Served,
    client: SupersetClient,
    chosen: Mapping[str, Chosen],
    figures: Mapping[str, list[Row]],
    record_property: Callable[[str, object], None],
) -> None:
    table = Table("dashboard", "chart", "rows", "figures", "largest relative difference")
    wrong: list[str] = []
    for dashboard in served.bundle.dashboards:
        for key in served.bundle.charts_of(dashboard):
            [query] = chart_queries(served.bundle, dashboard, key, chosen[dashboard])
            shown = rows_of(served, client, key, query)
            in_order = served.bundle.charts[key]["viz_type"] == "table"
            difference, problems = compare(shown, figures[key], in_order=in_order)
            wrong += [f"{key}: {problem}" for problem in problems]
            count = sum(len(row) for row in figures[key])
            table.add_row(dashboard, key, str(len(shown)), str(count), f"{difference:.1e}")
    console = Console(width=110, file=open(os.devnull, "w"), record=True)  # noqa: SIM115, PTH123
    console.print(table)
    record_property("charts against independent figures", console.export_text())
    assert wrong == []


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
def test_coarser_candles_of_the_stream_are_right(
    served: Served, client: SupersetClient, chosen: Mapping[str, Chosen], minutes: int
) -> None:
    """A metric that read the axis's alias would take the open of a bar within the bucket."""
    grain = "PT1H" if minutes == 60 else f"PT{minutes}M"
    expected = LiveFigures(served.systems.clickhouse, LAST_SESSION).candles(SYMBOL, minutes)
    found = at_grain(served, client, chosen["live_market"], "live_market", "live_candles_1m", grain)
    assert compare(found, expected)[1] == []


@pytest.mark.parametrize(("grain", "period"), [("P1W", week), ("P1M", month)])
def test_coarser_candles_of_the_marts_are_right(
    served: Served,
    client: SupersetClient,
    chosen: Mapping[str, Chosen],
    grain: str,
    period: Callable[..., Any],
) -> None:
    expected = DailyFigures(served.systems.snowflake).candles(SYMBOL, period)
    found = at_grain(served, client, chosen["daily_market"], "daily_market", "daily_candles", grain)
    assert compare(found, expected)[1] == []


def test_a_period_that_begins_within_a_bucket_keeps_its_bars(
    served: Served, client: SupersetClient, chosen: Mapping[str, Chosen]
) -> None:
    """ClickHouse would compare the bucket's start where the axis had a column's name."""
    [query] = chart_queries(served.bundle, "live_market", "live_candles_1m", chosen["live_market"])
    for one in query["filters"]:
        if one["op"] == "TEMPORAL_RANGE":
            one["val"] = f"{LAST_SESSION}T15:07:00 : {LAST_SESSION}T16:00:00"
    query = with_grain(query, "PT1H")
    [candle] = rows_of(served, client, "live_candles_1m", query)
    minutes = LiveFigures(served.systems.clickhouse, LAST_SESSION).candles(SYMBOL, 1)
    day = minutes[0]["time"] // 86_400_000 * 86_400_000
    first, last = day + (15 * 60 + 7) * 60_000, day + 16 * 3_600_000
    inside = [one for one in minutes if first <= one["time"] < last]
    assert candle["open"] == inside[0]["open"]
    assert math.isclose(candle["volume"], math.fsum(one["volume"] for one in inside))


def test_the_watchlist_links_to_the_daily_chart_and_draws_candles(
    served: Served, client: SupersetClient, chosen: Mapping[str, Chosen]
) -> None:
    [query] = chart_queries(served.bundle, "live_market", "live_watchlist", chosen["live_market"])
    rows = client.chart_data(dataset_id(served, client, "live_watchlist"), query)["data"]
    live = LiveFigures(served.systems.clickhouse, LAST_SESSION)
    assert len(rows) == min(len(live.movers), 25)
    for row in rows:
        slug = served.bundle.dashboards["daily_market"]["slug"]
        assert f'href="/superset/dashboard/{slug}/?native_filters=' in row["chart_link"]
        symbol = row["chart_link"].rpartition('">')[2].removesuffix("</a>")
        assert f"(col:symbol,op:IN,val:!('{symbol}'))" in row["chart_link"]
        picture = row["candles"]
        assert picture.startswith('<img width="160" height="32" alt="" src="data:image/svg+xml,')
        # A wick and a body of each candle.
        assert picture.count("M") - picture.count("M%") == 2 * len(live.candles(symbol, 5))


def dataset_id(served: Served, client: SupersetClient, chart: str) -> int:
    return client.dataset_ids()[served.bundle.charts[chart]["dataset_uuid"]]


def rows_of(served: Served, client: SupersetClient, chart: str, query: Query) -> list[Row]:
    """What Superset answers to a query, without links and pictures."""
    data = client.chart_data(dataset_id(served, client, chart), query)["data"]
    return [
        {key: exact(row[key]) for key in row if key not in ("chart_link", "candles")}
        for row in data
    ]


def exact(value: Any) -> Any:
    """Times come as whole floating-point numbers of milliseconds."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def with_grain(query: Query, grain: str) -> Query:
    axis, *others = query["columns"]
    extras = query["extras"] | {"time_grain_sqla": grain}
    return query | {"columns": [axis | {"timeGrain": grain}, *others], "extras": extras}


def at_grain(
    served: Served, client: SupersetClient, chosen: Chosen, dashboard: str, chart: str, grain: str
) -> list[Row]:
    [query] = chart_queries(served.bundle, dashboard, chart, chosen)
    return rows_of(served, client, chart, with_grain(query, grain))


def compare(
    shown: Sequence[Row], expected: Sequence[Row], *, in_order: bool = False
) -> tuple[float, list[str]]:
    """The largest relative difference of the numbers, and what is wrong, in words."""
    if len(shown) != len(expected):
        return math.inf, [f"{len(shown)} rows, {len(expected)} expected"]
    if not in_order:
        shown, expected = sorted(shown, key=_key), sorted(expected, key=_key)
    largest, problems = 0.0, list[str]()
    for number, (row, wanted) in enumerate(zip(shown, expected, strict=True)):
        if row.keys() != wanted.keys():
            return math.inf, [f"columns {sorted(row)}, {sorted(wanted)} expected"]
        for name, value in wanted.items():
            difference = _difference(row[name], value)
            largest = max(largest, difference)
            if difference > 1e-9:
                problems.append(f"row {number} {name}: {row[name]!r}, {value!r} expected")
    return largest, problems[:5]


def _key(row: Row) -> str:
    """By its time and its names."""
    names = ("time", "session_date", "symbol", "other_symbol", "sector")
    return json.dumps([row.get(name) for name in names])


def _difference(shown: Any, wanted: Any) -> float:
    if isinstance(wanted, int | float) and isinstance(shown, int | float):
        return abs(shown - wanted) / max(abs(wanted), 1e-6)
    return 0.0 if shown == wanted else math.inf
