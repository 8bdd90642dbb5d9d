"""Errors in Airbyte's form (``application/problem+json``)."""

from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_TITLES = {
    400: ("bad-request", "The request could not be processed as it was sent."),
    401: ("unauthorized", "The request carries no valid access token."),
    404: ("resource-not-found", "What was asked for does not exist."),
    409: ("try-again-later", "The request conflicts with what goes on now."),
    422: ("unprocessable-entity", "The body of the request was not understood."),
}
_REFERENCE = "https://reference.airbyte.com/reference/errors"


class RefusedError(Exception):
    """A request that is refused.

    Attributes:
        status: HTTP status.
        reason: What is wrong, in a sentence.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason

    def answer(self) -> Response:
        """The answer to the request."""
        title, detail = _TITLES[self.status]
        body = {
            "type": f"{_REFERENCE}#{title}",
            "title": title,
            "status": self.status,
            "detail": detail,
            "data": {"message": self.reason},
        }
        return JSONResponse(body, self.status, media_type="application/problem+json")


async def answer_problem(_: Request, error: Exception) -> Response:
    """Answer a :class:`RefusedError`."""
    return cast("RefusedError", error).answer()


async def answer_unknown_route(request: Request, error: Exception) -> Response:
    """Answer what no route takes: a wrong guess would hide a wrong call."""
    problem = cast("HTTPException", error)
    if problem.status_code in (404, 405):
        reason = f"{request.method} {request.url.path} is not part of the sandbox's Airbyte."
        return RefusedError(404, reason).answer()
    return RefusedError(400, problem.detail).answer()
