"""The simulator against what the vendor publishes: shapes, required fields, parameter limits."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml
from polygon_vendor import Vendor
from published import OUR_MARK, differences, facts

from polygon_assets.sandbox.polygon.universe import ODD, all_tickers

pytestmark = pytest.mark.xdist_group("polygon_published")

SYMBOLS = [*all_tickers()[:300], *ODD]
MANIFEST = Path(__file__).parents[3] / "airbyte_connector" / "manifest.yaml"

every_endpoint = pytest.mark.parametrize("name", facts())


def having(key: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", [name for name, fact in facts().items() if key in fact])


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    """Enough symbols for more than one page of everything, the odd tickers among them."""
    running = Vendor(tmp_path_factory.mktemp("polygon"), symbols=",".join(SYMBOLS))
    yield running
    running.stop()


def ask(vendor: Vendor, name: str, **params: object) -> httpx.Response:
    url = httpx.URL(facts()[name]["ask"])
    return vendor.http.get(url.copy_merge_params({k: str(v) for k, v in params.items()}))


def placeholders(path: str) -> str:
    return re.sub(r"\{\{.*?\}\}|\{\w+\}", "{}", path)


def test_the_facts_cover_every_endpoint_of_the_connector() -> None:
    known = {placeholders(fact["path"]) for fact in facts().values()}
    known |= {f"/v2/aggs/ticker/{{}}/range/1/{span}/{{}}/{{}}" for span in ("minute", "day")}
    read: set[str] = set()

    def collect(node: Any) -> None:
        if isinstance(node, dict):
            url = node.get("url")
            if isinstance(url, str):
                path = url.removeprefix("{{ config['base_url'] }}")
                read.update(re.findall(r"'(/[^']+)'", path) or [placeholders(path)])
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)

    collect(yaml.safe_load(MANIFEST.read_text()))
    assert len(read) >= 20
    assert read <= known


@every_endpoint
def test_answers_have_the_published_shape(market: Vendor, name: str) -> None:
    limits = facts()[name].get("limit")
    answer = ask(market, name, **({"limit": min(limits[1], 1000)} if limits else {}))
    assert answer.status_code == 200, answer.text
    assert differences(facts()[name], answer.json()) == set()
    if "results" in facts()[name]:
        assert answer.json()["results"]


@pytest.mark.parametrize("ticker", ODD)
@pytest.mark.parametrize(
    "name", [n for n, f in facts().items() if "ticker}" in f["path"] or "{id}" in f["path"]]
)
def test_odd_tickers_have_the_published_shape(market: Vendor, name: str, ticker: str) -> None:
    asked = re.sub(r"/(AAPL|FB|ZZAA)(?=[/?]|$)", f"/{ticker}", facts()[name]["ask"])
    answer = market.http.get(asked)
    assert answer.status_code == 200, answer.text
    assert differences(facts()[name], answer.json()) == set()
    if ticker == "NULL" and name == "ranges_of_bars":
        assert not {"vw", "n"} & set(answer.json()["results"][0])


@pytest.mark.parametrize("ticker", ODD)
@pytest.mark.parametrize(
    "name", ["tickers", "short_interest", "short_volume", "financials", "news"]
)
def test_lists_can_be_filtered_by_odd_tickers(market: Vendor, name: str, ticker: str) -> None:
    rows = ask(market, name, ticker=ticker).json()["results"]
    assert rows
    assert {row["ticker"] if "ticker" in row else row["tickers"][0] for row in rows} == {ticker}


@having("limit")
def test_pages_have_the_published_sizes(market: Vendor, name: str) -> None:
    default, most = facts()[name]["limit"]
    assert len(ask(market, name).json()["results"]) == default
    assert ask(market, name, limit=most).status_code == 200
    for wrong in (0, most + 1, "many"):
        assert ask(market, name, limit=wrong).status_code == 400


def test_the_limit_of_a_range_counts_base_bars(market: Vendor) -> None:
    default, most = facts()["ranges_of_bars"]["base_limit"]
    body = ask(market, "ranges_of_bars").json()
    assert (body["queryCount"], "next_url" in body) == (default, True)
    assert ask(market, "ranges_of_bars", limit=most).status_code == 200
    assert ask(market, "ranges_of_bars", limit=most + 1).status_code == 400


@having("sort")
def test_sorts_and_orders_are_the_published_ones(market: Vendor, name: str) -> None:
    for sort in facts()[name]["sort"]:
        assert ask(market, name, sort=sort).status_code == 200
    assert ask(market, name, sort="nothing").status_code == 400
    if facts()[name].get("order"):
        assert ask(market, name, order="asc").status_code == 200
        assert ask(market, name, order="upwards").status_code == 400


@having("booleans")
def test_booleans_are_true_or_false(market: Vendor, name: str) -> None:
    for parameter in facts()[name]["booleans"]:
        for value in ("true", "false"):
            assert ask(market, name, **{parameter: value}).status_code == 200
        assert ask(market, name, **{parameter: "maybe"}).status_code == 400


@pytest.mark.parametrize(
    "name", [n for n, f in facts().items() if "limit" in f or "base_limit" in f]
)
def test_the_next_page_goes_on_and_its_address_holds_no_key(market: Vendor, name: str) -> None:
    url = httpx.URL(facts()[name]["ask"]).copy_merge_params({"limit": "7", "apiKey": "sandbox"})
    first = httpx.get(f"{market.url}{url}").json()
    following = first["next_url"]
    assert following.startswith(f"{market.url}/")
    (cursor,) = parse_qs(urlsplit(following).query)["cursor"]
    for text in (following, urlsplit(urlsafe_b64decode(cursor).decode()).path):
        assert "sandbox" not in text
        assert "apiKey" not in text
    assert httpx.get(following).status_code == 401
    second = market.http.get(following).json()
    together = ask(market, name, limit=14).json()["results"]
    assert [json.dumps(row) for row in first["results"] + second["results"]] == [
        json.dumps(row) for row in together
    ]


def test_wrong_shapes_are_found() -> None:
    fact = facts()["conditions"]
    good = {"id": 1, "name": "x", "asset_class": "stocks", "type": "sale_condition",
            "data_types": ["trade"], "sip_mapping": {}, OUR_MARK: True}  # fmt: skip
    envelope = {"count": 1, "request_id": "r", "status": "OK"}

    def found(**changes: object) -> set[str]:
        return differences(fact, {**envelope, "results": [{**good, **changes}]})

    assert found() == set()
    assert found(id="1") == {"answer.results[].id is '1', not integer"}
    assert found(legacy=1) == {"answer.results[].legacy is 1, not boolean"}
    assert found(colour="red") == {"answer.results[].colour is not published"}
    assert found(data_types=["bar"]) == {
        "answer.results[].data_types[] is 'bar', not trade|bbo|nbbo"
    }
    assert differences(fact, {**envelope, "results": [{}]}) >= {"answer.results[].id is missing"}
    assert "answer.count is missing" in differences(fact, {"request_id": "r", "status": "OK"})
    assert differences(facts()["splits"], {"status": "OK", "results": {}}) == {
        "answer.results is not a list"
    }
