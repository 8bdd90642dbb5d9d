"""A picture of a dashboard, where a browser is present."""

import re
import shutil
from typing import TYPE_CHECKING, Any, Protocol

from polygon_assets.resources.superset import Superset

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1600, 1000
SCALE = 0.6
"""Of the picture, which the event log keeps."""

LOAD_MILLISECONDS = 90_000
SETTLE_MILLISECONDS = 1_500
"""For animations, once nothing is loading."""

JPEG_QUALITY = 60

_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"|csrf_token&#34;: &#34;([^&]+)&#34;')

_LOADED = """() => {
    const charts = document.querySelectorAll('.dashboard-chart, [data-test="chart-container"]');
    const loading = document.querySelectorAll('.loading, [data-test="loading-indicator"]');
    return charts.length > 0 && loading.length === 0;
}"""
_WHOLE = """() => Math.max(
    ...[...document.querySelectorAll('.dashboard-content, .grid-container')].map(one => {
        const box = one.getBoundingClientRect();
        return Math.ceil(box.top + one.scrollHeight);
    }), 600)"""


class NoBrowserError(RuntimeError):
    """There is nothing to take a picture with."""


class _Browser(Protocol):
    def __call__(self, page: "Page") -> Any: ...


def browser_path() -> str | None:
    """A browser of this machine, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def dashboard_picture(
    superset: Superset, slug: str, *, tab: str = "", scale: float = SCALE
) -> bytes:
    """A JPEG of a whole dashboard, as a visitor sees it first.

    Args:
        superset: A server of one's own: Preset lets no password in.
        slug: Of the dashboard.
        tab: Name of the tab to open; the first one when empty.
        scale: Pixels of the picture for one of the page.

    Raises:
        NoBrowserError: There is no browser, or no package to drive it.
    """
    url = superset.dashboard_url(slug)
    return with_page(superset, lambda page: _picture(page, url, tab), scale=scale)


def with_page(superset: Superset, work: _Browser, *, scale: float = 1.0) -> Any:
    """Let some work have a page of a browser that is logged in.

    Raises:
        NoBrowserError: There is no browser, or no package to drive it.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowserError("The package playwright is not installed.") from None
    path = browser_path()
    if path is None:
        raise NoBrowserError(f"None of {', '.join(BROWSERS)} is installed.")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=scale
            )
            _login(page, superset)
            return work(page)
        finally:
            browser.close()


def _login(page: "Page", superset: Superset) -> None:
    """Send the login form; the cookie that comes back is the page's, too."""
    address = f"{superset.address}/login/"
    found = _CSRF.search(page.request.get(address).text())
    form: dict[str, str | float | bool] = {
        "username": superset.user,
        "password": superset.password,
    }
    form["csrf_token"] = (found[1] or found[2]) if found else ""
    page.request.post(address, form=form, headers={"Referer": address})


def _picture(page: "Page", url: str, tab: str) -> bytes:
    page.goto(f"{url}?standalone=1")
    _wait(page)
    if tab:
        page.get_by_role("tab", name=tab).click()
        _wait(page)
    page.set_viewport_size({"width": WIDTH, "height": int(page.evaluate(_WHOLE))})
    _wait(page)
    return page.screenshot(type="jpeg", quality=JPEG_QUALITY)


def _wait(page: "Page") -> None:
    page.wait_for_function(_LOADED, timeout=LOAD_MILLISECONDS)
    page.wait_for_timeout(SETTLE_MILLISECONDS)
