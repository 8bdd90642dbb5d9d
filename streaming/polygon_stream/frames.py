"""Cut a WebSocket frame into events without decoding it.

The vendor sends JSON arrays of flat objects. Finding the boundaries by counting is several times
faster than decoding, and the event keeps the vendor's own bytes.
"""

import re

import msgspec

_HEAD = re.compile(rb'\{"ev":"(AM?","sym|T","sym|Q","sym|LULD","T)":"([^"\\]+)"')
"""Channel and symbol, where they come first and without escapes, as the vendor writes them."""

_CHANNELS = {
    b'A","sym': "A",
    b'AM","sym': "AM",
    b'T","sym': "T",
    b'Q","sym': "Q",
    b'LULD","T': "LULD",
}
_SYMBOLS = {
    head: (channel, re.compile(rb'\{"ev":"%b":"([^"\\]+)"' % head))
    for head, channel in _CHANNELS.items()
}
"""How an event begins -> its channel, and what finds the symbols of all such events."""


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


def cut_uniform(frame: bytes) -> tuple[str, list[bytes], list[bytes]] | None:
    """Cut a frame whose events are of one channel, which is nearly every frame; the hot path.

    Args:
        frame: A JSON array of objects.

    Returns:
        The channel, the symbol of each event, and the events as ``slice_frame`` gives them. None
        where the cut would not be sure: each event must begin with its channel and symbol, and
        have no brace but its own two.
    """
    first = _HEAD.match(frame, 1)
    if first is None or not frame.startswith(b"[") or not frame.endswith(b"}]"):
        return None
    channel, pattern = _SYMBOLS[first[1]]
    symbols = pattern.findall(frame)
    events = len(symbols)
    if frame.count(b"{") != events:
        return None
    if events == 1:
        return channel, symbols, [frame[1:-1]]
    if frame.count(b"},{") != events - 1 or b"\n" in frame:
        return None
    return channel, symbols, frame[1:-1].replace(b"},{", b"}\n{").split(b"\n")


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
        channel, symbol = found.groups()
        return _CHANNELS[channel], symbol
    try:
        head = _head_decoder.decode(event)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FrameError(f"event has no usable head: {error}") from error
    return head.ev, (head.sym or head.T).encode()
