"""The vendor's answers: JSON bodies and its error responses."""

from typing import Any
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response

UPGRADE = "Please upgrade your plan at https://polygon.io/pricing"


class VendorError(Exception):
    """An error response of the vendor.

    Args:
        status_code: HTTP status.
        status: The body's ``status``.
        **body: The rest of the body.
    """

    def __init__(self, status_code: int, status: str, **body: str) -> None:
        super().__init__(status_code, status, body)
        self.status_code, self.status, self.body = status_code, status, body


def bad_request(error: str) -> VendorError:
    """A parameter that the vendor does not accept."""
    return VendorError(400, "ERROR", error=error)


def unknown_key(given: bool) -> VendorError:
    """No API key, or a wrong one."""
    return VendorError(
        401, "ERROR", error="Unknown API Key" if given else "API Key was not provided"
    )


def before_end_of_day() -> VendorError:
    """Today's daily bars before the session is over."""
    return VendorError(
        403,
        "NOT_AUTHORIZED",
        message=f"Attempted to request today's data before end of day. {UPGRADE}",
    )


def outside_timeframe() -> VendorError:
    """A date in the future."""
    return VendorError(
        403, "NOT_AUTHORIZED", message=f"Your plan doesn't include this data timeframe. {UPGRADE}"
    )


def not_entitled() -> VendorError:
    """A dataset that the plan does not include."""
    return VendorError(
        403, "NOT_AUTHORIZED", message=f"You are not entitled to this data. {UPGRADE}"
    )


def not_found(message: str) -> VendorError:
    """What was asked for does not exist."""
    return VendorError(404, "NOT_FOUND", message=message)


def too_many_requests() -> VendorError:
    """The rate limit."""
    return VendorError(
        429,
        "ERROR",
        error="You've exceeded the maximum requests per minute, please wait or upgrade your "
        "subscription to continue. https://polygon.io/pricing",
    )


def json_response(content: object, status_code: int = 200) -> Response:
    """Any JSON body."""
    return Response(msgspec.json.encode(content), status_code, media_type="application/json")


def ok(**body: Any) -> Response:
    """A successful answer: the body with ``status`` and a ``request_id``."""
    return json_response({**body, "status": "OK", "request_id": uuid4().hex})


def error_response(error: VendorError) -> Response:
    """An error as the vendor sends it."""
    body = {"status": error.status, "request_id": uuid4().hex, **error.body}
    return json_response(body, error.status_code)


async def handle_vendor_error(_request: Request, error: Exception) -> Response:
    """Starlette's exception handler for ``VendorError``."""
    assert isinstance(error, VendorError)
    return error_response(error)


async def handle_unknown_route(request: Request, _error: Exception) -> Response:
    """Starlette's exception handler for paths and methods that the simulator does not serve."""
    message = f"{request.method} {request.url.path} is not supported by the simulated vendor."
    return error_response(not_found(message))
