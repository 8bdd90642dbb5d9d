"""What the sink holds between Kafka and ClickHouse: the unwritten messages of each partition.

A batch is a range of offsets of one partition. Its bounds are written into the commit metadata
before its rows are written to ClickHouse, so after any crash the very same batch can be formed
again and sent under the same insert token.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from io import BytesIO
from itertools import pairwise
from operator import itemgetter, lt, methodcaller

import msgspec
from confluent_kafka import Message

from polygon_stream.channels import Channel
from polygon_stream.events import BadEventError


@dataclass(frozen=True)
class Plan:
    """A batch that may or may not be in ClickHouse.

    Attributes:
        first: First offset.
        last: Last offset.
        planned_ms: When it was planned, Unix milliseconds; 0 = unknown.
    """

    first: int
    last: int
    planned_ms: int = 0

    def metadata(self) -> str:
        """The plan as commit metadata."""
        return f"{self.first}:{self.last}:{self.planned_ms}"

    @staticmethod
    def parse(metadata: str | None) -> "Plan | None":
        """The plan in a commit's metadata; None where there is none.

        Raises:
            ValueError: The metadata was written by something else.
        """
        if not metadata:
            return None
        return Plan(*(int(number) for number in metadata.split(":")))


@dataclass(frozen=True)
class Reject:
    """A message that cannot become a row, and why."""

    message: Message
    reason: str


class _AnyObject(msgspec.Struct):
    """Any JSON object: decoding into it checks the syntax and keeps nothing."""


_objects = msgspec.json.Decoder(_AnyObject)
_first_byte = itemgetter(0)
# Called for every message, so in C.
_offset: Callable[[Message], int] = methodcaller("offset")
_value: Callable[[Message], bytes] = methodcaller("value")
_timestamp: Callable[[Message], tuple[int, int]] = methodcaller("timestamp")
_OPENED = {ord("{")}


@dataclass
class Batch:
    """A range of one partition on its way into ClickHouse.

    Attributes:
        channel: What the messages are.
        topic: Topic of the messages.
        partition: Partition of the messages.
        plan: First and last offset.
        messages: The messages, in order.
        repeated: Whether an earlier owner of the partition may have written it.
        rows: How many became rows.
        rejects: The others.
        queryable_at: When ClickHouse confirmed the rows (UTC); None before.
        lag: Messages of the partition in Kafka behind it, when it was formed.
    """

    channel: Channel
    topic: str
    partition: int
    plan: Plan
    messages: list[Message]
    repeated: bool = False
    rows: int = 0
    rejects: list[Reject] = field(default_factory=list[Reject])
    queryable_at: datetime | None = None
    lag: int = 0

    @cached_property
    def size(self) -> int:
        """Bytes of the messages."""
        return sum(map(len, self.messages))

    @property
    def cut_short(self) -> bool:
        """Whether Kafka no longer has the beginning of what was planned."""
        return _offset(self.messages[0]) != self.plan.first

    @property
    def token(self) -> str:
        """The insert token: the same for the same messages, whoever sends them.

        The first message's time tells a topic from an earlier one of the same name.
        """
        born = self.messages[0].timestamp()[1]
        return f"{self.topic}:{self.partition}:{self.plan.first}-{self.plan.last}@{born}"

    def plain_body(self) -> bytes | None:
        """The vendor's bytes as JSON lines, with the position of each message spliced in.

        Only the syntax is looked at: a message that is one JSON object on one line cannot be taken
        for two rows, or none. What it says is for ClickHouse to judge.

        Returns:
            The lines; None if any message is something else, or if rows are formed here anyway.
        """
        if self.channel.event is None:
            return None
        values = list(map(_value, self.messages))
        if not all(values) or set(map(_first_byte, values)) != _OPENED:  # a tombstone is None
            return None
        head = b'{"kafka_partition":%d,"kafka_offset":' % self.partition
        offsets, times = map(_offset, self.messages), map(_timestamp, self.messages)
        lines = BytesIO()  # so that the rows are in memory once, and not as a list besides
        lines.writelines(
            b'%b%d,"received_ms":%d,%b\n' % (head, offset, received, value[1:])
            for offset, (_, received), value in zip(offsets, times, values, strict=True)
        )
        body = lines.getvalue()
        try:
            if not body.isascii():
                body.decode()
            found = len(_objects.decode_lines(body))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return body if found == len(values) else None

    def judged_lines(self) -> list[tuple[Message, bytes]]:
        """Each message that is valid by our own parser with its row; the others are rejected."""
        lines: list[tuple[Message, bytes]] = []
        self.rejects = []
        for message in self.messages:
            try:
                lines.append((message, self.channel.row(message)))
            except BadEventError as error:
                self.rejects.append(Reject(message, str(error)))
        return lines


class OffsetOrderError(RuntimeError):
    """Messages of a partition came out of order."""


class PartitionBuffer:
    """Messages of one partition that are not written yet."""

    def __init__(
        self, channel: Channel, topic: str, partition: int, planned: Plan | None = None
    ) -> None:
        """Start at the committed offset.

        Args:
            channel: What the messages are.
            topic: Topic name.
            partition: Partition number.
            planned: A batch whose fate is unknown: it must be formed again exactly.
        """
        self._channel = channel
        self._topic = topic
        self._partition = partition
        self._planned = planned
        self._messages: list[Message] = []
        self.size = 0

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._messages)

    @property
    def completing(self) -> bool:
        """Whether it must read on, however much waits: a planned batch is not all here."""
        planned = self._planned
        return planned is not None and not (
            self._messages and _offset(self._messages[-1]) >= planned.last
        )

    def extend(self, messages: Iterable[Message]) -> None:
        """Add messages.

        Raises:
            OffsetOrderError: They do not follow the ones that wait; a commit would skip some.
        """
        added = list(messages)
        if not added:
            return
        # Once for all, since a call for each message costs more than what it tells.
        offsets = [_offset(self._messages[-1])] if self._messages else [-1]
        offsets += map(_offset, added)
        if not all(map(lt, offsets, offsets[1:])):
            before, after = next(pair for pair in pairwise(offsets) if pair[0] >= pair[1])
            raise OffsetOrderError(
                f"{self._topic} partition {self._partition}: offset {after} came "
                f"after {before}; start again from the committed offset"
            )
        if self._planned is not None and offsets[1] < self._planned.first:
            self._planned = None  # the topic begins anew: nothing is left to repeat
        self._messages += added
        self.size += sum(map(len, added))

    def take(self, rows: int) -> Batch | None:
        """Remove and return the next batch.

        Args:
            rows: Most messages of a batch; a planned one is as it was planned.

        Returns:
            The planned batch once all of it is here, else what waits; None when there is nothing
            to write yet.
        """
        if self.completing:
            return None
        planned, self._planned = self._planned, None
        messages = self._cut(planned, rows)
        if not messages:
            return None
        if planned is None or _offset(messages[0]) > planned.last:
            # None is planned, or Kafka no longer has it (retention): nothing is left to repeat.
            planned = None
        plan = planned or Plan(
            _offset(messages[0]), _offset(messages[-1]), round(time.time() * 1000)
        )
        repeated = planned is not None
        return Batch(self._channel, self._topic, self._partition, plan, messages, repeated)

    def _cut(self, planned: Plan | None, rows: int) -> list[Message]:
        count = rows
        if planned is not None:
            count = sum(_offset(message) <= planned.last for message in self._messages) or rows
        taken, self._messages = self._messages[:count], self._messages[count:]
        self.size -= sum(map(len, taken))
        return taken
