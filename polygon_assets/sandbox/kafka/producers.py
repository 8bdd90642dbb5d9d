"""Sequence numbers of idempotent producers, for one partition.

A producer that got no answer sends the same batch again. Each producer's last batches are
remembered, so that the second copy is answered with the offset of the first and not stored.
Everything needed is in the batch headers, so the state can be rebuilt from the log.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from polygon_assets.sandbox.kafka.errors import ErrorCode, RequestRefused
from polygon_assets.sandbox.kafka.records import RecordBatch

_REMEMBERED_BATCHES = 5
"""A producer has at most five requests in flight, so it never repeats an older batch."""

_SEQUENCE_NUMBERS = 2**31
"""Sequence numbers begin at zero again after the largest 32-bit integer."""


Snapshot = list[tuple[int, int, int, list[tuple[int, int, int]]]]
"""Producer id, epoch, next sequence, and the remembered batches, of each producer."""


@dataclass(slots=True)
class _Producer:
    epoch: int
    next_sequence: int
    batches: deque[tuple[int, int, int]] = field(default_factory=lambda: _batches())
    """First sequence, record count, base offset."""


class ProducerSequences:
    """What each producer appended last, by producer id."""

    def __init__(self) -> None:
        self._producers: dict[int, _Producer] = {}

    def earlier_offset(self, batch: RecordBatch) -> int | None:
        """The base offset of the same batch appended before; None when it is new."""
        known = self._producers.get(batch.producer_id)
        if not batch.idempotent or known is None or known.epoch != batch.producer_epoch:
            return None
        for sequence, count, base_offset in known.batches:
            if (sequence, count) == (batch.base_sequence, batch.record_count):
                return base_offset
        return None

    def check(self, batch: RecordBatch) -> None:
        """Refuse a batch that would leave a hole or comes from an older life of its producer.

        A producer that is not known here may begin anywhere: its log may have been deleted by
        retention.

        Raises:
            RequestRefused: Out of order, or an epoch that has been replaced.
        """
        known = self._producers.get(batch.producer_id)
        if not batch.idempotent or known is None:
            return
        if batch.producer_epoch < known.epoch:
            raise RequestRefused(ErrorCode.INVALID_PRODUCER_EPOCH, "the producer was replaced")
        expected = known.next_sequence if batch.producer_epoch == known.epoch else 0
        if batch.base_sequence != expected:
            raise RequestRefused(
                ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
                f"sequence {batch.base_sequence} from a producer whose next one is {expected}",
            )

    def remember(self, batch: RecordBatch) -> None:
        """Take over a batch that is in the log."""
        if not batch.idempotent:
            return
        known = self._producers.get(batch.producer_id)
        if known is None or known.epoch != batch.producer_epoch:
            known = self._producers[batch.producer_id] = _Producer(batch.producer_epoch, 0)
        known.next_sequence = (batch.base_sequence + batch.record_count) % _SEQUENCE_NUMBERS
        known.batches.append((batch.base_sequence, batch.record_count, batch.base_offset))

    def snapshot(self) -> Snapshot:
        """What ``restore`` needs, as plain values."""
        return [
            (producer_id, known.epoch, known.next_sequence, list(known.batches))
            for producer_id, known in self._producers.items()
        ]

    def restore(self, snapshot: Snapshot) -> None:
        """Replace everything by a snapshot."""
        self._producers = {
            producer_id: _Producer(epoch, next_sequence, _batches(batches))
            for producer_id, epoch, next_sequence, batches in snapshot
        }


def _batches(batches: Iterable[tuple[int, int, int]] = ()) -> deque[tuple[int, int, int]]:
    # A snapshot that went through JSON has lists in place of tuples.
    return deque(((first, count, base) for first, count, base in batches), _REMEMBERED_BATCHES)
