"""Faults on demand and the rate limit."""

import json
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from polygon_vendor import Vendor

from polygon_assets.sandbox.polygon.access import RateLimit
from polygon_assets.sandbox.polygon.faults import KINDS, NEW_FIELD, Fault, Faults

pytestmark = pytest.mark.xdist_group("polygon_faults")
EXCHANGES = "/v3/reference/exchanges"
BARS = "/v2/aggs/ticker/AAPL/range/1/minute/2005-02-28/2005-02-28"


@pytest.fixture
def faulty(vendor: Vendor) -> Iterator[Callable[..., httpx.Response]]:
    """Switches a fault on, then asks once."""

    def ask(kind: str, asked: str = EXCHANGES, **more: object) -> httpx.Response:
        fault = vendor.http.post("/sandbox/faults", json={"kind": kind, **more})
        assert fault.status_code == 200, fault.text
        return vendor.http.get(asked)

    yield ask
    vendor.http.delete("/sandbox/faults")


Ask = Callable[..., httpx.Response]


def test_faults_are_counted(vendor: Vendor) -> None:
    for fault in (
        {"kind": "429", "count": 2, "path": EXCHANGES},
        {"kind": "500"},
        {"kind": "truncated"},
    ):
        assert vendor.http.post("/sandbox/faults", json=fault).status_code == 200
    answers = [vendor.http.get(EXCHANGES) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [429, 429, 500, 200, 200]
    with pytest.raises(json.JSONDecodeError):
        answers[3].json()
    assert vendor.http.get("/sandbox/faults").json() == {"faults": []}


def test_a_fault_without_a_count_stays_until_it_is_deleted(vendor: Vendor, faulty: Ask) -> None:
    assert faulty("500", count=0).status_code == 500
    assert {vendor.http.get(EXCHANGES).status_code for _ in range(5)} == {500}
    vendor.http.delete("/sandbox/faults")
    assert vendor.http.get(EXCHANGES).status_code == 200


@pytest.mark.parametrize(
    "body", [{"kind": "flood"}, {"kind": "500", "count": -1}, {"kind": "429", "after": 3}]
)
def test_wrong_faults_are_refused(vendor: Vendor, body: dict[str, object]) -> None:
    assert vendor.http.post("/sandbox/faults", json=body).status_code == 400


def test_refusals(faulty: Ask) -> None:
    limited = faulty("429", retry_after=3)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")
    assert limited.json()["error"].startswith("You've exceeded the maximum requests per minute")
    bare = faulty("429_empty")
    assert (bare.status_code, bare.content, "retry-after" in bare.headers) == (429, b"", False)
    plan = faulty("not_entitled")
    assert (plan.status_code, plan.json()["status"]) == (403, "NOT_AUTHORIZED")
    assert plan.json()["message"].startswith("You are not entitled to this data.")
    window = faulty("timeframe")
    assert window.status_code == 403
    assert window.json()["message"].startswith("Your plan doesn't include this data timeframe.")
    for kind, status in (("502_html", 502), ("html", 200)):
        page = faulty(kind)
        assert (page.status_code, page.text[:15]) == (status, "<!DOCTYPE html>")
        assert page.headers["content-type"].startswith("text/html")


def test_half_of_a_body(vendor: Vendor, faulty: Ask) -> None:
    whole = vendor.http.get(BARS).content
    half = faulty("truncated", BARS)
    assert abs(len(half.content) - len(whole) // 2) < 2
    assert whole.startswith(half.content)
    with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
        faulty("disconnect", BARS)
    assert vendor.http.get(BARS).status_code == 200


@pytest.mark.parametrize(
    "path",
    [BARS, EXCHANGES, "/v3/reference/tickers/AAPL", "/v1/marketstatus/upcoming",
     "/v1/open-close/AAPL/2005-02-28"],
)  # fmt: skip
def test_a_new_field_in_every_result(vendor: Vendor, faulty: Ask, path: str) -> None:
    def results(answer: httpx.Response) -> list[dict[str, object]]:
        body = answer.json()
        found = body.get("results", body) if isinstance(body, dict) else body
        return found if isinstance(found, list) else [found]

    plain, drifted = results(vendor.http.get(path)), results(faulty("new_field", path))
    assert len(plain) == len(drifted) > 0
    assert all(
        set(after) - set(before) == {NEW_FIELD}
        for before, after in zip(plain, drifted, strict=True)
    )


def test_a_slow_answer(faulty: Ask) -> None:
    started = time.monotonic()
    assert faulty("slow", seconds=0.5).status_code == 200
    assert time.monotonic() - started >= 0.5


def test_faults_apply_to_flat_files_but_not_to_the_simulators_own_paths(
    vendor: Vendor, faulty: Ask
) -> None:
    assert faulty("500", "/flatfiles/us_stocks_sip", path="/flatfiles").status_code == 500
    faulty("500", "/healthz", count=0)
    assert vendor.http.get("/healthz").status_code == 200


def test_a_head_request_meets_no_fault_of_a_body() -> None:
    faults = Faults()
    faults.add(Fault("truncated"))
    assert faults.take("/flatfiles/x", "HEAD") is None
    found = faults.take("/flatfiles/x", "GET")
    assert found is not None
    assert found.kind == "truncated"
    assert faults.take("/flatfiles/x", "GET") is None
    assert {"429", "500", "truncated", "slow"} < set(KINDS)


def test_the_rate_limit_tells_how_long_to_wait(start_vendor: Callable[..., Vendor]) -> None:
    vendor = start_vendor("--requests-per-minute", "3")
    answers = [vendor.http.get(EXCHANGES) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 55 <= int(answers[3].headers["retry-after"]) <= 60
    assert answers[3].json()["status"] == "ERROR"
    assert vendor.http.get("/healthz").status_code == 200
    assert vendor.http.get("/flatfiles/none").status_code != 429


async def test_the_limit_is_that_of_a_moving_minute() -> None:
    moments = [0.0, 50.0, 59.0, 60.0, 61.0, 109.9, 110.0]
    passed: list[float] = []

    async def app(scope: object, receive: object, send: object) -> None:
        passed.append(moments[0])

    async def receive() -> dict[str, object]:
        raise AssertionError("nothing is read")

    async def send(message: object) -> None:
        pass

    limit = RateLimit(app, requests_per_minute=2, clock=lambda: moments[0])
    while moments:
        await limit({"type": "http", "path": EXCHANGES}, receive, send)
        moments.pop(0)
    assert passed == [0.0, 50.0, 60.0, 110.0]
