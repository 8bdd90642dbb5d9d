"""Pages of long lists that are computed piece by piece, such as one day or one ticker at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from polygon_assets.sandbox.polygon.errors import bad_request, ok
from polygon_assets.sandbox.polygon.paging import Row, limit, next_url

T = TypeVar("T")

_PLACE = "ap"
_DAY = timedelta(days=1)


class Bucket(Generic[T]):
    """Rows that are built when a page holds them.

    Args:
        items: What the rows are built from; all that is needed to count and order them.
        build: One row.
    """

    def __init__(self, items: Sequence[T], build: Callable[[T], Row]) -> None:
        self._items, self._build = items, build

    def __len__(self) -> int:
        return len(self._items)

    def rows(self, first: int, most: int) -> list[Row]:
        """At most ``most`` rows from row ``first`` on."""
        return [self._build(item) for item in self._items[first : first + most]]


def page_of_buckets(
    request: Request,
    params: dict[str, str],
    names: Iterable[str],
    bucket: Callable[[str], Bucket[Any]],
    default: int,
    most: int,
    counted: bool = False,
) -> Response:
    """One page, and the address of the next one if there is more.

    Args:
        request: What was asked.
        params: Its parameters, with the place in the list on later pages.
        names: Every bucket's name, in the order of the list.
        bucket: The bucket of a name.
        default: Rows on a page without ``limit``.
        most: The highest ``limit``.
        counted: Whether the vendor tells the number of rows on the page.

    Raises:
        VendorError: 400 for a wrong limit.
    """
    size = limit(params, default, most)
    rows: list[Row] = []
    body: dict[str, Any] = {"results": rows}
    for name, offset in _from_place(names, params.get(_PLACE)):
        found = bucket(name)
        if len(found) <= offset:
            continue
        if len(rows) == size:
            place = {_PLACE: f"{offset}|{name}"}
            body["next_url"] = next_url(request, request.url.path, {**params, **place})
            break
        part = found.rows(offset, size - len(rows))
        rows += part
        if offset + len(part) < len(found):
            place = {_PLACE: f"{offset + len(part)}|{name}"}
            body["next_url"] = next_url(request, request.url.path, {**params, **place})
            break
    return ok(**body, count=len(rows)) if counted else ok(**body)


def _from_place(names: Iterable[str], place: str | None) -> Iterator[tuple[str, int]]:
    """The buckets that are left, each with the row to begin at."""
    if place is None:
        yield from ((name, 0) for name in names)
        return
    offset, _, begin = place.partition("|")
    reached = False
    for name in names:
        if reached:
            yield name, 0
        elif name == begin:
            reached = True
            yield name, int(offset)


def date_window(params: dict[str, str], field: str, first: date, last: date) -> tuple[date, date]:
    """What ``field=``, ``.gt``, ``.gte``, ``.lt`` and ``.lte`` leave of ``first`` to ``last``.

    Raises:
        VendorError: 400 for anything but dates.
    """
    for suffix, shift in (("", 0), (".gte", 0), (".gt", 1)):
        given = _date(params, field + suffix)
        first = first if given is None else max(first, given + shift * _DAY)
    for suffix, shift in (("", 0), (".lte", 0), (".lt", 1)):
        given = _date(params, field + suffix)
        last = last if given is None else min(last, given - shift * _DAY)
    return first, last


def _date(params: dict[str, str], name: str) -> date | None:
    given = params.get(name)
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise bad_request(f"{name} {given!r} must be YYYY-MM-DD") from None


def sort_order(params: dict[str, str], fields: Sequence[str], default: str) -> tuple[str, bool]:
    """The field to sort by and whether descending, from ``sort`` (``field.desc``) and ``order``.

    Raises:
        VendorError: 400 for another field or direction.
    """
    field, _, direction = params.get("sort", default).partition(".")
    direction = params.get("order", direction or default.partition(".")[2] or "asc")
    if field not in fields or direction not in {"asc", "desc"}:
        raise bad_request(f"sort {field!r} {direction!r}: one of {', '.join(fields)}, asc or desc")
    return field, direction == "desc"
