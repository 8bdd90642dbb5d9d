"""What the stream missed, and how it comes back: gap records and bars by REST.

Everything that the vendor sent while nobody read it is lost for the stream: the protocol has no
replay. The producer tells of each such time in the gaps topic. A gap record's times are on the wall
clock, the bars are on the market's; the scripted market keeps both at the same pace.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime

from support.program import Program
from support.stream_programs import Chain


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


def product_backfill(chain: Chain, rest_url: str, session: date) -> Program:
    """The product's own backfill; not started."""
    variables = chain.environment(rest_url=rest_url) | {"BACKFILL_SETTLE_SECONDS": "0"}
    arguments = ["-m", "polygon_stream.backfill", "--session", str(session)]
    return chain.program("backfill", arguments, **variables)


def _ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)
