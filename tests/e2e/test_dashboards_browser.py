"""Both dashboards as somebody sees them in a browser."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from support.served import Served
from support.superset import GROUP

from polygon_assets.defs.dashboards.push import Chosen, chart_queries
from polygon_assets.defs.dashboards.queries import Query
from polygon_assets.defs.dashboards.screenshot import browser_path, dashboard_picture, with_page

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group(GROUP),
    pytest.mark.skipif(browser_path() is None, reason="no Chromium"),
]

LOADED = """() => {
    const charts = document.querySelectorAll('[data-test="chart-grid-component"]');
    return charts.length > 0 && document.querySelectorAll('.loading').length === 0;
}"""
ERRORS = """() => [...document.querySelectorAll('[data-test="chart-grid-component"]')]
    .filter(one => one.querySelector('[role="alert"], .ant-alert-error'))
    .map(one => one.dataset.testChartName)"""
TABS = {"live_market": [""], "daily_market": ["Security", "Market", "Quality"]}


def visit(served: Served, dashboard: str, work: Callable[["Page"], object]) -> list[Any]:
    """Open every tab of a dashboard; returns what was found wrong, and the browser's queries."""
    slug = served.bundle.dashboards[dashboard]["slug"]
    sent: list[dict[str, Any]] = []

    def note(request: "Request") -> None:
        if request.method == "POST" and "/api/v1/chart/data" in request.url:
            sent.append(json.loads(request.post_data or "{}"))

    def look(page: "Page") -> None:
        page.on("request", note)
        page.goto(served.server.dashboard_url(slug))
        for tab in TABS[dashboard]:
            if tab:
                page.get_by_role("tab", name=tab).click()
            page.wait_for_function(LOADED, timeout=90_000)
            page.mouse.wheel(0, 5000)
            page.wait_for_timeout(2000)
            page.wait_for_function(LOADED, timeout=90_000)
            work(page)

    with_page(served.server, look)
    return sent


@pytest.mark.parametrize("dashboard", TABS)
def test_the_browser_asks_what_the_saved_queries_ask(
    served: Served, chosen: Mapping[str, Chosen], dashboard: str
) -> None:
    broken: list[str] = []
    sent = visit(served, dashboard, lambda page: broken.extend(page.evaluate(ERRORS)))
    assert broken == []
    asked: dict[str, list[Query]] = {
        one["form_data"]["slice_id"]: one["queries"]
        for one in sent
        if one.get("form_data", {}).get("slice_id")
    }
    with served.server.client() as client:
        ids = {
            one["id"]: one["slice_name"]
            for one in client.charts(served.bundle.dashboards[dashboard]["slug"])
        }
    keys = {one["slice_name"]: key for key, one in served.bundle.charts_of(dashboard).items()}
    assert {keys[ids[one]] for one in asked} == set(keys.values())
    for number, found in asked.items():
        key = keys[ids[number]]
        own = chart_queries(served.bundle, dashboard, key, chosen[dashboard])
        assert [plain(one) for one in found] == [plain(one) for one in own], key


def plain(query: Query) -> dict[str, Any]:
    """What decides about the rows of a query."""
    # JavaScript writes a whole number without a point.
    filters = {
        (one["col"], one["op"], json.dumps(one["val"]).replace(".0]", "]"))
        for one in query["filters"]
    }
    columns = [
        (one, None) if isinstance(one, str) else (one["sqlExpression"], one.get("timeGrain"))
        for one in query["columns"]
    ]
    return {
        "columns": columns,
        "metrics": query.get("metrics") or [],
        "filters": {one for one in filters if one[2] != '"No filter"'},
        # A single figure is one row in any case.
        "row_limit": int(query["row_limit"]) if columns else 1,
    }


def test_a_symbol_of_the_watchlist_opens_its_daily_chart(served: Served) -> None:
    heading: list[str] = []

    def follow(page: "Page") -> None:
        link = page.locator('[data-test-chart-name="Watchlist"] a[href*="native_filters"]')
        symbol = link.nth(1).inner_text()
        with page.expect_navigation():
            link.nth(1).click()
        page.wait_for_function(LOADED, timeout=90_000)
        candles = page.locator('[data-test-chart-name="Candles"]')
        candles.get_by_text(symbol, exact=True).first.wait_for(timeout=60_000)
        heading.append(page.title())

    visit(served, "live_market", follow)
    assert heading
    assert "Daily market" in heading[0]


def test_there_is_a_picture_of_a_dashboard(served: Served) -> None:
    slug = served.bundle.dashboards["live_market"]["slug"]
    picture = dashboard_picture(served.server, slug)
    assert picture.startswith(b"\xff\xd8")
    assert 20_000 < len(picture) < 250_000
