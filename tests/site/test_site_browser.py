"""The site as somebody sees it in a browser, opened from the disk."""

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest
from site_builds import Built

from polygon_assets.defs.dashboards.screenshot import browser_path

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("site"),
    pytest.mark.timeout(1200),
    pytest.mark.skipif(browser_path() is None, reason="no Chromium"),
]


@pytest.fixture
def page() -> Generator["Page", None, None]:
    """A page that fails the test for an error in a script or a request to elsewhere."""
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(("http:", "https:", "ws")) and wrong.append(request.url)
            ),
        )
        try:
            yield page
        finally:
            browser.close()
    assert wrong == []


def test_the_search_box_leads_to_an_asset(built: Built, page: "Page") -> None:
    page.goto((built.site / "documents/runbook.html").as_uri())
    page.keyboard.press("/")
    page.keyboard.type("fct_daily_ret")
    page.locator(".search li").first.wait_for()
    assert page.locator(".search li").first.inner_text().startswith("marts/market/fct_daily_return")
    page.keyboard.press("Enter")
    page.wait_for_url("**/assets/marts/market/fct_daily_returns.html")
    assert page.locator("h1").inner_text() == "fct_daily_returns"
    page.locator(".search input").fill("no such name")
    assert page.locator(".search li").all_inner_texts() == ["No name is like this."]


def test_dbt_docs_show_a_model_with_its_types(built: Built, page: "Page") -> None:
    address = (built.site / "dbt/index.html").as_uri()
    page.goto(f"{address}#!/model/model.dbt_polygon.fct_daily_bars")
    page.get_by_text("session_date").first.wait_for()
    assert page.get_by_text("varchar").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_light_or_dark_as_the_reader_wants(
    built: Built, page: "Page", scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for path in ("index.html", "api/polygon_assets/env.html"):
        page.goto((built.site / path).as_uri())
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        dark = sum(int(part) for part in colour[4:-1].split(",")) < 300
        assert dark is (scheme == "dark"), path


def test_no_page_is_wider_than_a_telephone(built: Built, page: "Page") -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    for path in (
        "index.html",
        "assets/index.html",
        "assets/marts/market/fct_daily_bars.html",
        "documents/readme.html",
        "api/polygon_assets/env.html",
    ):
        page.goto((built.site / path).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
