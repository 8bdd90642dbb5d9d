"""The scripted vendor: WebSocket and REST of a market that is known beforehand, with faults.

``python tests/faults/stream_vendor.py --ws-port N --port M --seed S --symbols K --start-ms T``

The market runs by the wall clock from ``POST /go`` to ``POST /end``, whoever listens: as with the
real vendor nothing is kept for a client that is away. What happened can be asked for by REST.

``POST /fault/KIND?seconds=...&code=...`` lets something go wrong on the WebSocket, answered with
``{"done": whether somebody was connected}``; ``POST /rest?share=0.3`` lets so many REST answers
fail. ``GET /state`` tells what was sent.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

sys.path.insert(0, str(Path(__file__).parents[1]))
from faults.stream_market import FRAMES_PER_SECOND, Event, Market
from faults.stream_vendor_http import serve_http

STALLED_SECONDS = 5.0
REST_FAULTS = ("429", "500", "torn", "disconnect", "html")


class Client(WSListener):
    """One connection: greeting, key, subscription, events."""

    def __init__(self, vendor: "Vendor") -> None:
        self.vendor = vendor
        self.subscribed = False
        self.silent_until = 0.0
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        if self.vendor.take("stall"):
            return
        self.status("connected", "Connected Successfully")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            self.answer(json.loads(frame.get_payload_as_bytes()))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.vendor.clients.discard(self)

    def answer(self, request: dict) -> None:
        if request["action"] == "auth":
            self.status("auth_success", "authenticated")
            return
        if self.vendor.take("max_connections"):
            self.status("max_connections", "Maximum number of websocket connections exceeded.")
            self.close(1008)
            return
        for channel in request["params"].split(","):
            self.status("success", f"subscribed to: {channel}")
        self.subscribed = True
        self.vendor.clients.add(self)

    def status(self, status: str, message: str) -> None:
        event = {"ev": "status", "status": status, "message": message}
        self.send(json.dumps([event]).encode())

    def send(self, payload: bytes, *, parts: int = 1) -> None:
        """Send a message, in one frame or in fragments."""
        if self.transport is None or self.transport.is_disconnected:
            return
        size = -(-len(payload) // parts)
        for part in range(parts):
            kind = WSMsgType.TEXT if part == 0 else WSMsgType.CONTINUATION
            piece = payload[part * size : (part + 1) * size]
            self.transport.send(kind, piece, fin=part == parts - 1)

    def close(self, code: int) -> None:
        if self.transport is not None:
            self.transport.send_close(WSCloseCode(code), b"because")
            self.transport.disconnect()
        self.vendor.clients.discard(self)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.underlying_transport.abort()
        self.vendor.clients.discard(self)

    def raw(self, data: bytes) -> None:
        """Bytes past the WebSocket protocol, then the end of the connection."""
        assert self.transport is not None
        self.transport.underlying_transport.write(data)
        self.transport.disconnect()
        self.vendor.clients.discard(self)


class Vendor:
    """The market's clock, its clients, and what was done to them."""

    def __init__(self, market: Market, seed: int) -> None:
        self.market = market
        self.chance = random.Random(seed)
        self.clients: set[Client] = set()
        self.seconds = 0
        self.began = 0.0
        self.ending = asyncio.Event()
        self.ended = asyncio.Event()
        self.next_connection: Counter[str] = Counter()
        self.oddities = 0
        self.frames: list[str] = []
        self.bars: list[str] = []
        self.waiting: list[bytes] = []
        """Go with the next frame."""
        self.rest_share = 0.0
        self.rest_faults: Counter[str] = Counter()
        self.requests = 0

    async def trade(self) -> None:
        """Send every second's events in the second after it, until told to end."""
        while self.market.last is None or self.seconds <= self.market.last:
            if self.ending.is_set() and self.market.last is None:
                self.market.last = self.seconds
            for part, events in enumerate(self.market.frames(self.seconds)):
                due = self.began + self.seconds + 1 + part / FRAMES_PER_SECOND
                await asyncio.sleep(max(0.0, due - time.time()))
                self.send(events)
            self.seconds += 1
        self.ended.set()

    def send(self, events: list[Event]) -> None:
        if not events:
            return
        odd, self.waiting = self.waiting, []
        payload = b"[" + b",".join([*odd, *(event.body for event in events)]) + b"]"
        parts = 3 if self.chance.random() < 0.1 else 1
        for client in list(self.clients):
            if client.silent_until < time.time():
                client.send(payload, parts=parts)

    def take(self, fault: str) -> bool:
        """Whether this fault waits for a connection; it is used up."""
        waits = self.next_connection[fault] > 0
        self.next_connection[fault] -= waits
        return waits

    def fault(self, kind: str, options: dict[str, str]) -> dict:
        """Let something go wrong.

        Returns:
            ``done``: whether there was a client to do it to.
        """
        if kind in ("stall", "max_connections"):
            self.next_connection[kind] += 1
        clients = list(self.clients)
        for client in clients:
            self._do(client, kind, options)
        return {"done": bool(clients)}

    def _do(self, client: Client, kind: str, options: dict[str, str]) -> None:
        second = self.market.frames(max(self.seconds - 1, 0))
        whole = b"[" + b",".join(event.body for event in second[0]) + b"]"
        if kind == "close":
            client.close(int(options["code"]))
        elif kind in ("abort", "stall", "max_connections"):
            client.abort()
        elif kind == "half_frame":
            # The header of a text frame of 60,000 bytes, and not all of them.
            client.raw(b"\x81\x7e" + (60_000).to_bytes(2, "big") + whole[: len(whole) // 2])
        elif kind == "half_message":
            assert client.transport is not None
            client.transport.send(WSMsgType.TEXT, whole[: len(whole) // 2], fin=False)
            client.abort()
        elif kind == "silence":
            client.silent_until = time.time() + float(options["seconds"])
        elif kind == "garbage":
            client.send(self._garbage())
        elif kind == "bad_bar":
            self.waiting.append(self._bad_bar())
        else:
            raise ValueError(f"no fault {kind}")

    def _garbage(self) -> bytes:
        """A message that is no array of known events, with a name of its own."""
        self.oddities += 1
        name = f"garbage-{self.oddities}"
        self.frames.append(name)
        return self.chance.choice(
            [
                f"no JSON, {name}".encode(),
                b'[{"ev":"A","sym":"%s",' % name.encode(),
                b'[{"ev":"%s","sym":"F000","v":1}]' % name.encode(),
                b'[17,"%s"]' % name.encode(),
                b'[{"sym":"%s"}]' % name.encode(),
                b"\xff\xfe\x00 %s" % name.encode(),
            ]
        )

    def _bad_bar(self) -> bytes:
        """A well-formed event that can be no row, with a name of its own."""
        self.oddities += 1
        name = f"bad-{self.oddities}"
        self.bars.append(name)
        fields = {"ev": "A", "sym": "BAD", "v": 1, "av": 1, "op": 1, "vw": 1, "o": 1, "c": 1}
        fields |= {"h": 1, "l": 1, "a": 1, "z": 1, "s": self.market.start_ms}
        fields |= {"e": self.market.start_ms + 1000, self.chance.choice("vohlc"): name}
        return json.dumps(fields, separators=(",", ":")).encode()

    def state(self) -> dict:
        return {
            "seconds": self.seconds,
            "began": self.began,
            "clients": len(self.clients),
            "garbage": self.frames,
            "bad_bars": self.bars,
            "requests": self.requests,
            "rest_faults": self.rest_faults,
        }

    async def call(self, path: str, options: dict[str, str]) -> dict:
        """A request to the control side or to REST; on the loop, where all the state lives."""
        name, *rest = path.strip("/").split("/")
        if name == "go":
            self.began = time.time()
            self._trading = asyncio.create_task(self.trade())
        elif name == "end":
            self.ending.set()
            await self.ended.wait()
        elif name == "fault":
            return self.fault(rest[0], options)
        elif name == "rest":
            self.rest_share = float(options["share"])
        elif name.startswith("v"):
            return self.rest(rest)
        return self.state()

    def rest(self, path: list[str]) -> dict:
        """Bars of a ticker's seconds, the tickers of a day, and the time."""
        if path[0] == "marketstatus":
            now = self.market.start_ms / 1000 + self.seconds
            return {"market": "open", "serverTime": datetime.fromtimestamp(now, UTC).isoformat()}
        if path[1] == "grouped":
            results = [{"T": name} for name in self.market.names]
            return {"status": "OK", "resultsCount": len(results), "results": results}
        _, _, symbol, _, _, _, first, last = path
        found = self.market.final_of(symbol, int(first), int(last), self.seconds)
        bars = list(found)
        counts = {"queryCount": len(bars), "resultsCount": len(bars), "count": len(bars)}
        about = {"ticker": symbol, "adjusted": False, "status": "OK", "request_id": "1"}
        return about | counts | ({"results": bars} if bars else {})

    def rest_fault(self) -> str | None:
        """What goes wrong with the next REST answer."""
        self.requests += 1
        if self.chance.random() >= self.rest_share:
            return None
        kind = self.chance.choice(REST_FAULTS)
        self.rest_faults[kind] += 1
        return kind


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("ws-port", "port", "seed", "symbols", "start-ms"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    market = Market(options.seed, options.symbols, options.start_ms)
    vendor = Vendor(market, options.seed)
    server = await ws_create_server(lambda _: Client(vendor), "127.0.0.1", options.ws_port)
    serve_http(vendor, asyncio.get_running_loop(), options.port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
