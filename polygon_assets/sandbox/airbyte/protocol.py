"""Messages of the Airbyte protocol, one JSON object a line, decoded by msgspec.

What exists once a record has ``gc=False``: it cannot be part of a cycle, and the garbage collector
would cost more than the decoding.
"""

from typing import Any

import msgspec


class ProtocolError(Exception):
    """The connector printed something that breaks the protocol; the text says what."""


class Record(msgspec.Struct, gc=False):
    """One row. ``data`` stays the connector's own JSON: values are parsed by the warehouse."""

    stream: str
    data: msgspec.Raw
    emitted_at: float


class StreamDescriptor(msgspec.Struct):
    """Names a stream."""

    name: str


class StreamState(msgspec.Struct):
    """Where a stream stands."""

    stream_descriptor: StreamDescriptor
    stream_state: msgspec.Raw = msgspec.Raw(b"{}")


class StateStats(msgspec.Struct, rename="camel"):
    """How many records of the stream the connector printed since its last state."""

    record_count: float


class State(msgspec.Struct, rename={"source_stats": "sourceStats"}):
    """A point from which a later sync can go on."""

    type: str = "LEGACY"
    stream: StreamState | None = None
    source_stats: StateStats | None = None


class StreamStatus(msgspec.Struct):
    """STARTED, RUNNING, COMPLETE or INCOMPLETE."""

    stream_descriptor: StreamDescriptor
    status: str


class TraceError(msgspec.Struct):
    """What went wrong, in words for the user (``message``) and for a developer."""

    message: str = ""
    internal_message: str | None = None
    failure_type: str | None = None
    stream_descriptor: StreamDescriptor | None = None


class Trace(msgspec.Struct):
    """About the run itself."""

    type: str
    stream_status: StreamStatus | None = None
    error: TraceError | None = None


class Log(msgspec.Struct):
    """A line for the log."""

    level: str = "INFO"
    message: str = ""


class Message(msgspec.Struct, gc=False):
    """One line: ``type`` says which of the others is set. Other types are ignored."""

    type: str
    record: Record | None = None
    state: State | None = None
    trace: Trace | None = None
    log: Log | None = None


_decoder = msgspec.json.Decoder(Message)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_line(line: bytes) -> Message | None:
    """Decode one line of the connector's output.

    Returns:
        The message; None for a line that is not a JSON object, such as a library's warning.

    Raises:
        ProtocolError: The line begins like a message and is not one.
    """
    text = line.strip()
    if not text.startswith(b"{"):
        return None
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError as error:
        start = text[:120].decode(errors="replace")
        raise ProtocolError(
            f"The connector printed a line that is not a protocol message ({error}): {start}"
        ) from error


def field_names(data: msgspec.Raw) -> set[str]:
    """Names of a record's fields.

    Raises:
        ProtocolError: The data is not a JSON object.
    """
    try:
        return set(_fields.decode(data))
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"A record's data is not a JSON object: {error}") from error


def stream_state(descriptor: str, state: str) -> dict[str, Any]:
    """One entry of the state file that the connector starts from."""
    return {
        "type": "STREAM",
        "stream": {
            "stream_descriptor": {"name": descriptor},
            "stream_state": msgspec.Raw(state.encode()),
        },
    }
