"""Starts the simulated vendor: ``python -m polygon_assets.sandbox.polygon --port N --data DIR``."""

import argparse
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from polygon_assets.sandbox.lifeline import follow_parent
from polygon_assets.sandbox.polygon import universe
from polygon_assets.sandbox.polygon.app import Settings, create_app
from polygon_assets.sandbox.polygon.websocket import SERVED_CHANNELS
from polygon_assets.sandbox.server_start import HOST, StartError, own_directory, take_port

STOP_SECONDS = 2


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
            data=options.data,
            flat_file_keys=(
                os.environ.get("FLAT_FILES_ACCESS_KEY_ID", "sandbox"),
                os.environ.get("FLAT_FILES_SECRET_ACCESS_KEY", "sandbox"),
            ),
            buffer_bytes=options.buffer_bytes,
            connections_per_key=options.connections_per_key,
            requests_per_minute=options.requests_per_minute,
            channels=tuple(options.channels.split(",")),
        )
        with (
            own_directory("simulated vendor", options.data),
            take_port(options.port) as listener,
        ):
            _serve(settings, listener)
    except (StartError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
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
    parser.add_argument("--requests-per-minute", type=int, default=0, help="REST; 0: no limit")
    parser.add_argument(
        "--channels", default=",".join(SERVED_CHANNELS), help="WebSocket channels of the plan"
    )
    return parser


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
