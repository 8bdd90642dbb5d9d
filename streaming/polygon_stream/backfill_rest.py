"""Second bars from the vendor's REST API, as events of the stream."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from polygon import RESTClient
from polygon.exceptions import BadResponse
from urllib3.exceptions import HTTPError

from polygon_stream.backfill_plan import Window
from polygon_stream.events import Price, Quantity, UnixMillis
from polygon_stream.settings import BackfillSettings, PolygonSettings

log = logging.getLogger(__name__)

_BARS_PER_PAGE = 50_000
_UNREADABLE_ANSWERS = 5
T = TypeVar("T")


class VendorError(RuntimeError):
    """The vendor does not give the bars: it refuses, or did not answer often enough."""


class RestBar(msgspec.Struct):
    """A bar of ``/v2/aggs/ticker/.../range/1/second``, unadjusted."""

    v: Quantity | int
    vw: Quantity
    o: Price
    c: Price
    h: Price
    l: Price  # noqa: E741
    t: UnixMillis
    n: int = 0


class BarEvent(msgspec.Struct, omit_defaults=True):
    """An ``A`` event without what only the stream knows: ``av``, ``op`` and ``a``."""

    ev: str
    sym: str
    v: float | int
    vw: float
    o: float
    c: float
    h: float
    l: float  # noqa: E741
    s: int
    e: int
    z: float | None = None
    """Average trade size, exact: the number of trades follows from it."""

    def stored_values(self) -> tuple[float, ...]:
        """What a stored bar must equal for this event to change nothing."""
        return (self.o, self.h, self.l, self.c, float(self.v), self.vw)


class _Answer(msgspec.Struct):
    results: list[msgspec.Raw] = []
    next_url: str = ""


class _Grouped(msgspec.Struct):
    T: str


class Pace:
    """Lets callers through at a steady rate, whichever thread they are in."""

    def __init__(self, per_second: float) -> None:
        """The first caller does not wait."""
        self._interval = 1 / per_second
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when it is this caller's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._interval
        time.sleep(turn - now)


class RestBars:
    """Reads bars with several requests under way at once.

    Attributes:
        refused: Bars that the vendor sent and that are none, such as one without a VWAP.
        requests: How many were made.
    """

    def __init__(self, vendor: PolygonSettings, settings: BackfillSettings) -> None:
        """Nothing is asked yet."""
        self.refused = 0
        self.requests = 0
        self._vendor, self._settings = vendor, settings
        self._pace = Pace(settings.requests_per_second)
        self._lock = threading.Lock()
        self._threads = threading.local()

    def now(self) -> datetime:
        """The vendor's clock.

        Raises:
            VendorError: The vendor does not tell.
        """
        status: Any = self._asked(lambda client: client.get_market_status(), "the time")
        try:
            return datetime.fromisoformat(str(status.server_time))
        except (AttributeError, ValueError) as error:
            raise VendorError(f"the vendor does not tell the time: {error}") from error

    def symbols_of(self, session: date) -> list[str]:
        """The symbols that traded on a day; none before the day's bars are there."""
        try:
            answer = self._answer(
                lambda client: client.get_grouped_daily_aggs(session, adjusted=False, raw=True),
                f"the symbols of {session}",
            )
        except VendorError as error:
            log.warning("%s: only symbols that are stored already can be completed", error)
            return []
        return [msgspec.json.decode(raw, type=_Grouped).T for raw in answer.results]

    def bars(self, windows: Sequence[Window]) -> Iterator[BarEvent]:
        """The bars of these windows, each of one symbol, in no order.

        Raises:
            VendorError: The vendor does not give them.
        """
        with ThreadPoolExecutor(self._settings.workers) as pool:
            try:
                for found in pool.map(self._bars_of, windows):
                    yield from found
            except VendorError:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _bars_of(self, window: Window) -> list[BarEvent]:
        symbol = window.symbol or ""
        answer = self._answer(
            lambda client: client.list_aggs(
                quote(symbol, safe=""),
                1,
                "second",
                window.start,
                window.end - 1,
                adjusted=False,
                sort="asc",
                limit=_BARS_PER_PAGE,
                raw=True,
            ),
            f"second bars of {symbol}",
        )
        if answer.next_url:
            raise VendorError(f"second bars of {symbol}: more than one page for {window}")
        events: list[BarEvent] = []
        problems: list[str] = []
        for raw in answer.results:
            try:
                events.append(_event(symbol, msgspec.json.decode(raw, type=RestBar)))
            except msgspec.DecodeError as error:
                problems.append(f"{error} in {bytes(raw)[:300]!r}")
        if problems:
            log.error("%d bars of %s are refused: %s", len(problems), symbol, problems[0])
            with self._lock:
                self.refused += len(problems)
        return events

    def _answer(self, ask: Callable[[RESTClient], Any], what: str) -> _Answer:
        """An answer as it came; the client's own reading takes a broken one for an empty one."""
        problem: Exception | None = None
        for _ in range(_UNREADABLE_ANSWERS):
            body = self._asked(ask, what).data
            try:
                return msgspec.json.decode(body, type=_Answer)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                problem = error
                log.warning("%s: the answer is not readable, asking again: %s", what, error)
        raise VendorError(f"{what}: the vendor's answers are not readable: {problem}") from problem

    def _asked(self, ask: Callable[[RESTClient], T], what: str) -> T:
        self._pace.wait()
        with self._lock:
            self.requests += 1
        try:
            return ask(self._client())
        except BadResponse as error:
            raise VendorError(f"{what}: the vendor refuses: {error}") from error
        except HTTPError as error:
            raise VendorError(f"{what}: {error}") from error

    def _client(self) -> RESTClient:
        """This thread's client; it repeats what fails, and waits as long as Retry-After says."""
        if not hasattr(self._threads, "client"):
            self._threads.client = RESTClient(
                api_key=self._vendor.api_key.get_secret_value(),
                base=self._vendor.rest_url,
                retries=self._settings.retries,
            )
        return self._threads.client


def _event(symbol: str, bar: RestBar) -> BarEvent:
    size = bar.v / bar.n if bar.n > 0 else None
    prices = bar.vw, bar.o, bar.c, bar.h, bar.l
    return BarEvent("A", symbol, bar.v, *prices, s=bar.t, e=bar.t + 1000, z=size)
