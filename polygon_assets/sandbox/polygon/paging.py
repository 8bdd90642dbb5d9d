"""Filters, order and pages of the vendor's list endpoints."""

import operator
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from polygon_assets.sandbox.polygon.errors import bad_request, ok

Row = dict[str, Any]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "": operator.eq,
    ".gt": operator.gt,
    ".gte": operator.ge,
    ".lt": operator.lt,
    ".lte": operator.le,
}
_KEY, _CURSOR, _OFFSET = "apiKey", "cursor", "ap"


def parameters(request: Request) -> dict[str, str]:
    """The query's parameters; those inside the cursor on later pages.

    Raises:
        VendorError: 400 for a cursor that the vendor did not give out.
    """
    given = dict(request.query_params)
    cursor = given.pop(_CURSOR, None)
    given.pop(_KEY, None)
    if cursor is None:
        return given
    try:
        query = b64decode(cursor, b"-_", validate=True).decode()
        return dict(parse_qsl(query, strict_parsing=True))
    except ValueError:
        raise bad_request(f"cursor {cursor!r} is not valid") from None


def next_url(request: Request, path: str, params: dict[str, str]) -> str:
    """The address of a later page, on the host that was asked, its query inside a cursor."""
    cursor = urlsafe_b64encode(urlencode(params).encode()).decode()
    return f"{request.url.scheme}://{request.url.netloc}{path}?{_CURSOR}={cursor}"


def matching(rows: list[Row], params: dict[str, str], fields: Sequence[str]) -> list[Row]:
    """The rows that pass ``field=``, ``field.gt=``, ``.gte``, ``.lt``, ``.lte`` and ``.any_of``.

    A row without the field passes no filter on it.
    """
    for field in fields:
        for suffix, compare in _COMPARISONS.items():
            wanted = params.get(field + suffix)
            if wanted:
                rows = [row for row in rows if field in row and compare(row[field], wanted)]
        choices = params.get(f"{field}.any_of")
        if choices:
            rows = [row for row in rows if row.get(field) in choices.split(",")]
    return rows


def matching_tickers(tickers: Iterable[str], params: dict[str, str]) -> list[str]:
    """The tickers that pass ``ticker=``, ``ticker.gt=`` and so on, in the given order."""
    rows: list[Row] = [{"ticker": ticker} for ticker in tickers]
    return [row["ticker"] for row in matching(rows, params, ("ticker",))]


def refuse_filters(params: dict[str, str], fields: Sequence[str]) -> None:
    """Refuse what the vendor filters by and the simulator does not, rather than ignore it.

    Raises:
        VendorError: 400 where one of the parameters is given, alone or with a comparison.
    """
    for name in params:
        if name.partition(".")[0] in fields:
            raise bad_request(f"{name} is not supported by the simulated vendor")


def ordered(rows: list[Row], by: str, fields: Sequence[str]) -> list[Row]:
    """Rows sorted by ``field.asc`` or ``field.desc``, several separated by commas.

    Raises:
        VendorError: 400 for another field or direction.
    """
    for key in reversed(by.split(",")):
        field, _, direction = key.partition(".")
        if field not in fields or direction not in {"", "asc", "desc"}:
            raise bad_request(f"sort {key!r} is not one of {', '.join(fields)} with .asc or .desc")
        rows = sorted(rows, key=operator.itemgetter(field), reverse=direction == "desc")
    return rows


def boolean(params: dict[str, str], name: str, default: bool) -> bool:
    """A parameter that is true or false.

    Raises:
        VendorError: 400 for anything else.
    """
    given = params.get(name, str(default)).lower()
    if given not in {"true", "false"}:
        raise bad_request(f"{name} {given!r} must be true or false")
    return given == "true"


def limit(params: dict[str, str], default: int, most: int) -> int:
    """The ``limit`` parameter.

    Raises:
        VendorError: 400 outside 1 to ``most``.
    """
    given = params.get("limit", str(default))
    if not given.isdigit() or not 1 <= int(given) <= most:
        raise bad_request(f"limit {given!r} must be a number from 1 to {most}")
    return int(given)


def page(
    request: Request,
    params: dict[str, str],
    rows: list[Row],
    default: int,
    most: int,
    counted: bool = False,
) -> Response:
    """One page of rows, and the address of the next one if there is more.

    Some lists are ``counted``: their answers tell the number of rows on the page.
    """
    size, offset = limit(params, default, most), int(params.get(_OFFSET, 0))
    body: dict[str, Any] = {"results": rows[offset : offset + size]}
    if offset + size < len(rows):
        body["next_url"] = next_url(
            request, request.url.path, {**params, _OFFSET: str(offset + size)}
        )
    return ok(**body, count=len(body["results"])) if counted else ok(**body)
