"""Slicing a frame gives what a JSON parser gives, whatever the vendor sends."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polygon_stream.frames import (
    EventTime,
    FrameError,
    channel_and_symbol,
    cut,
    slice_frame,
)

BAR = {
    "ev": "A",
    "sym": "AAPL",
    "v": 120.5,
    "av": 1000,
    "op": 10.1,
    "vw": 10.2,
    "o": 10.0,
    "c": 10.3,
    "h": 10.4,
    "l": 9.9,
    "a": 10.15,
    "z": 40,
    "s": 1700000000000,
    "e": 1700000001000,
}

nasty_text = st.one_of(
    st.sampled_from(["},{", '},{"ev":"', '{"ev":"A"', "\n", '"', "\\", "}]", "[{", "é", "status"]),
    st.text(max_size=8),
)
numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(nasty_text, numbers, st.none())
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(nasty_text, inner, max_size=3)
    ),
    max_leaves=6,
)
bars = st.fixed_dictionaries(
    {"ev": st.sampled_from(["A", "AM", "T", "Q", "LULD", "}"]), "sym": nasty_text},
    optional={"v": scalars, "x": values, "ev2": nasty_text},
)
separators = st.sampled_from([(",", ":"), (", ", ": "), (",\n", ":"), ("\n,", ":")])


@settings(max_examples=400, deadline=None)
@given(st.lists(bars, max_size=6), separators, st.booleans())
def test_slices_are_what_a_parser_finds(events, separator, ascii_only):
    frame = json.dumps(events, separators=separator, ensure_ascii=ascii_only).encode()
    sliced = slice_frame(frame)
    assert [msgspec.json.decode(piece) for piece in sliced] == msgspec.json.decode(frame)


@settings(max_examples=800, deadline=None)
@given(st.lists(bars, max_size=6), separators, st.sampled_from([None, "A", "LULD"]))
def test_uniform_frames_are_cut_as_their_events_are_read_or_not_at_all(events, separator, channel):
    events = [event | {"ev": channel or event["ev"]} for event in events]
    frame = json.dumps(events, separators=separator).encode()
    found = cut([frame])
    if found is not None:
        channel, pieces = found
        assert [event for event, _ in pieces] == slice_frame(frame)
        assert cut([frame] * 3) == (channel, pieces * 3)
        heads = [(channel, symbol) for _, symbol in pieces]
        assert heads == [channel_and_symbol(event) for event, _ in pieces]


ONE = json.dumps(BAR, separators=(",", ":")).encode()
TWO = ONE.replace(b"AAPL", b"BRK.B")
BAND = b'{"ev":"LULD","T":"BRK.B","h":1.0}'


def test_frames_of_one_channel_are_cut_as_the_vendor_sends_them():
    assert cut([b"[" + ONE + b"," + TWO + b"]"]) == ("A", [(ONE, b"AAPL"), (TWO, b"BRK.B")])
    assert cut([b"[" + ONE + b"]"]) == ("A", [(ONE, b"AAPL")])
    assert cut([b"[" + BAND + b"]"]) == ("LULD", [(BAND, b"BRK.B")])
    frames = [b"[" + ONE + b"]", b"[" + TWO + b"," + ONE + b"]", b"[" + TWO + b"]"]
    together = [(ONE, b"AAPL"), (TWO, b"BRK.B"), (ONE, b"AAPL"), (TWO, b"BRK.B")]
    assert cut(frames) == ("A", together)
    minute = ONE.replace(b'"A"', b'"AM"')
    assert cut([b"[" + minute + b"]"]) == ("AM", [(minute, b"AAPL")])


@pytest.mark.parametrize(
    "frame",
    [
        b"[]",
        b"[{}]",
        ONE,
        b"[" + ONE,
        b"[" + ONE + b",",
        b"[" + ONE + b",]",
        b"[" + ONE + b"]]",
        b"[" + ONE + b"[" + TWO + b"]",
        b"[" + ONE + b"]" + TWO + b"]",
        b"[" + ONE + b"," + BAND + b"]",
        b"[" + ONE[:-1] + b',"x":{"y":1}}]',
        b"[" + ONE[:-1] + b',"x":"}"}]',
        b"[" + ONE.replace(b"AAPL", b"A\\u0041") + b"]",
        b'[{"ev":"A","sym":""}]',
        b'[{"ev":"A","T":"X","sym":"Y"}]',
        b'[{"ev":"status","status":"connected"}]',
    ],
)
def test_any_other_frame_is_not_cut(frame):
    assert cut([frame]) is None
    assert cut([b"[" + ONE + b"]", frame]) is None
    assert cut([frame, b"[" + ONE + b"]"]) is None


@settings(max_examples=200, deadline=None)
@given(bars, separators)
def test_channel_and_symbol_are_what_a_parser_finds(event, separator):
    raw = json.dumps(event, separators=separator).encode()
    assert channel_and_symbol(raw) == (event["ev"], event["sym"].encode())


def test_a_compact_frame_keeps_the_vendors_bytes():
    one = json.dumps(BAR, separators=(",", ":")).encode()
    two = one.replace(b"AAPL", b"BRK.B")
    assert slice_frame(b"[" + one + b"," + two + b"]") == [one, two]


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (b'{"ev":"LULD","T":"MSFT","h":1.0}', ("LULD", b"MSFT")),
        (b'{"ev":"LULD","h":1.0,"T":"MSFT"}', ("LULD", b"MSFT")),
        (b'{"ev":"AM","sym":"BRK.B","v":1}', ("AM", b"BRK.B")),
        (b'{"ev":"T","sym":"KIMpL","p":1.5}', ("T", b"KIMpL")),
        (b'{"ev":"Q","sym":"A","bp":1.5}', ("Q", b"A")),
        (b'{"ev":"A","T":"X","sym":"MSFT"}', ("A", b"MSFT")),
        (b'{"ev":"NOI","T":"MSFT"}', ("NOI", b"MSFT")),
        (b'{"ev":"A","sym":"\\u0041"}', ("A", b"A")),
    ],
)
def test_every_channel_and_its_symbol(event, found):
    assert channel_and_symbol(event) == found


@pytest.mark.parametrize(
    ("event", "seconds"),
    [
        (b'{"ev":"A","e":1700000001000}', 1_700_000_001),
        (b'{"ev":"T","t":1700000001500}', 1_700_000_001.5),
        (b'{"ev":"LULD","t":1601316752683746}', 1_601_316_752.683746),
        (b'{"ev":"X"}', None),
    ],
)
def test_the_time_of_an_event_is_in_seconds(event, seconds):
    assert msgspec.json.decode(event, type=EventTime).seconds() == seconds


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"not json",
        b'{"ev":"A"}',
        b'[{"ev":"A","sym":"AAPL"',
        b'[{"ev":"A"},{"ev":"B"',
        b"[1,2]",
        b'["x"]',
        b'[{"ev":"A","sym":"\xff"},]',
    ],
)
def test_what_is_no_array_of_objects_is_refused(frame):
    with pytest.raises(FrameError):
        slice_frame(frame)


@pytest.mark.parametrize("event", [b"{}", b'{"ev":1}', b"nothing", b'{"sym":"A"}', b'{"ev":"A'])
def test_an_event_without_a_channel_is_refused(event):
    with pytest.raises(FrameError):
        channel_and_symbol(event)


def test_an_empty_array_has_no_events():
    assert slice_frame(b"[]") == []
