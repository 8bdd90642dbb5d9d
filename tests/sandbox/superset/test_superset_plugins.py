"""The project's chart types, as Superset's front end asks for them."""

import http.client

import pytest
import requests
from support.superset import GROUP, RunningSuperset

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.sandbox.layout import BI

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group(GROUP),
]


def get_as_is(superset: RunningSuperset, path: str) -> tuple[int, str]:
    """GET without a client that tidies up the path first."""
    connection = http.client.HTTPConnection("127.0.0.1", superset.layout.port(BI), timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_front_end_finds_the_candlestick_chart(superset: RunningSuperset) -> None:
    found = requests.get(f"{superset.url}/dynamic-plugins/api/read", timeout=10)
    (chart,) = found.json()["result"]
    assert (chart["key"], chart["name"]) == ("polygon_candlestick", "Candlestick")
    module = requests.get(superset.url + chart["bundle_url"], timeout=10)
    folder = PROJECT_ROOT / "polygon_assets" / "defs" / "dashboards" / "plugin"
    assert module.text == (folder / "candlestick.js").read_text()
    assert module.headers["Content-Type"].startswith("text/javascript")
    assert "no-cache" in module.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        "/viz-plugins/../__init__.py",
        "/viz-plugins/..%2f__init__.py",
        "/viz-plugins/%2e%2e/%2e%2e/__init__.py",
        "/viz-plugins/..%5c__init__.py",
        "/viz-plugins//etc/passwd",
        "/viz-plugins/%2fetc%2fpasswd",
        "/viz-plugins/..",
        "/viz-plugins/nothing.js",
        "/viz-plugins/%00.js",
    ],
)
def test_nothing_else_is_served(superset: RunningSuperset, path: str) -> None:
    status, text = get_as_is(superset, path)
    assert status == 404
    assert "root:" not in text


def test_pages_load_nothing_from_elsewhere(superset: RunningSuperset) -> None:
    page = requests.get(f"{superset.url}/login/", timeout=10)
    assert "://" not in page.headers["Content-Security-Policy"]
    assert 'src="http' not in page.text


def test_pages_of_others_may_link_here_and_no_more(superset: RunningSuperset) -> None:
    def status(**headers: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.get(f"{superset.url}/health", headers=sent, timeout=10).status_code

    assert status() == 200
    assert status(Host="evil.example") == 403
    assert status(Origin="https://evil.example") == 403
    foreign = {"Sec_Fetch_Site": "cross-site"}
    assert status(**foreign, Sec_Fetch_Mode="cors") == 403
    assert status(**foreign, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document") == 200
