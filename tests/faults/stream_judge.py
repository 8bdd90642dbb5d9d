"""What became of every event: the topic, the audit of inserts, the final rows, the rollups."""

import json
from collections import Counter
from dataclasses import dataclass, field
from math import isclose

from confluent_kafka import Message
from faults.stream_backfill import Gap
from faults.stream_market import Key, Market, Row
from support.stream_programs import Chain

BAD_SYMBOL = "BAD"
AUDIT = """
CREATE TABLE {db}.audit (kafka_partition UInt16, kafka_offset UInt64)
ENGINE = MergeTree ORDER BY () SETTINGS non_replicated_deduplication_window = 10000
"""
AUDIT_VIEW = """
CREATE MATERIALIZED VIEW {db}.audit_mv TO {db}.audit
AS SELECT kafka_partition, kafka_offset FROM {db}.bars_1s
"""
FINAL = """
SELECT symbol, toUnixTimestamp(bar_start) * 1000, open, high, low, close, volume, vwap
FROM {db}.bars_1s FINAL
"""
ROUNDING = 1e-12
ROLLUP_COLUMNS = {"symbol", "bar_start", "open", "high", "low", "close", "volume"}
BUCKETS = {
    "1m": "toStartOfMinute(bar_start)",
    "5m": "toStartOfFiveMinutes(bar_start)",
    "1h": "toStartOfHour(bar_start)",
    "1d": "toTimeZone(toDateTime(session_date, 'America/New_York'), 'UTC')",
}
RECOMPUTED = """
SELECT symbol, toUnixTimestamp({bucket}) AS start, argMin(open, bar_start), max(high), min(low),
       argMax(close, bar_start), sum(volume)
FROM (SELECT * FROM {db}.bars_1s FINAL) GROUP BY symbol, start
"""
ROLLED_UP = """
SELECT symbol, toUnixTimestamp(bar_start), open, high, low, close, volume FROM {table} {final}
"""


def audit(chain: Chain) -> None:
    """From now on, keep one row for every row that is ever inserted into ``bars_1s``.

    ``bars_1s`` itself replaces: a bar that was inserted twice is there once, and nobody would see.
    """
    for statement in (AUDIT, AUDIT_VIEW):
        chain.query(statement)


@dataclass
class Verdict:
    """Counts of events, messages and rows; ``faults`` names what must not be.

    A missed event outside every gap record is none by itself: the backfill finds it by the volume
    of the day. If it does not, the final bars tell.
    """

    sent: int
    in_kafka: int
    missed: int
    uncovered: int
    twice_in_kafka: int
    repaired: int
    bad: int
    dead_letters: int
    stored: int
    duplicates: int
    not_stored: int
    bars: int
    lost: int
    wrong: int
    unexpected: int
    rollups: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Rollup -> rows, rows that differ from a recomputation."""

    @property
    def faults(self) -> list[str]:
        """Everything that contradicts "each exactly once"."""
        counts = {
            "events twice in Kafka": self.twice_in_kafka,
            "messages never stored": self.not_stored,
            "rows stored twice": self.duplicates,
            "final bars lost": self.lost,
            "final bars wrong": self.wrong,
            "bars that nobody sent": self.unexpected,
            "bad messages without a dead letter": max(self.bad - self.dead_letters, 0),
        }
        counts |= {f"rows of {name} wrong": wrong for name, (_, wrong) in self.rollups.items()}
        return [f"{count:,} {what}" for what, count in counts.items() if count]

    def rows(self) -> list[tuple[str, str]]:
        """For a table."""
        shown = {
            "events sent by the vendor": self.sent,
            "  missed by the stream (nobody was reading)": self.missed,
            "    of these outside every gap record": self.uncovered,
            "messages in Kafka": self.in_kafka,
            "  by the backfill": self.repaired,
            "  twice": self.twice_in_kafka,
            "  that can be no row": self.bad,
            "    of these in the dead letters": self.dead_letters,
            "rows stored (audit of inserts)": self.stored,
            "  duplicates": self.duplicates,
            "  never stored": self.not_stored,
            "final bars": self.bars,
            "  lost": self.lost,
            "  wrong": self.wrong,
            "  that nobody sent": self.unexpected,
        }
        lines = [(what, f"{count:,}") for what, count in shown.items()]
        for name, (rows, wrong) in self.rollups.items():
            lines.append((f"{name}: rows / wrong", f"{rows:,} / {wrong:,}"))
        return lines


def judge(chain: Chain, market: Market, seconds: int, gaps: list[Gap]) -> Verdict:
    """Compare what is there with what must be.

    Args:
        chain: At rest: nothing is under way.
        market: The truth.
        seconds: How long it traded.
        gaps: What the producer knows that it missed.
    """
    messages = chain.read(chain.topics.agg_1s)
    streamed, repaired, bad = _sorted(messages)
    sent = Counter(e.number for s in range(seconds) for e in market.events(s))
    missed = {number for number in sent if streamed[number] < sent[number]}
    sent_at = {
        e.number: market.start_ms + (s + 1) * 1000
        for s in range(seconds)
        for e in market.events(s)
        if e.number in missed
    }
    good = {(m.partition(), m.offset()) for m in messages} - bad
    stored = Counter(chain.query("SELECT kafka_partition, kafka_offset FROM {db}.audit"))
    expected, found = market.final_bars(seconds), _final(chain)
    return Verdict(
        sent=sum(sent.values()),
        in_kafka=len(messages),
        missed=len(missed),
        uncovered=sum(not any(g.covers(at) for g in gaps) for at in sent_at.values()),
        twice_in_kafka=sum(max(0, n - sent[number]) for number, n in streamed.items()),
        repaired=repaired,
        bad=len(bad),
        dead_letters=len(bad & _dead(chain)),
        stored=stored.total(),
        duplicates=stored.total() - len(stored),
        not_stored=len(good - stored.keys()),
        bars=len(found),
        lost=len(expected.keys() - found.keys()),
        wrong=sum(found[key] != expected[key] for key in expected.keys() & found.keys()),
        unexpected=len(found.keys() - expected.keys()),
        rollups=_rollups(chain, chain.rollups),
    )


def _sorted(messages: list[Message]) -> tuple[Counter[int], int, set[tuple[int, int]]]:
    """How often each numbered event is there, messages without a number, places of bad ones."""
    streamed: Counter[int] = Counter()
    repaired, bad = 0, set()
    for message in messages:
        event = json.loads(message.value() or b"{}")
        if event.get("sym") == BAD_SYMBOL:
            bad.add((message.partition(), message.offset()))
        elif "number" in event:
            streamed[event["number"]] += 1
        else:
            repaired += 1
    return streamed, repaired, bad


def _dead(chain: Chain) -> set[tuple[int, int]]:
    """Partition and offset of the messages that the sinks gave up."""
    found = set()
    for message in chain.read(chain.topics.dead_letter):
        headers = {name: (value or b"").decode() for name, value in message.headers() or []}
        if headers.get("source") == "sink":
            found.add((int(headers["partition"]), int(headers["offset"])))
    return found


def _final(chain: Chain) -> dict[Key, Row]:
    return {(row[0], int(row[1])): tuple(row[2:]) for row in chain.query(FINAL)}


def _rollups(chain: Chain, database: str) -> dict[str, tuple[int, int]]:
    """Every table or view of bars, against a recomputation from the final second bars."""
    columns: dict[str, set[str]] = {}
    for table, column in chain.query(
        f"SELECT table, name FROM system.columns WHERE database = '{database}'"
    ):
        columns.setdefault(table, set()).add(column)
    engines = dict(
        chain.query(f"SELECT name, engine FROM system.tables WHERE database = '{database}'")
    )
    found = {}
    for table, names in columns.items():
        bucket = next((BUCKETS[width] for width in BUCKETS if width in table), None)
        engine = engines[table]
        if bucket is None or not names >= ROLLUP_COLUMNS or engine == "MaterializedView":
            continue
        final = "FINAL" if "Replacing" in engine else ""
        sql = ROLLED_UP.replace("{table}", f"{database}.{table}").replace("{final}", final)
        rows = {(row[0], int(row[1])): row[2:] for row in chain.query(sql)}
        right = {
            (row[0], int(row[1])): row[2:]
            for row in chain.query(RECOMPUTED.replace("{bucket}", bucket))
        }
        if rows:
            differ = sum(
                not _same(rows.get(key), right.get(key)) for key in rows.keys() | right.keys()
            )
            found[f"{database}.{table}"] = (len(rows), differ)
    return found


def _same(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    """Whether two rows are equal but for the last bits of a sum."""
    if one is None or other is None:
        return False
    return all(isclose(a, b, rel_tol=ROUNDING) for a, b in zip(one, other, strict=True))
