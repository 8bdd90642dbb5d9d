"""The broker's sockets: connections, their requests in order, and a clean stop."""

import asyncio
import logging
import socket
import struct

from polygon_assets.sandbox.kafka.api import answer_request
from polygon_assets.sandbox.kafka.broker import Broker
from polygon_assets.sandbox.kafka.errors import ProtocolError

logger = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 100 * 1024 * 1024
"""Longest request that is read: a Kafka broker's default (socket.request.max.bytes)."""

_READ_BUFFER_BYTES = 1024 * 1024
_LENGTH = struct.Struct(">i")
_TICK_SECONDS = 0.1
_RETENTION_SECONDS = 30.0


class Server:
    """Serves a broker on a bound socket until it is told to stop."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._connections: set[asyncio.Task[None]] = set()

    async def run(self, listening: socket.socket, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then end every connection."""
        server = await asyncio.start_server(
            self._serve, sock=listening, limit=_READ_BUFFER_BYTES, backlog=512
        )
        clock = asyncio.create_task(self._let_time_pass())
        await stop.wait()
        server.close()
        clock.cancel()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(clock, *self._connections, return_exceptions=True)

    async def _let_time_pass(self) -> None:
        """Consumers' sessions end, rebalances time out, old segments go."""
        loop = asyncio.get_running_loop()
        next_retention = loop.time()
        while True:
            now = loop.time()
            try:
                self._broker.coordinator.tick(now)
                if now >= next_retention:
                    next_retention = now + _RETENTION_SECONDS
                    self._broker.catalog.enforce_retention()
            except Exception:
                logger.exception("an internal error; the broker goes on")
            await asyncio.sleep(_TICK_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        host, port = writer.get_extra_info("peername")[:2]
        try:
            while True:
                await self._serve_request(reader, writer, str(host))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client is gone, or the broker stops
        except ProtocolError as error:
            logger.warning("closed the connection of %s:%d, which sent %s", host, port, error)
        except Exception:
            logger.exception("closed the connection of %s:%d after an internal error", host, port)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client_host: str
    ) -> None:
        (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if not 0 < size <= MAX_REQUEST_BYTES:
            raise ProtocolError(
                f"a request of {size} bytes (is that a Kafka client?); up to "
                f"{MAX_REQUEST_BYTES} are read"
            )
        data = await reader.readexactly(size)
        parts = await answer_request(self._broker, data, client_host)
        if parts is not None:
            writer.write(b"".join((_LENGTH.pack(sum(map(len, parts))), *parts)))
            await writer.drain()
