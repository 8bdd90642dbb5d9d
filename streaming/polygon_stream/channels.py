"""The channels of the stream: which topic becomes which table, and how a message becomes a row."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from confluent_kafka import Message

from polygon_stream.events import (
    BadEventError,
    Bar,
    Event,
    Gap,
    Halt,
    Quote,
    Trade,
    canonical_json,
    parse,
)
from polygon_stream.settings import TopicSettings

POSITION = ("kafka_partition", "kafka_offset", "received_ms")
"""Columns that the sink adds to every row."""

_NEW_YORK = ZoneInfo("America/New_York")
_FIRST_YEAR, _LAST_YEAR = 1971, 2299
"""What a DateTime64 holds."""


@dataclass(frozen=True)
class Channel:
    """One topic and its table.

    Attributes:
        name: The property of ``TopicSettings`` that is its topic.
        table: The table that it fills.
        event: The vendor's event: its bytes are passed on as they are, and the table reads the
            fields. None: the row is formed here.
        fields: What is sent besides ``POSITION``.
        form: The row of a message, where it is formed here.
    """

    name: str
    table: str
    event: type[Event] | None
    fields: tuple[str, ...]
    form: Callable[[Message], dict[str, Any]] | None = None

    @property
    def columns(self) -> list[str]:
        """The columns of an insert."""
        return [*POSITION, *self.fields]

    def topic(self, topics: TopicSettings) -> str:
        """Its topic in one environment."""
        return str(getattr(topics, self.name))

    def row(self, message: Message) -> bytes:
        """The row of one message as a JSON object, read by our own parser.

        Raises:
            BadEventError: The message cannot become a row; the text says why.
        """
        if self.form is not None:
            return spliced(message, canonical_json(self.form(message)))
        assert self.event is not None
        return spliced(message, canonical_json(parse(content(message), self.event)))

    def session(self, message: Message) -> date | None:
        """The New York date of the event: the table's partition; None where there are none.

        Raises:
            BadEventError: The message is no valid event.
        """
        if self.event is None:
            return None
        milliseconds = parse(content(message), self.event).time_ms
        return datetime.fromtimestamp(milliseconds / 1000, _NEW_YORK).date()


def content(message: Message) -> bytes:
    """The bytes of a message; empty for a tombstone."""
    return _bytes(message.value())


def spliced(message: Message, value: bytes) -> bytes:
    """The position of a message in front of the fields of its JSON object."""
    return b'{"kafka_partition":%d,"kafka_offset":%d,"received_ms":%d,%b' % (
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        value[1:],
    )


def _vendor(name: str, table: str, event: type[Event]) -> Channel:
    return Channel(name, table, event, event.__struct_encode_fields__)


def _gap(message: Message) -> dict[str, Any]:
    value = content(message)
    gap = parse(value, Gap)
    return {
        "disconnected_at": _moment(gap.disconnected_at),
        "reconnected_at": _moment(gap.reconnected_at),
        "last_event_at": None if gap.last_event_at is None else _moment(gap.last_event_at),
        "reason": gap.reason,
        "record": value.decode(),
    }


def _moment(moment: datetime) -> str:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR - 1:
        raise BadEventError(f"{moment} is out of range")
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return clickhouse_time(aware)


def clickhouse_time(moment: datetime) -> str:
    """A time as ClickHouse reads it, in UTC with milliseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _dead_letter(message: Message) -> dict[str, Any]:
    """Any message at all: what cannot be read in the headers is left out."""
    headers = {
        name: _bytes(text).decode(errors="replace") for name, text in message.headers() or []
    }
    value = content(message)
    return {
        "reason": headers.get("reason", ""),
        "source": headers.get("source", ""),
        "source_topic": headers.get("topic", ""),
        "source_partition": _number(headers, "partition", 1 << 16),
        "source_offset": _number(headers, "offset", 1 << 63),
        "message_base64": base64.b64encode(value).decode(),
        "key_base64": base64.b64encode(_bytes(message.key())).decode(),
        "message_bytes": _number(headers, "bytes", 1 << 63) or len(value),
    }


def _number(headers: Mapping[str, str], name: str, limit: int) -> int | None:
    text = headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    return int(text) if int(text) < limit else None


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


DEAD_LETTER = Channel(
    "dead_letter",
    "dead_letters",
    None,
    (
        *("reason", "source", "source_topic", "source_partition", "source_offset"),
        *("message_base64", "key_base64", "message_bytes"),
    ),
    _dead_letter,
)
"""Its messages become rows whatever they hold: a reject would come back here for ever."""

CHANNELS = (
    _vendor("agg_1s", "bars_1s", Bar),
    _vendor("agg_1m", "bars_1m", Bar),
    _vendor("trades", "trades", Trade),
    _vendor("quotes", "quotes", Quote),
    _vendor("luld", "halts", Halt),
    Channel("gaps", "gaps", None, (*Gap.__struct_fields__, "record"), _gap),
    DEAD_LETTER,
)


def channels(names: str) -> list[Channel]:
    """The channels with these names, comma separated.

    Raises:
        ValueError: There is no such channel, or none at all.
    """
    known = {channel.name: channel for channel in CHANNELS}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        what = ", ".join(unknown) or "empty"
        raise ValueError(f"SINK_TOPICS is {what}: choose from {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(wanted)]
