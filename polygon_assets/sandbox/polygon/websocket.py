"""The vendor's WebSocket protocol for stocks: authenticate, subscribe, receive bars."""

import asyncio
from collections import Counter
from collections.abc import Collection
from contextlib import suppress

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from polygon_assets.sandbox.polygon.hub import Hub, Subscriber
from polygon_assets.sandbox.polygon.tape import MINUTE_BARS, SECOND_BARS
from polygon_assets.sandbox.polygon.tick_tape import BANDS, QUOTES, TRADES

AUTHENTICATION_SECONDS = 10.0
CLOSE_SECONDS = 30.0
"""How long a client that does not read may delay its closing frame."""

POLICY_VIOLATION = 1008
SERVED_CHANNELS = (SECOND_BARS, MINUTE_BARS, TRADES, QUOTES, BANDS)
VENDOR_CHANNELS = (*SERVED_CHANNELS, "NOI", "FMV", "LV")
"""To channels that are not served, the answer is that the plan lacks them."""


class Request(msgspec.Struct):
    """What a client sends."""

    action: str
    params: str = ""


class StocksSocket:
    """Serves ``/stocks``.

    Args:
        hub: Source of events.
        key: The only accepted API key.
        buffer_bytes: A client with more than this waiting is closed.
        connections_per_key: Further subscribed connections of a key are closed.
        channels: Those of the key's plan.
    """

    def __init__(
        self,
        hub: Hub,
        key: str,
        buffer_bytes: int = 64_000_000,
        connections_per_key: int = 1,
        channels: Collection[str] = SERVED_CHANNELS,
    ) -> None:
        self._hub, self._key, self._channels = hub, key, channels
        self._buffer_bytes, self._connections_per_key = buffer_bytes, connections_per_key
        self._connections: Counter[str] = Counter()

    async def serve(self, socket: WebSocket) -> None:
        """One connection, from the greeting to its end."""
        await socket.accept()
        with suppress(WebSocketDisconnect):
            await _status(socket, ("connected", "Connected Successfully"))
            if await self._authenticated(socket):
                await self._stream(socket)

    async def _authenticated(self, socket: WebSocket) -> bool:
        try:
            async with asyncio.timeout(AUTHENTICATION_SECONDS):
                request = await _receive(socket)
                while request is None or request.action != "auth":
                    await _status(socket, ("error", "authenticate first"))
                    request = await _receive(socket)
        except TimeoutError:
            await _refuse(socket, "auth_timeout", "No authentication request received.")
            return False
        if request.params != self._key:
            await _refuse(socket, "auth_failed", "authentication failed")
            return False
        await _status(socket, ("auth_success", "authenticated"))
        return True

    async def _stream(self, socket: WebSocket) -> None:
        subscriber = Subscriber(self._buffer_bytes)
        reader = asyncio.create_task(self._follow_requests(socket, subscriber))
        sender = asyncio.create_task(_send_frames(socket, subscriber))
        try:
            done, _ = await asyncio.wait({reader, sender}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._leave(subscriber)
            for task in (reader, sender):
                task.cancel()
            await asyncio.gather(reader, sender, return_exceptions=True)

    async def _follow_requests(self, socket: WebSocket, subscriber: Subscriber) -> None:
        """Until the client leaves or exceeds its number of connections."""
        counted = False
        while True:
            request = await _receive(socket)
            if request is None or request.action not in {"subscribe", "unsubscribe", "auth"}:
                await _status(socket, ("error", "unknown action"))
            elif request.action == "auth":
                await _status(socket, ("auth_success", "authenticated"))
            else:
                await _status(socket, *_change_topics(subscriber, request, self._channels))
                if subscriber.topics and not counted:
                    if not self._join(subscriber):
                        await _refuse(socket, "max_connections", _TOO_MANY)
                        return
                    counted = True
                self._hub.topics_changed()

    def _join(self, subscriber: Subscriber) -> bool:
        if self._connections[self._key] >= self._connections_per_key:
            return False
        self._connections[self._key] += 1
        self._hub.join(subscriber)
        return True

    def _leave(self, subscriber: Subscriber) -> None:
        if self._hub.leave(subscriber):
            self._connections[self._key] -= 1


_TOO_MANY = (
    "Maximum number of websocket connections exceeded. You have reached the connection limit for "
    "your account. Please contact support at support@polygon.io"
)


def _change_topics(
    subscriber: Subscriber, request: Request, plan: Collection[str]
) -> list[tuple[str, str]]:
    """Apply a request; the statuses to answer with. Unknown topics are passed over in silence."""
    answers: list[tuple[str, str]] = []
    for topic in filter(None, map(str.strip, request.params.split(","))):
        channel, _, symbol = topic.partition(".")
        if symbol and channel in plan:
            if request.action == "subscribe":
                subscriber.subscribe(channel, symbol)
                answers.append(("success", f"subscribed to: {topic}"))
            else:
                subscriber.unsubscribe(channel, symbol)
                answers.append(("success", f"unsubscribed to: {topic}"))
        elif symbol and channel in VENDOR_CHANNELS:
            answers.append(("error", f"not authorized to subscribe to: {topic}"))
    return answers


async def _send_frames(socket: WebSocket, subscriber: Subscriber) -> None:
    """Until the client is too slow or gone."""
    while (frame := await subscriber.next_frame()) is not None:
        await socket.send_text(frame)
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await _refuse(socket, "slow_consumer", "The client reads too slowly.")


async def _receive(socket: WebSocket) -> Request | None:
    """The client's next request; None where it is not one."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    try:
        return msgspec.json.decode(message.get("text") or message.get("bytes") or b"", type=Request)
    except msgspec.DecodeError:
        return None


async def _status(socket: WebSocket, *statuses: tuple[str, str]) -> None:
    """Send status events in one frame; nothing without any."""
    events = [
        {"ev": "status", "status": status, "message": message} for status, message in statuses
    ]
    if events:
        await socket.send_text(msgspec.json.encode(events).decode())


async def _refuse(socket: WebSocket, status: str, message: str) -> None:
    await _status(socket, (status, message))
    await socket.close(POLICY_VIOLATION, status)
