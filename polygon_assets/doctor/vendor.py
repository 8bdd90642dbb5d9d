"""Polygon's REST API: the key, and what the plan includes."""

import json
from datetime import datetime, timedelta

from polygon.exceptions import BadResponse
from urllib3.exceptions import HTTPError

from polygon_assets.doctor.findings import (
    ACCEPTED,
    Finding,
    Findings,
    ok,
    problem,
    reached,
    warning,
    words,
)
from polygon_assets.env import Names
from polygon_assets.preflight import POLYGON
from polygon_assets.resources.polygon import Polygon, polygon
from polygon_assets.sessions import current_or_previous_session

STATUS = "/v1/marketstatus/now"

# With the status one more than these: the free plan allows five requests in a minute. An unknown
# ticker has no bars, which is no error.
DATASETS = {
    "daily bars": ("/v2/aggs/ticker/AAPL/range/1/day/{day}/{day}", "raw tables and marts"),
    "second bars": ("/v2/aggs/ticker/AAPL/range/1/second/{day}/{day}", "`backfill_gaps`"),
    "tickers": ("/v3/reference/tickers", "dim_security"),
    "splits": ("/v3/reference/splits", "adjusted prices"),
}
"""Dataset -> path of a small request, and who needs it."""


def examine(_names: Names, *, probe: bool) -> Findings:
    """Whether the vendor knows the key, and gives us the datasets that are loaded."""
    del probe  # nothing is written to the vendor
    if not (yield from reached(POLYGON)):
        return
    vendor = polygon().process_config_and_initialize()
    try:
        status = _ask(vendor, STATUS)
    except (BadResponse, HTTPError) as error:
        yield _refused(ACCEPTED, error)
        return
    server_time = str(status.get("serverTime"))
    yield ok(ACCEPTED, f"the key is known; the market's clock says {server_time}")
    # Plans with end-of-day data have no bars of the newest session.
    day = current_or_previous_session(datetime.fromisoformat(server_time) - timedelta(days=2))
    for dataset, (path, needed_by) in DATASETS.items():
        try:
            _ask(vendor, path.format(day=day.session_date))
        except (BadResponse, HTTPError) as error:
            yield _refused(dataset, error, needed_by)
        else:
            yield ok(dataset, "the plan includes them")


def _ask(vendor: Polygon, path: str) -> dict[str, object]:
    """One request that is not repeated.

    Raises:
        BadResponse: The vendor refused; the text is its own.
        HTTPError: It could not be asked.
    """
    client = vendor.client(retries=0)
    answer = client._get(path, params={"limit": "1"}, raw=True)  # pyright: ignore[reportPrivateUsage]
    return json.loads(answer.data)


def _refused(check: str, error: Exception, needed_by: str = "") -> Finding:
    text = words(error)
    if isinstance(error, HTTPError):
        if "429" in text:
            return warning(
                check,
                "Not known: the vendor's limit of requests is reached",
                "Wait a minute; CONNECTOR_REQUESTS_PER_MINUTE is the plan's limit.",
            )
        return problem(check, text, "Look at the vendor's status page, and ask again.")
    if "NOT_AUTHORIZED" in text:
        todo = f"Without it {needed_by} fail by name: choose a plan that includes it."
        return warning(check, f"The plan does not include it: {_sentence(text)}", todo)
    if "api key" in text.lower():
        return problem(check, f"The key is refused: {_sentence(text)}", "Check POLYGON_API_KEY.")
    return problem(check, _sentence(text), "Check POLYGON_REST_URL and POLYGON_API_KEY.")


def _sentence(answer: str) -> str:
    """What the vendor says, without the JSON around it."""
    try:
        told = json.loads(answer)
        return str(told.get("message") or told.get("error") or answer)
    except (ValueError, AttributeError):
        return answer
