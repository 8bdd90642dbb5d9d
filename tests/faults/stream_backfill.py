"""What the stream missed, and how it comes back: gap records and bars by REST.

Everything that the vendor sent while nobody read it is lost for the stream: the protocol has no
replay. The producer tells of each such time in the gaps topic. A gap record's times are on the wall
clock, the bars are on the market's; the scripted market keeps both at the same pace.
"""

import importlib.util
import json
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from http.client import HTTPException

from confluent_kafka import Producer
from faults.stream_market import REVISION_SECONDS, Market
from polygon_stream.publisher import producer_config
from support.program import Program
from support.stream_programs import Chain

MARGIN_SECONDS = REVISION_SECONDS[1] + 5
"""Around a gap: the revisions that were sent in it are of bars so much older."""

ATTEMPTS = 50
PRODUCT = "polygon_stream.backfill"


@dataclass(frozen=True)
class Gap:
    """A time without a stream, in milliseconds of the market's clock."""

    first_ms: int
    last_ms: int

    def covers(self, sent_ms: int) -> bool:
        """Whether an event that was sent then may have been missed."""
        return self.first_ms <= sent_ms <= self.last_ms


def gaps_of(chain: Chain, ahead_ms: int) -> list[Gap]:
    """The gaps that the producer recorded.

    Args:
        chain: Where the gaps topic is.
        ahead_ms: The market's clock less the wall clock.
    """
    found = []
    for message in chain.read(chain.topics.gaps):
        record = json.loads(message.value() or b"{}")
        first = _ms(record["disconnected_at"]) + ahead_ms
        if record.get("last_event_at"):
            first = min(first, _ms(record["last_event_at"]))
        last = _ms(record["reconnected_at"]) + ahead_ms
        found.append(Gap(first - 2_000, last + 2_000))
    return found


def product_backfill(chain: Chain, rest_url: str, session: date) -> Program | None:
    """The product's own backfill, where there is one; not started."""
    if importlib.util.find_spec(PRODUCT) is None:
        return None
    variables = chain.environment(rest_url=rest_url) | {"BACKFILL_SETTLE_SECONDS": "0"}
    return chain.program("backfill", ["-m", PRODUCT, "--session", str(session)], **variables)


def backfill(chain: Chain, rest_url: str, market: Market, gaps: Iterable[Gap]) -> int:
    """Write the bars around each gap into the topic again, as REST has them now.

    Returns:
        How many.
    """
    producer = Producer(producer_config(chain.settings))
    spans = _merged([(g.first_ms - MARGIN_SECONDS * 1000, g.last_ms) for g in gaps])
    written = 0
    for symbol in market.names:
        for first, last in spans:
            url = f"{rest_url}/v2/aggs/ticker/{symbol}/range/1/second/{first}/{last}"
            for bar in _get(url).get("results", []):
                value = _as_event(symbol, bar)
                producer.produce(chain.topics.agg_1s, value, symbol, timestamp=_now_ms())
                producer.poll(0)
                written += 1
    if left := producer.flush(60):
        raise TimeoutError(f"{left} of {written} bars of the backfill are not in Kafka")
    return written


def _as_event(symbol: str, bar: dict) -> bytes:
    fields = {name: bar[name] for name in ("v", "vw", "o", "h", "l", "c")}
    times = {"s": bar["t"], "e": bar["t"] + 1000}
    return json.dumps({"ev": "A", "sym": symbol, **fields, **times}).encode()


def _get(url: str) -> dict:
    """The answer, after as many attempts as it takes."""
    for _ in range(ATTEMPTS):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.loads(answer.read())
        except (OSError, ValueError, HTTPException):
            time.sleep(0.05)
    raise TimeoutError(f"{url} did not answer {ATTEMPTS} times")


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def _now_ms() -> int:
    return int(time.time() * 1000)
