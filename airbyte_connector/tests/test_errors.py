"""What the connector does when the vendor refuses, is busy, or is broken."""

from typing import Any

import pytest
from reading import BARS, DAYS, SESSIONS, Read, last_state, messages, records
from simulator import SYMBOLS, Simulator
from wire import Wire

ALL_BARS = len(SESSIONS) * len(SYMBOLS)
MONDAY = "2005-02-28"
BEFORE_MONDAY = {"t": "2005-02-25T21:00:00"}
BROKEN = ("500", "502_html", "html", "truncated", "disconnect")
TRIES = 7
"""The first and six more."""


@pytest.mark.parametrize("kind", ["429", "429_empty", *BROKEN])
def test_what_goes_wrong_for_a_while_is_tried_again(
    kind: str, vendor: Simulator, read_stream: Read, waits: list[float]
) -> None:
    vendor.fault(kind, BARS + MONDAY, count=3)
    output = read_stream("daily_bars")
    assert not output.errors
    assert len(output.records) == ALL_BARS
    # Twice as long each time; the CDK adds a second to each wait.
    assert waits == [3.0, 5.0, 9.0]


@pytest.mark.parametrize("kind", ["429", *BROKEN])
def test_what_stays_wrong_fails_and_the_state_stays_before_it(
    kind: str, vendor: Simulator, wire: Wire, read_stream: Read
) -> None:
    vendor.fault(kind, BARS + MONDAY, count=0)
    output = read_stream("daily_bars", expecting_exception=True)
    assert output.errors
    assert str(output.get_stream_statuses("daily_bars")[-1].value) == "INCOMPLETE"
    assert len(wire.paths(BARS + MONDAY)) == TRIES
    assert last_state(output) == BEFORE_MONDAY

    vendor.clear_faults()
    resumed = read_stream("daily_bars", state=last_state(output), lookback_days=0)
    both = {(one["ticker"], one["t"]) for one in records(output) + records(resumed)}
    assert len(both) == ALL_BARS


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b'"OK"',
        b"7",
        b"[]",
        {},
        {"status": "OK"},
        {"status": "OK", "results": None},
        {"status": "OK", "resultsCount": 3},
        {"status": "OK", "resultsCount": 3, "results": []},
        {"status": "ERROR", "error": "something", "results": []},
        {"status": "NOT_FOUND", "resultsCount": 0},
        {"status": None, "resultsCount": 0},
        {"resultsCount": 0},
        {"status": "NOT_AUTHORIZED", "message": None},
        {"status": "NOT_AUTHORIZED", "message": 403},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["daily_bars", "minute_bars"])
def test_an_answer_that_does_not_say_that_it_is_empty_fails(
    name: str, answer: Any, wire: Wire, read_stream: Read
) -> None:
    wire.answers[BARS if name == "daily_bars" else "/range/1/minute/"] = (200, answer)
    output = read_stream(name, tickers=["NA"], end_date=DAYS[0], expecting_exception=True)
    assert output.errors
    assert not output.records


@pytest.mark.parametrize(
    ("name", "path", "answer"),
    [
        ("market_holidays", "/v1/marketstatus/upcoming", {"status": "OK", "results": []}),
        ("market_holidays", "/v1/marketstatus/upcoming", b"null"),
        ("open_close", "/v1/open-close/", {"status": "OK"}),
        ("open_close", "/v1/open-close/", [{"status": "OK", "symbol": "NA", "from": DAYS[0]}]),
        ("ticker_details", "/v3/reference/tickers/NA", {"status": "OK", "results": {}}),
        ("minute_bars", "/range/1/minute/", {"status": "OK", "results": [{"t": 1}]}),
        ("daily_bars", BARS, {"status": "NOT_AUTHORIZED", "message": "another plan"}),
    ],
)
def test_an_answer_of_another_shape_fails(
    name: str, path: str, answer: Any, wire: Wire, read_stream: Read
) -> None:
    wire.answers[path] = (200, answer)
    output = read_stream(name, tickers=["NA"], end_date=DAYS[0], expecting_exception=True)
    assert output.errors
    assert not output.records


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "OK", "queryCount": 0, "resultsCount": 0, "adjusted": False},
        {"status": "DELAYED", "resultsCount": 0, "results": []},
        {"status": "OK", "results": []},
    ],
    ids=str,
)
def test_an_answer_that_says_that_it_is_empty_is_none(
    answer: Any, wire: Wire, read_stream: Read
) -> None:
    wire.answers[BARS] = (200, answer)
    output = read_stream("daily_bars")
    assert not output.errors
    assert not output.records


def test_it_waits_as_long_as_the_vendor_asks(
    vendor: Simulator, read_stream: Read, waits: list[float]
) -> None:
    vendor.fault("429", BARS + MONDAY, count=2, retry_after=17)
    output = read_stream("daily_bars")
    assert not output.errors
    assert waits == [18.0, 18.0]
    assert len(output.records) == ALL_BARS


def test_a_storm_of_refusals_is_waited_out(vendor: Simulator, read_stream: Read) -> None:
    vendor.fault("429", count=TRIES - 1, retry_after=1)
    output = read_stream("daily_bars", num_workers=2)
    assert not output.errors
    assert len(output.records) == ALL_BARS


def test_a_wrong_key_fails_with_the_reason(read_stream: Read) -> None:
    output = read_stream("daily_bars", api_key="wrong-key-987654321", expecting_exception=True)
    assert any("Polygon rejected the API key (401)" in text for text in messages(output))


def test_a_day_outside_the_plan_fails(vendor: Simulator, read_stream: Read) -> None:
    vendor.fault("timeframe", BARS + MONDAY, count=0)
    output = read_stream("daily_bars", expecting_exception=True)
    assert any("Polygon refused this date (403)" in text for text in messages(output))
    assert last_state(output) == BEFORE_MONDAY


@pytest.mark.parametrize("message", [None, 403, {}], ids=str)
def test_a_refusal_without_a_reason_is_not_taken_for_a_matter_of_the_plan(
    message: Any, wire: Wire, read_stream: Read
) -> None:
    wire.answers[BARS + MONDAY] = (403, {"status": "NOT_AUTHORIZED", "message": message})
    output = read_stream("daily_bars", expecting_exception=True)
    assert any("Polygon refused this date (403)" in text for text in messages(output))
    assert last_state(output) == BEFORE_MONDAY


def test_a_request_that_is_not_accepted_fails_with_the_vendors_words(
    wire: Wire, read_stream: Read
) -> None:
    wire.answers[BARS + MONDAY] = (400, {"status": "ERROR", "error": "no such parameter"})
    output = read_stream("daily_bars", expecting_exception=True)
    text = "Polygon did not accept the request (400): no such parameter"
    assert any(text in message for message in messages(output))
    assert len(wire.paths(BARS + MONDAY)) == 1


@pytest.mark.parametrize("name", ["ticker_details", "ticker_events", "related_tickers"])
def test_an_unknown_ticker_is_skipped_with_a_notice(name: str, read_stream: Read) -> None:
    output = read_stream(name, tickers=["NOPE", "AAPL"], end_date=DAYS[0])
    assert not output.errors
    assert {record["ticker"] for record in records(output)} == {"AAPL"}
    notices = [text for text in messages(output) if text.startswith("NOT_FOUND")]
    assert len(notices) == 1
    assert "NOPE" in notices[0]


def test_a_day_without_a_session_has_no_open_and_close(wire: Wire, read_stream: Read) -> None:
    output = read_stream("open_close", tickers=["AAPL"])
    assert not output.errors
    assert len(wire.asked) == len(DAYS)
    assert sorted(record["from"] for record in records(output)) == SESSIONS


@pytest.mark.parametrize("status", [404, 418])
def test_not_found_elsewhere_is_an_error(status: int, wire: Wire, read_stream: Read) -> None:
    wire.answers[BARS + MONDAY] = (status, {"status": "NOT_FOUND", "message": "Not found."})
    output = read_stream("daily_bars", expecting_exception=True)
    assert output.errors
    assert last_state(output) == BEFORE_MONDAY


def test_a_page_without_json_is_no_unknown_ticker(wire: Wire, read_stream: Read) -> None:
    wire.answers["/v3/reference/tickers/"] = (404, b"<html>Not Found</html>")
    output = read_stream("ticker_details", tickers=["AAPL"], expecting_exception=True)
    assert output.errors
