"""Cut a WebSocket frame into events without decoding it.

The vendor sends JSON arrays of flat objects. Finding the boundaries by counting is several times
faster than decoding, and the event keeps the vendor's own bytes.
"""

import re
from collections.abc import Sequence
from operator import itemgetter

import msgspec

_HEADS = {
    "A": b'{"ev":"A","sym":"',
    "T": b'{"ev":"T","sym":"',
    "Q": b'{"ev":"Q","sym":"',
    "AM": b'{"ev":"AM","sym":"',
    "LULD": b'{"ev":"LULD","T":"',
}
"""How an event of each channel begins, as the vendor writes it; the symbol follows."""

KIND_BYTES = 18
"""So many bytes at the beginning of a frame tell the channel of its first event."""

_FINDERS = {
    (b"[" + head)[:KIND_BYTES]: (
        channel,
        re.compile(rb'(%b([^"\\]+)"[^}]*\})(?:\]\[|,|\]\Z)' % re.escape(head)).findall,
    )
    for channel, head in _HEADS.items()
}
"""How a frame begins -> its channel, and what finds events with their symbols in joined frames."""

_last_byte = itemgetter(-1)
_CLOSED = {ord("]")}

_CHANNELS = {head: channel for channel, head in _HEADS.items()}
_HEAD = re.compile(rb'(%b)([^"\\]+)"' % b"|".join(map(re.escape, _CHANNELS)))
"""Head and symbol, where they come first and without escapes."""


class FrameError(ValueError):
    """The bytes are not what the vendor's protocol promises."""


class EventHead(msgspec.Struct):
    """The fields that say what an event is and where it belongs."""

    ev: str
    sym: str = ""
    T: str = ""
    """Symbol of LULD and NOI events."""


_MICROSECONDS = 10**14
"""A time from here on is not in milliseconds: the vendor's LULD events come in microseconds."""


class EventTime(msgspec.Struct):
    """When an event happened: end of a bar, or time of a trade, quote or band."""

    e: int | None = None
    t: int | None = None

    def seconds(self) -> float | None:
        """Unix time; None where the event does not say."""
        moment = self.e if self.e is not None else self.t
        if moment is None:
            return None
        return moment / (1e6 if moment >= _MICROSECONDS else 1e3)


_array_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_head_decoder = msgspec.json.Decoder(EventHead)


def slice_frame(frame: bytes) -> list[bytes]:
    """Cut a frame into its events.

    A frame is cut at ``},{`` only when every brace that opens is followed by ``"ev":"``. Inside a
    JSON string that sequence cannot occur, because its quotes would be escaped; and a nested object
    would be a brace without it. Any other frame is parsed.

    Args:
        frame: A JSON array of objects.

    Returns:
        The bytes of each event, as sent, in order.

    Raises:
        FrameError: The frame is not a JSON array of objects.
    """
    opened = frame.count(b"{")
    if (
        opened
        and frame.startswith(b'[{"ev":"')
        and frame.endswith(b"}]")
        and frame.count(b'{"ev":"') == opened
        and frame.count(b"},{") == opened - 1
        and b"\n" not in frame
    ):
        return frame[1:-1].replace(b"},{", b"}\n{").split(b"\n")
    return _parse_frame(frame)


def cut(frames: Sequence[bytes]) -> tuple[str, list[tuple[bytes, bytes]]] | None:
    """Cut frames whose events are all of one channel, as nearly all are; the hot path.

    All frames are searched at once: a frame may hold a single event, and then a call for each costs
    more than the cut. An event is taken to end at its first closing brace, which is sure when
    nothing but separators is left between the events: had a brace been inside an event, its rest
    would be left.

    Args:
        frames: JSON arrays of objects, that begin with the same ``KIND_BYTES``.

    Returns:
        The channel, and each event, as ``slice_frame`` gives it, with its symbol. None where the
        cut would not be sure, or an event does not begin with its channel and symbol.
    """
    known = _FINDERS.get(frames[0][:KIND_BYTES])
    if known is None or set(map(_last_byte, frames)) != _CLOSED:
        return None
    channel, find = known
    joined = b"".join(frames)
    events: list[tuple[bytes, bytes]] = find(joined, 1)
    covered = len(frames) + len(events) + sum([len(event) for event, _ in events])
    return (channel, events) if covered == len(joined) else None


def _parse_frame(frame: bytes) -> list[bytes]:
    try:
        events = [bytes(raw) for raw in _array_decoder.decode(frame)]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FrameError(f"frame is not a JSON array: {error}") from error
    if not all(event.startswith(b"{") for event in events):
        raise FrameError("frame is not an array of objects")
    return events


def channel_and_symbol(event: bytes) -> tuple[str, bytes]:
    """What an event is and which symbol it is about.

    Args:
        event: The bytes of one JSON object.

    Returns:
        The channel (the ``ev`` field, as in ``A``) and the symbol; empty where there is none.

    Raises:
        FrameError: The event is not an object with an ``ev`` field.
    """
    found = _HEAD.match(event)
    if found is not None:
        head, symbol = found.groups()
        return _CHANNELS[head], symbol
    try:
        head = _head_decoder.decode(event)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FrameError(f"event has no usable head: {error}") from error
    return head.ev, (head.sym or head.T).encode()
