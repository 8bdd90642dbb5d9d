"""One WebSocket session with the vendor: connect, authenticate, subscribe, stream.

The vendor's own client ends silently on an orderly close, reconnects without waiting and never
checks subscriptions; this one reports every end with its reason and leaves waiting to the caller.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from polygon_stream.settings import StreamSettings
from polygon_stream.subscriptions import chunks, shown

log = logging.getLogger(__name__)

MAX_FRAME_BYTES = 64 * 1024 * 1024
_TEXT = WSMsgType.TEXT
_FATAL_STATUSES = {"auth_failed"}


class StreamEnded(Exception):  # noqa: N818 - the normal end of every session
    """The session is over and another may be tried; the text is the reason."""


class StreamSilent(StreamEnded):
    """The connection is alive, but events have stopped."""


class TooManyConnections(StreamEnded):
    """The account's connection limit is reached: another session is alive somewhere."""


class VendorRefused(Exception):  # noqa: N818
    """Trying again cannot help: the key or the plan is wrong."""


class Status(msgspec.Struct):
    """A status event."""

    status: str = ""
    message: str = ""
    ev: str = ""


class FrameHandler(Protocol):
    """Takes messages that came together, and returns those that hold a status; must not block."""

    def __call__(self, frames: Sequence[bytes]) -> Sequence[bytes]: ...


_statuses = msgspec.json.Decoder(list[Status])


class VendorSession(WSListener):
    """The callbacks of one connection.

    Use ``run``; an instance serves one connection only.
    """

    def __init__(self, on_frames: FrameHandler) -> None:
        """Nothing happens before the connection is open.

        Args:
            on_frames: Called with every message.
        """
        self._on_frames = on_frames
        self._received: list[bytes] = []
        self._statuses: asyncio.Queue[Status] = asyncio.Queue()
        self._fragments: list[bytes] = []
        self._transport: WSTransport | None = None
        self.unacknowledged: list[str] = []
        """Topics that the vendor passed over in silence."""
        self._close_reason = "connection lost without a close frame (1006)"

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Assemble messages and pass them on."""
        if frame.msg_type == _TEXT and frame.fin and not self._fragments:
            if not self._received:
                self._pass_on_soon()
            self._received.append(frame.get_payload_as_bytes())
        else:
            self._on_rare_frame(transport, frame)

    def _on_rare_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Whatever is not a whole message of text."""
        if frame.msg_type == WSMsgType.CLOSE:
            code = frame.get_close_code()
            number = code.value if hasattr(code, "value") else code
            self._close_reason = f"closed by the vendor: {number} {frame.get_close_reason() or ''}"
            transport.send_close(code)
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._fragments.append(frame.get_payload_as_bytes())
            if frame.fin:
                if not self._received:
                    self._pass_on_soon()
                self._received.append(b"".join(self._fragments))
                self._fragments.clear()

    def _pass_on_soon(self) -> None:
        """Pass messages on when all that came together are here, which costs least."""
        asyncio.get_running_loop().call_soon(self._pass_on)

    def _pass_on(self) -> None:
        frames, self._received = self._received, []
        try:
            for frame in self._on_frames(frames):
                self._take_statuses(frame)
        except Exception as error:
            # The stream must not go on as if nothing were missing: the next session notes a gap.
            self._close_reason = f"a message could not be handled: {error!r}"
            if self._transport is not None:
                self._transport.disconnect()
            raise

    def _take_statuses(self, payload: bytes) -> None:
        """Queue the status events of a message."""
        try:
            events = _statuses.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("a status of the vendor cannot be read: %s", error)
            return
        for event in events:
            if event.ev == "status":
                self._statuses.put_nowait(event)

    def pause(self, paused: bool) -> None:
        """Stop or resume reading from the socket."""
        if self._transport is None or self._transport.is_disconnected:
            return
        connection = self._transport.underlying_transport
        with contextlib.suppress(RuntimeError):  # already in that state, or closing
            if paused:
                connection.pause_reading()
            else:
                connection.resume_reading()

    async def run(
        self,
        url: str,
        key: str,
        topics: Sequence[str],
        settings: StreamSettings,
        on_state: Callable[[str], None],
    ) -> None:
        """Go through the handshake, then stream until the session ends.

        Args:
            url: WebSocket address.
            key: The account's key; sent in the auth message only.
            topics: What to subscribe to.
            settings: Timeouts.
            on_state: Told ``connecting``, ``authenticating``, ``subscribing`` and ``streaming``.

        Raises:
            StreamEnded: The session ended; another may be tried.
            VendorRefused: Trying again cannot help.
        """
        on_state("connecting")
        transport = await self._connect(url, settings.handshake_timeout)
        watch = asyncio.ensure_future(self._watch_connection(transport))
        watch.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            async with asyncio.timeout(settings.handshake_timeout):
                await self._expect("connected", watch)
            on_state("authenticating")
            self._send({"action": "auth", "params": key})
            async with asyncio.timeout(settings.handshake_timeout):
                await self._expect("auth_success", watch)
            on_state("subscribing")
            await self._subscribe(topics, settings.handshake_timeout, watch)
            on_state("streaming")
            while True:
                _reject(await self._next_status(watch))
        except TimeoutError as error:
            raise StreamEnded("no answer from the vendor during the handshake") from error
        finally:
            watch.cancel()
            if not transport.is_disconnected:
                transport.send_close(WSCloseCode.OK)
                transport.disconnect()

    async def _connect(self, url: str, seconds: float) -> WSTransport:
        try:
            async with asyncio.timeout(seconds):
                transport, _ = await ws_connect(
                    lambda: self,
                    url,
                    enable_auto_ping=True,
                    max_redirects=0,  # the key goes to the address that was set, and no other
                    max_frame_size=MAX_FRAME_BYTES,
                    logger_name=log,
                )
        except Exception as error:
            # DNS, TLS, TCP, HTTP: each is one failed attempt.
            detail = str(error) or type(error).__name__
            raise StreamEnded(f"could not connect to {url}: {detail}") from error
        return transport

    async def _watch_connection(self, transport: WSTransport) -> None:
        try:
            await transport.wait_disconnected()
        except (OSError, WSError) as error:
            raise StreamEnded(f"connection lost: {error}") from error
        raise StreamEnded(self._close_reason)

    async def _next_status(self, watch: asyncio.Future[None]) -> Status:
        """The next status event; statuses that arrived before a close are served first."""
        if not self._statuses.empty():
            return self._statuses.get_nowait()
        waiting = asyncio.ensure_future(self._statuses.get())
        try:
            await asyncio.wait({waiting, watch}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            watch.result()
            raise StreamEnded(self._close_reason)
        finally:
            waiting.cancel()

    async def _expect(self, wanted: str, watch: asyncio.Future[None]) -> Status:
        while True:
            status = await self._next_status(watch)
            _reject(status)
            if status.status == wanted:
                return status

    async def _subscribe(
        self, topics: Sequence[str], seconds: float, watch: asyncio.Future[None]
    ) -> None:
        """Subscribe and wait for the vendor's word on each topic: unknown ones meet silence.

        Raises:
            StreamEnded: It acknowledged none of them for so many seconds.
        """
        missing = dict.fromkeys(topics)
        for part in chunks(topics):
            self._send({"action": "subscribe", "params": ",".join(part)})
        try:
            while missing:
                async with asyncio.timeout(seconds):
                    status = await self._expect("success", watch)
                missing.pop(status.message.partition("subscribed to:")[2].strip(), None)
        except TimeoutError as error:
            silence = f"the vendor did not acknowledge {shown(list(missing))}"
            if len(missing) == len(topics):
                raise StreamEnded(f"{silence}: is the topic spelled as in A.*?") from error
            self.unacknowledged = list(missing)
            log.error("%s: the stream goes on without", silence)

    def _send(self, message: dict[str, str]) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, msgspec.json.encode(message))


def _reject(status: Status) -> None:
    """Raise for a status that ends the session."""
    text = f"{status.status}: {status.message}"
    if status.status in _FATAL_STATUSES:
        raise VendorRefused(f"the vendor refused the key ({text}): check POLYGON_API_KEY")
    if status.status == "error" and "authorized" in status.message.lower():
        raise VendorRefused(f"the plan does not include a subscribed channel ({text})")
    if status.status == "max_connections":
        raise TooManyConnections(text)
    if status.status in {"auth_timeout", "force_disconnect"}:
        raise StreamEnded(text)
    if status.status not in {"connected", "auth_success", "success"}:
        log.warning("vendor says %s", text)
