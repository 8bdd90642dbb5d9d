"""REST: news. All of it is invented; about one article for every twenty symbols and day."""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.buckets import Bucket, page_of_buckets, sort_order
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.errors import bad_request
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sandbox.polygon.paging import Row, matching_tickers, parameters
from polygon_assets.sandbox.polygon.randomness import fractions
from polygon_assets.sandbox.polygon.security import Security

ARTICLES_PER_TICKER_AND_DAY = 0.05

_SITE = "https://example.com/simulated"
_PUBLISHERS = ("Simulated Wire", "Invented Business Daily", "The Made-Up Investor")
_HEADLINES = (
    ("{} is in the news", ("company",)),
    ("What analysts who do not exist say about {}", ("analysts",)),
    ("{} names a new head of nothing in particular", ("management",)),
    ("Five invented facts about {}", ("facts", "company")),
    ("{} and the sector: a simulated outlook", ("sector", "outlook")),
)


class NewsEndpoints:
    """Articles of the past, as seen from the clock.

    Args:
        market: Its securities.
        clock: Hides what is not published yet.
    """

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market, self._clock = market, clock
        self._articles = lru_cache(maxsize=8)(self._of_day)

    def routes(self) -> list[Route]:
        """Routes of this group."""
        return [Route("/v2/reference/news", self._news)]

    def _news(self, request: Request) -> Response:
        params = parameters(request)
        first, end = self._window(params)
        _, descending = sort_order(params, ("published_utc",), "published_utc.desc")

        def of_day(name: str) -> Bucket[Row]:
            day = date.fromisoformat(name)
            rows = list(_articles_about(named, day)) if is_asked else self._articles(day)
            found = [r for r in rows if first <= datetime.fromisoformat(r["published_utc"]) < end]
            return Bucket(found[::-1] if descending else found, _same)

        is_asked = any(name.partition(".")[0] == "ticker" for name in params)
        listings = self._market.listings
        asked = matching_tickers(listings, params) if is_asked else []
        named = [security for ticker in asked for security in listings[ticker]]
        days = _days(first.date(), end.date())
        names = [day.isoformat() for day in days]
        return page_of_buckets(
            request, params, names[::-1] if descending else names, of_day, 10, 1000, counted=True
        )

    def _of_day(self, day: date) -> list[Row]:
        """Every article of a UTC date, ascending."""
        articles = _articles_about(self._market.securities, day)
        return sorted(articles, key=lambda row: (row["published_utc"], row["id"]))

    def _window(self, params: dict[str, str]) -> tuple[datetime, datetime]:
        """First moment and end of what was asked for, up to now."""
        second = timedelta(seconds=1)
        start = datetime.combine(sessions.first_session(), time(), UTC)
        end = self._clock.now().astimezone(UTC) + second
        given = {
            suffix: _moment(params[f"published_utc{suffix}"])
            for suffix in ("", ".gte", ".gt", ".lte", ".lt")
            if params.get(f"published_utc{suffix}")
        }
        if "" in given:
            is_day = len(params["published_utc"]) == len("2005-02-28")
            start = max(start, given[""])
            end = min(end, given[""] + (timedelta(days=1) if is_day else second))
        start = max([start, *(m + (s == ".gt") * second for s, m in given.items() if "g" in s)])
        end = min([end, *(m + (s == ".lte") * second for s, m in given.items() if "l" in s)])
        return start, end


def _same(row: Row) -> Row:
    return row


def _moment(text: str) -> datetime:
    """A date, its start in UTC, or a time; UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise bad_request(f"published_utc {text!r} must be a date or a time (RFC 3339)") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=days) for days in range((last - first).days + 1)]


def _articles_about(securities: Collection[Security], day: date) -> Iterator[Row]:
    for security in securities:
        chance, moment, headline, publisher = fractions(4, "news", security.ticker, day)
        if chance < ARTICLES_PER_TICKER_AND_DAY and security.is_listed(day):
            yield _article(security, day, moment, (headline, publisher))


def _article(security: Security, day: date, moment: float, choices: tuple[float, float]) -> Row:
    published = datetime.combine(day, time(), UTC) + timedelta(seconds=int(moment * 86_400))
    title, keywords = _HEADLINES[int(choices[0] * len(_HEADLINES))]
    publisher = _PUBLISHERS[int(choices[1] * len(_PUBLISHERS))]
    slug = publisher.lower().replace(" ", "-")
    name = security.name.removesuffix(" (simulated)")
    identifier = f"simulated-{security.ticker}-{day}"
    return {
        "id": identifier,
        "publisher": {
            "name": publisher,
            "homepage_url": f"{_SITE}/{slug}",
            "logo_url": f"{_SITE}/{slug}/logo.svg",
            "favicon_url": f"{_SITE}/{slug}/favicon.ico",
        },
        "title": title.format(name) + " (simulated)",
        "author": "The simulator",
        "published_utc": published.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "article_url": f"{_SITE}/{slug}/{identifier}",
        "tickers": [security.ticker],
        "image_url": f"{_SITE}/{slug}/{identifier}.png",
        "description": f"An invented article about {name}, so that news can be loaded and tested.",
        "keywords": list(keywords),
        "simulated": True,
    }
