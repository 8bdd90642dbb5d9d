"""How a flush goes from Kafka into ClickHouse.

A batch is a range of one partition of one topic. Every flush takes one batch of each partition
through four steps, and a crash after any of them loses and doubles nothing:

1. plan: commit the first offset of each batch, with its bounds as metadata;
2. insert: write each batch under a token made of its bounds;
3. report: note when the batches were queryable, and send bad messages to the dead-letter topic;
4. settle: commit the offset after each batch, without metadata.

Whoever gets the partition next reads the metadata. A plan there means that step 4 did not happen:
exactly that range is read and inserted again under the same token, which ClickHouse ignores if the
rows are there already. A sink that lost its partition cannot plan: Kafka refuses its commit. One
that was stopped between plan and insert and wakes up later inserts under the token that its
successor has used or will use, for the same rows.
"""

import gc
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaException, TopicPartition

from polygon_stream.batches import Batch
from polygon_stream.channels import DEAD_LETTER
from polygon_stream.dead_letters import DeadLetters
from polygon_stream.tick_writer import TickWriter

log = logging.getLogger(__name__)

Key = tuple[str, int]
"""Topic and partition."""


class Flush:
    """Batches of one flush, and how far they have come."""

    def __init__(self, batches: list[Batch]) -> None:
        """Nothing is done yet."""
        self.batches: dict[Key, Batch] = {(one.topic, one.partition): one for one in batches}
        self.inserts: dict[Key, Future[None]] = {}
        self.planned = False
        self.reported = False
        self.began = time.monotonic()

    @property
    def size(self) -> int:
        """Bytes of the messages."""
        return sum(batch.size for batch in self.batches.values())

    def fail(self) -> None:
        """Plan again, which tells whether the partitions are still ours.

        Errors of the client are cycles with their frames, which hold what was to be sent.
        """
        self.planned = False
        self.inserts.clear()
        gc.collect()

    def running(self) -> list[Future[None]]:
        """Inserts that have no answer yet."""
        return [one for one in self.inserts.values() if not one.done()]


class Flusher:
    """Takes one flush after the other through the steps."""

    def __init__(
        self, consumer: Consumer, writer: TickWriter, dead_letters: DeadLetters, threads: int
    ) -> None:
        """Nothing is written yet.

        Args:
            consumer: Commits; a member of the group.
            writer: Writes the rows.
            dead_letters: Takes the messages that are no rows.
            threads: How many batches are inserted at the same time.
        """
        self._consumer = consumer
        self._writer = writer
        self._dead_letters = dead_letters
        self._threads = ThreadPoolExecutor(threads, "insert")

    def close(self) -> None:
        """Wait for inserts that run, and let go of the connection."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._writer.close()

    def advance(self, flush: Flush) -> bool:
        """Go on with the steps.

        Returns:
            Whether all are done; False while inserts are running.

        Raises:
            KafkaException: Kafka refuses a commit: the partition may no longer be ours.
            UndeliveredError: A dead letter was not taken.
            ClickHouseError: ClickHouse is away or refuses.
            OSError: The network failed.
        """
        if not flush.planned and not flush.running():
            self._plan(flush)
        if flush.running():
            return False
        batches = list(flush.batches.values())
        if not batches:
            return True  # all its partitions were taken away
        for key in flush.batches:
            if key in flush.inserts:
                flush.inserts[key].result()
        if not flush.reported:
            self._report(batches)
            flush.reported = True
        self._commit([self._position(b, b.plan.last + 1, "") for b in batches])
        return True

    def _plan(self, flush: Flush) -> None:
        batches = flush.batches
        if batches:
            self._commit(
                [self._position(b, b.plan.first, b.plan.metadata()) for b in batches.values()]
            )
        flush.inserts = {
            key: self._threads.submit(self._insert, batch)
            for key, batch in batches.items()
            if batch.queryable_at is None
        }
        flush.planned = True

    def _insert(self, batch: Batch) -> None:
        """Write one batch, in a thread."""
        self._writer.insert(batch)
        batch.queryable_at = datetime.now(UTC)

    def _report(self, batches: Sequence[Batch]) -> None:
        rejects = [r for b in batches if b.channel is not DEAD_LETTER for r in b.rejects]
        self._dead_letters.send(rejects)
        if rejects:
            log.warning("dead letters: %d, such as %s", len(rejects), rejects[0].reason)
        for batch in batches:
            if batch.channel is DEAD_LETTER and batch.rejects:
                log.error("dead letters that are no rows: %s", batch.rejects[0].reason)
        self._writer.record(batches)

    def _position(self, batch: Batch, offset: int, metadata: str) -> TopicPartition:
        return TopicPartition(batch.topic, batch.partition, offset, metadata)

    def _commit(self, positions: list[TopicPartition]) -> None:
        """Commit and look at the answer for each partition: the call itself reports only some."""
        for answer in self._consumer.commit(offsets=positions, asynchronous=False):
            if answer.error is not None:
                raise KafkaException(answer.error)
