"""Starts the simulated vendor: ``python -m polygon_assets.sandbox.polygon --port N --data DIR``."""

import argparse
import fcntl
import os
import signal
import socket
import sys
from pathlib import Path
from typing import IO

import uvicorn

from polygon_assets.sandbox.lifeline import follow_parent
from polygon_assets.sandbox.polygon import universe
from polygon_assets.sandbox.polygon.app import Settings, create_app

HOST = "127.0.0.1"
STOP_SECONDS = 2


class StartError(Exception):
    """Why the simulator cannot start, in one sentence."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM.

    Returns:
        Exit code: 0 after a stop, 1 when it could not start.
    """
    follow_parent()
    options = _parser().parse_args(arguments)
    try:
        settings = Settings(
            symbols=universe.choose(options.symbols),
            key=os.environ.get("POLYGON_API_KEY", "sandbox"),
            buffer_bytes=options.buffer_bytes,
            connections_per_key=options.connections_per_key,
        )
        lock, listener = _lock(options.data), _listen(options.port)
    except (StartError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with lock, listener:
        _serve(settings, listener)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="polygon_assets.sandbox.polygon", description=__doc__)
    parser.add_argument(
        "--port", type=int, required=True, help="port on 127.0.0.1; 0 takes a free one"
    )
    parser.add_argument("--data", type=Path, required=True, help="directory of this server")
    parser.add_argument("--symbols", default="60", help="a number, or tickers separated by commas")
    parser.add_argument("--buffer-bytes", type=int, default=64_000_000, help="for each slow client")
    parser.add_argument("--connections-per-key", type=int, default=1, help="WebSocket connections")
    return parser


def _lock(data: Path) -> IO[str]:
    data.mkdir(parents=True, exist_ok=True)
    file = (data / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise StartError(
            f"Another simulated vendor uses {data}: stop it, or choose another --data directory."
        ) from None
    return file


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()  # clients that come before the server is ready wait for it
    except OSError:
        listener.close()
        raise StartError(
            f"Port {port} on {HOST} is in use: stop its owner, or choose another --port."
        ) from None
    return listener


def _serve(settings: Settings, listener: socket.socket) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            log_level="warning",
            access_log=False,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )
    # Uvicorn raises the signal again once it has stopped; a stop on request is exit code 0.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    sys.stdout.write(f"simulated vendor on http://{HOST}:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    server.run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
