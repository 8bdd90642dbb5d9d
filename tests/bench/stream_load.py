"""A load generator that speaks the vendor's protocol and costs little.

``python tests/bench/stream_load.py --port N``: every event is prepared; only its times and the
day's volume are patched in. Requests, answered with the state as JSON:

``GET /flood?events=&per_frame=&symbols=``: as fast as the client reads.
``GET /run?symbols=&seconds=&per_frame=``: each symbol once a second, at the turn of the second.
``GET /state``
"""

import argparse
import asyncio
import json
import time
from urllib.parse import parse_qs, urlsplit

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

VOLUME = 100
START, END, TOTAL = b"@start@", b"@end@", b"@total@"
BURST_BYTES = 65_536
"""Flooding writes so much at once, as TCP delivers to whoever reads slower than it is sent."""


def symbol(number: int) -> str:
    """A name of four or five letters."""
    letters = []
    for _ in range(4):
        number, letter = divmod(number, 26)
        letters.append(chr(65 + letter))
    return "".join(letters) + (chr(64 + number) if number else "")


def event(number: int) -> bytes:
    """A second bar, as the vendor sends it, with places for what changes."""
    cents = 1000 + number % 9000
    prices = [f"{(cents + change) / 100:.2f}" for change in (1, 0, 2, 5, -3, 1)]
    vwap, opened, closed, high, low, day = prices
    return (
        f'{{"ev":"A","sym":"{symbol(number)}","v":{VOLUME},"av":@total@,"op":{opened},'
        f'"vw":{vwap}37,"o":{opened},"c":{closed},"h":{high},"l":{low},"a":{day}12,"z":20,'
        f'"s":@start@,"e":@end@}}'
    ).encode()


def frames(symbols: int, per_frame: int) -> list[bytes]:
    """One second of the market."""
    events = [event(number) for number in range(symbols)]
    parts = (events[i : i + per_frame] for i in range(0, symbols, per_frame))
    return [b"[" + b",".join(part) + b"]" for part in parts]


def patched(frame: bytes, start_ms: int, count: int) -> bytes:
    """The frame of one second; ``count``: how many bars each symbol has had, this one included."""
    frame = frame.replace(START, b"%d" % start_ms).replace(END, b"%d" % (start_ms + 1000))
    return frame.replace(TOTAL, b"%d" % (count * VOLUME))


def framed(payload: bytes) -> bytes:
    """A whole WebSocket message of text, as a server sends it."""
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 65_536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)


class Load:
    """The clients and how much was sent."""

    def __init__(self) -> None:
        self.client: Client | None = None
        self.task: asyncio.Task[None] | None = None
        self.sent = 0
        self.bars = 0
        self.began_ms = 0
        self.late_ms = 0.0
        self.writable = asyncio.Event()
        self.writable.set()

    def route(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        """The stream, or a request."""
        parts = urlsplit(request.path.decode())
        if parts.path == "/stocks":
            return Client(self)
        given = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        if parts.path == "/flood":
            self.task = asyncio.get_running_loop().create_task(self.flood(**given))
        elif parts.path == "/run":
            self.task = asyncio.get_running_loop().create_task(self.run(**given))
        state = {
            "subscribed": self.client is not None,
            "busy": self.task is not None and not self.task.done(),
            "sent": self.sent,
            "began_ms": self.began_ms,
            "late_ms": self.late_ms,
        }
        body = json.dumps(state).encode()
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_ok_response(body), None)

    async def flood(self, events: int, per_frame: int, symbols: int) -> None:
        """Send this many events at least."""
        prepared = frames(symbols, per_frame)
        start = int(time.time()) * 1000
        self.sent = 0
        burst = max(1, BURST_BYTES // len(prepared[0]))
        while self.sent < events:
            self.bars += 1
            start += 1000
            for first in range(0, len(prepared), burst):
                parts = prepared[first : first + burst]
                self.write(b"".join([framed(patched(one, start, self.bars)) for one in parts]))
                await asyncio.sleep(0)
                await self.writable.wait()
            self.sent += symbols

    async def run(self, symbols: int, seconds: int, per_frame: int) -> None:
        """Send every symbol's bar at the end of each second."""
        prepared = frames(symbols, per_frame)
        self.sent, self.late_ms = 0, 0.0
        end = int(time.time()) + 2
        self.began_ms = (end - 1) * 1000
        for _ in range(seconds):
            await asyncio.sleep(max(0.0, end - time.time()))
            self.bars += 1
            for number, frame in enumerate(prepared):
                self.send(patched(frame, (end - 1) * 1000, self.bars))
                if number % 16 == 15:
                    await asyncio.sleep(0)
            await self.writable.wait()
            self.sent += symbols
            self.late_ms = max(self.late_ms, (time.time() - end) * 1000)
            end += 1

    def send(self, payload: bytes) -> None:
        self.transport().send(WSMsgType.TEXT, payload)

    def write(self, messages: bytes) -> None:
        self.transport().underlying_transport.write(messages)

    def transport(self) -> WSTransport:
        if self.client is None or self.client.transport is None:
            raise ConnectionError("the client is gone")
        return self.client.transport


class Client(WSListener):
    """Greeting, key and subscription, then what the load sends."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.status("connected", "Connected Successfully")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            request = json.loads(frame.get_payload_as_bytes())
            if request["action"] == "auth":
                self.status("auth_success", "authenticated")
            elif request["action"] == "subscribe":
                for channel in request["params"].split(","):
                    self.status("success", f"subscribed to: {channel}")
                self.load.client = self

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self.load.client is self:
            self.load.client = None
        self.load.writable.set()

    def pause_writing(self) -> None:
        self.load.writable.clear()

    def resume_writing(self) -> None:
        self.load.writable.set()

    def status(self, status: str, message: str) -> None:
        assert self.transport is not None
        events = [{"ev": "status", "status": status, "message": message}]
        self.transport.send(WSMsgType.TEXT, json.dumps(events).encode())


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    load = Load()
    server = await ws_create_server(
        load.route, "127.0.0.1", parser.parse_args().port, enable_auto_pong=False
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
