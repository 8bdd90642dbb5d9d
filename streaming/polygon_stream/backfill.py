"""Fill the holes of a session: second bars by REST into the topic of the stream.

``python -m polygon_stream.backfill --session 2026-11-20``. Exit codes: 0 when everything that the
vendor has is in Kafka, 1 otherwise; what was done is done, and the next run goes on.

Running it again changes nothing: a bar that is stored as the vendor has it now is not sent, and a
bar that is sent twice replaces itself. There is no state to keep, so it may be killed at any time.
"""

import argparse
import dataclasses
import logging
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import clickhouse_connect
import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import KafkaException

from polygon_stream.backfill_plan import (
    NEW_YORK,
    Window,
    by_symbol,
    chunks,
    gap_windows,
    read_gaps,
    volume_breaks,
)
from polygon_stream.backfill_rest import BarEvent, RestBars, VendorError
from polygon_stream.logs import configure_logging
from polygon_stream.publisher import Publisher, producer_config
from polygon_stream.settings import (
    BackfillSettings,
    ClickHouseSettings,
    KafkaSettings,
    LogSettings,
    PolygonSettings,
    SinkSettings,
    StreamSettings,
    TopicSettings,
)
from polygon_stream.subscriptions import load_subscriptions
from polygon_stream.topics import TopicsError, ensure_topics

log = logging.getLogger(__name__)

DELIVERY_SECONDS = 120.0
_FEW_SYMBOLS = 1_000


class UndeliveredError(RuntimeError):
    """Kafka did not take every bar."""


@dataclass
class Report:
    """What a backfill did; a bar is counted once for each run.

    Attributes:
        windows: Pieces of market time that were fetched, over all symbols.
        symbols: Symbols that they are about.
        requests: REST requests.
        fetched: Bars that the vendor has there.
        already_there: Of these, stored as they are.
        sent: Of these, missing or different, and now in Kafka.
        refused: Bars from the vendor that are none, and bars that Kafka refused.
    """

    windows: int = 0
    symbols: int = 0
    requests: int = 0
    fetched: int = 0
    already_there: int = 0
    sent: int = 0
    refused: int = 0


class Backfill:
    """Fills the holes of the second bars, with the connections of one environment."""

    def __init__(
        self,
        rest: RestBars,
        kafka: KafkaSettings,
        topics: TopicSettings,
        clickhouse: Client,
        database: str,
        settings: BackfillSettings,
    ) -> None:
        """Nothing is read or sent yet.

        Args:
            rest: The vendor.
            kafka: Where the topics are.
            topics: Their names.
            clickhouse: Connection to the tick tables.
            database: Their database.
            settings: Pace and patience.
        """
        self._rest, self._kafka, self._topics = rest, kafka, topics
        self._clickhouse, self._database, self._settings = clickhouse, database, settings

    def run(
        self,
        session: date,
        more: Iterable[Window] = (),
        subscribed: Callable[[str], bool] = lambda _symbol: True,
    ) -> Report:
        """Fill the holes of one session.

        Args:
            session: New York date.
            more: Windows in addition to those that are found.
            subscribed: Whether the stream is meant to have a symbol.

        Raises:
            VendorError: The vendor does not give the bars.
            UndeliveredError: Kafka does not take them.
            KafkaException: Kafka does not answer.
            ClickHouseError: ClickHouse does not answer.
        """
        gaps = gap_windows(read_gaps(self._kafka, self._topics.gaps), session) + list(more)
        breaks = volume_breaks(self._clickhouse, self._database, session)
        symbols: list[str] = []
        if gaps:
            names = {*self._stored_symbols(session), *self._rest.symbols_of(session)}
            symbols = sorted(filter(subscribed, names))
        settled = self._rest.now().timestamp() - self._settings.settle_seconds
        plan = by_symbol([*gaps, *breaks], symbols, int(settled) * 1000)
        log.info(
            "session %s: %d gaps, %d breaks of volume, %d symbols to ask for",
            session, len(gaps), len(breaks), len(plan),
        )  # fmt: skip
        report = Report(symbols=len(plan))
        publisher = Publisher(producer_config(self._kafka), overflow_records=1_000_000)
        for piece in chunks(plan, self._settings.chunk_bars):
            self._fill(session, piece, publisher, report)
        report.requests = self._rest.requests
        report.refused += self._rest.refused
        return report

    def _fill(
        self, session: date, piece: Sequence[Window], publisher: Publisher, report: Report
    ) -> None:
        """Fetch one piece of market time, and send what is not stored as it is, by time."""
        began = time.monotonic()
        found = sorted(self._rest.bars(piece), key=lambda event: (event.s, event.sym))
        stored = self._stored(session, piece) if found else {}
        wanted = [
            event for event in found if stored.get((event.sym, event.s)) != event.stored_values()
        ]
        self._send(wanted, publisher)
        report.windows += len(piece)
        report.fetched += len(found)
        report.sent += len(wanted)
        report.already_there += len(found) - len(wanted)
        log.info(
            "%s: %d symbols, %d bars fetched, %d sent, %.1f s",
            datetime.fromtimestamp(piece[0].start / 1000, NEW_YORK).strftime("%H:%M:%S"),
            len(piece), len(found), len(wanted), time.monotonic() - began,
        )  # fmt: skip

    def _send(self, events: Sequence[BarEvent], publisher: Publisher) -> None:
        refused_before = publisher.failed
        for event in events:
            publisher.publish(
                self._topics.agg_1s,
                event.sym.encode(),
                msgspec.json.encode(event),
                int(time.time() * 1000),
                [("source", "backfill")],
            )
            while publisher.congested and publisher.fatal is None:
                publisher.serve()
                time.sleep(0.01)
        left = publisher.drain(DELIVERY_SECONDS) if events else 0
        refused = publisher.failed - refused_before
        if left or refused:
            raise UndeliveredError(f"{left} bars not confirmed by Kafka, {refused} refused")

    def _stored_symbols(self, session: date) -> list[str]:
        rows = self._clickhouse.query(
            f"SELECT DISTINCT symbol FROM {self._database}.bars_1s "
            "WHERE session_date = {session:Date}",
            parameters={"session": session},
        ).result_rows
        return [row[0] for row in rows]

    def _stored(
        self, session: date, piece: Sequence[Window]
    ) -> dict[tuple[str, int], tuple[float, ...]]:
        """(symbol, start in milliseconds) -> values of the bars that are stored in a piece."""
        names = [window.symbol for window in piece]
        few = "AND symbol IN {names:Array(String)} " if len(names) <= _FEW_SYMBOLS else ""
        rows = self._clickhouse.query(
            "SELECT symbol, toUnixTimestamp(bar_start), open, high, low, close, volume, vwap "
            f"FROM {self._database}.bars_1s FINAL WHERE session_date = {{session:Date}} {few}"
            "AND bar_start >= {first:UInt32} AND bar_start < {end:UInt32}",
            parameters={
                "session": session,
                "names": names if few else [],
                "first": min(window.start for window in piece) // 1000,
                "end": max(window.end for window in piece) // 1000,
            },
        ).result_rows
        return {(row[0], row[1] * 1000): tuple(row[2:]) for row in rows}


def subscribed_to(topics: Sequence[str]) -> Callable[[str], bool]:
    """Whether the second bars of a symbol are among these subscriptions."""
    return lambda symbol: "A.*" in topics or f"A.{symbol}" in topics


def _window(session: date, first: str | None, end: str | None) -> list[Window]:
    """What was asked for by hand: New York times of the session."""
    if first is None and end is None:
        return []
    start, stop = (
        datetime.combine(session, datetime.strptime(text, "%H:%M").time(), NEW_YORK)
        for text in (first or "04:00", end or "20:00")
    )
    return [Window(int(start.timestamp() * 1000), int(stop.timestamp() * 1000))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="polygon_stream.backfill", description=__doc__)
    parser.add_argument("--session", type=date.fromisoformat, required=True, help="YYYY-MM-DD")
    parser.add_argument("--from", dest="first", help="also fill from this New York time, HH:MM")
    parser.add_argument("--to", dest="end", help="also fill up to this New York time, HH:MM")
    options = parser.parse_args(arguments)
    try:
        configure_logging(LogSettings())
        settings, kafka, topics = BackfillSettings(), KafkaSettings(), TopicSettings()
        more = _window(options.session, options.first, options.end)
        ensure_topics(kafka, [topics.agg_1s, topics.gaps], topics.partitions)
        filler = Backfill(
            RestBars(PolygonSettings(), settings),
            kafka,
            topics,
            clickhouse_connect.get_client(**ClickHouseSettings().client_config()),
            SinkSettings().database,
            settings,
        )
        subscriptions = load_subscriptions(StreamSettings())
        report = filler.run(options.session, more, subscribed_to(subscriptions))
    except (
        VendorError, UndeliveredError, TopicsError, KafkaException, ClickHouseError, OSError,
        ValueError,
    ) as error:  # fmt: skip
        log.error("%s", error)
        return 1
    sys.stdout.write(msgspec.json.encode(dataclasses.asdict(report)).decode() + "\n")
    return 1 if report.refused else 0


if __name__ == "__main__":
    sys.exit(main())
