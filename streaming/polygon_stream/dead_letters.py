"""Messages that cannot become rows: kept as they came, with the reason, in a topic of their own."""

from collections.abc import Sequence

from confluent_kafka import Message

from polygon_stream.batches import Reject
from polygon_stream.publisher import Headers, Publisher, producer_config
from polygon_stream.settings import KafkaSettings

DELIVERY_SECONDS = 10.0


class UndeliveredError(RuntimeError):
    """Kafka did not confirm the dead letters in time."""


class DeadLetters:
    """Writes rejected messages: original key, bytes and time; headers say where from and why.

    Headers: ``reason``, ``source`` (``sink``), ``topic``, ``partition``, ``offset``. After a crash
    a message may be here twice, with the same headers.
    """

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        """Write to this topic."""
        self._kafka = kafka
        self._topic = topic
        self._publisher: Publisher | None = None

    def send(self, rejects: Sequence[Reject]) -> None:
        """Write the messages and wait until Kafka has them.

        Raises:
            UndeliveredError: Kafka does not confirm.
        """
        if not rejects:
            return
        if self._publisher is None:
            self._publisher = Publisher(producer_config(self._kafka), overflow_records=1_000_000)
        failed_before = self._publisher.failed
        for reject in rejects:
            message = reject.message
            self._publisher.publish_dead_letter(
                self._topic,
                _bytes(message.key()),
                _bytes(message.value()),
                message.timestamp()[1],
                _headers(message, reject.reason),
            )
        left = self._publisher.drain(DELIVERY_SECONDS)
        if left or self._publisher.failed > failed_before:
            raise UndeliveredError(
                f"{len(rejects)} dead letters for {self._topic}: {left} not confirmed, "
                f"{self._publisher.failed - failed_before} refused"
            )


def _headers(message: Message, reason: str) -> Headers:
    return [
        ("reason", reason),
        ("source", "sink"),
        ("topic", message.topic()),
        ("partition", str(message.partition())),
        ("offset", str(message.offset())),
    ]


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
