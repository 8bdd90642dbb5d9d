"""What the sink holds between Kafka and ClickHouse: the unwritten messages of each partition.

A batch is a range of offsets of one partition. Its bounds are written into the commit metadata
before its rows are written to ClickHouse, so after any crash the very same batch can be formed
again and sent under the same insert token.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from confluent_kafka import Message

from polygon_stream.bars import BadBarError, canonical_json, parse_bar


@dataclass(frozen=True)
class Plan:
    """First and last offset of a batch that may or may not be in ClickHouse."""

    first: int
    last: int

    def metadata(self) -> str:
        """The plan as commit metadata."""
        return f"{self.first}:{self.last}"

    @staticmethod
    def parse(metadata: str | None) -> "Plan | None":
        """The plan in a commit's metadata; None where there is none.

        Raises:
            ValueError: The metadata was written by something else.
        """
        if not metadata:
            return None
        first, _, last = metadata.partition(":")
        return Plan(int(first), int(last))


@dataclass(frozen=True)
class Reject:
    """A message that is no valid bar, and why."""

    message: Message
    reason: str


@dataclass
class Batch:
    """A range of one partition on its way into ClickHouse.

    Attributes:
        topic: Topic of the messages.
        partition: Partition of the messages.
        plan: First and last offset.
        messages: The messages, in order.
        body: The valid ones as JSON lines with ``kafka_partition``, ``kafka_offset`` and
            ``received_ms`` spliced in.
        rows: How many are valid.
        rejects: The others.
        queryable_at: When ClickHouse confirmed the rows (UTC); None before.
    """

    topic: str
    partition: int
    plan: Plan
    messages: list[Message]
    body: bytes = b""
    rows: int = 0
    rejects: list[Reject] = field(default_factory=list[Reject])
    queryable_at: datetime | None = None

    @property
    def token(self) -> str:
        """The insert token: the same for the same messages, whoever sends them.

        The first message's time tells a topic from an earlier one of the same name.
        """
        born = self.messages[0].timestamp()[1]
        return f"{self.topic}:{self.partition}:{self.plan.first}-{self.plan.last}@{born}"

    def encode(self, *, canonical: bool = False) -> None:
        """Form ``body``, ``rows`` and ``rejects`` from the messages.

        Args:
            canonical: Re-encode each bar instead of passing the vendor's bytes on: for JSON that
                our parser accepts and ClickHouse's does not, such as a repeated field.
        """
        lines: list[bytes] = []
        self.rejects = []
        for message in self.messages:
            try:
                lines.append(_line(message, canonical))
            except BadBarError as error:
                self.rejects.append(Reject(message, str(error)))
        self.rows = len(lines)
        self.body = b"\n".join(lines)


def _line(message: Message, canonical: bool) -> bytes:
    value = _bytes(message)
    bar = parse_bar(value)
    if canonical or not value.startswith(b"{"):
        value = canonical_json(bar)
    return b'{"kafka_partition":%d,"kafka_offset":%d,"received_ms":%d,%b' % (
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        value[1:],
    )


def _bytes(message: Message) -> bytes:
    value = message.value()
    return value.encode() if isinstance(value, str) else value or b""


class OffsetOrderError(RuntimeError):
    """Messages of a partition came out of order."""


class PartitionBuffer:
    """Messages of one partition that are not written yet."""

    def __init__(self, topic: str, partition: int, planned: Plan | None) -> None:
        """Start at the committed offset.

        Args:
            topic: Topic name.
            partition: Partition number.
            planned: A batch whose fate is unknown: it must be formed again exactly.
        """
        self._topic = topic
        self._partition = partition
        self._planned = planned
        self._messages: list[Message] = []

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._messages)

    def extend(self, messages: Iterable[Message]) -> None:
        """Add messages.

        Raises:
            OffsetOrderError: They do not follow the ones that wait; a commit would skip some.
        """
        for message in messages:
            if self._messages and _offset(message) <= _offset(self._messages[-1]):
                raise OffsetOrderError(
                    f"{self._topic} partition {self._partition}: offset {message.offset()} came "
                    f"after {self._messages[-1].offset()}; start again from the committed offset"
                )
            self._messages.append(message)

    def take(self) -> Batch | None:
        """Remove and return the next batch.

        Returns:
            The planned batch once all of it is here, else whatever waits; None when there is
            nothing to write yet.
        """
        if self._planned is None:
            messages, self._messages = self._messages, []
        else:
            messages = self._take_planned(self._planned)
        if not messages:
            return None
        plan = self._planned or Plan(_offset(messages[0]), _offset(messages[-1]))
        self._planned = None
        return Batch(self._topic, self._partition, plan, messages)

    def _take_planned(self, planned: Plan) -> list[Message]:
        if not self._messages or _offset(self._messages[-1]) < planned.last:
            return []
        inside = [message for message in self._messages if _offset(message) <= planned.last]
        self._messages = self._messages[len(inside) :]
        if not inside:
            # Kafka no longer has the planned messages (retention): nothing is left to repeat.
            self._planned = None
            messages, self._messages = self._messages, []
            return messages
        return inside


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None, "a consumed message has an offset"
    return offset
