"""Start the sandbox's ClickHouse."""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from polygon_assets.sandbox.clickhouse.errors import ClickHouseError
from polygon_assets.sandbox.lifeline import follow_parent
from polygon_assets.sandbox.server_start import HOST, StartError, own_directory

if TYPE_CHECKING:
    from polygon_assets.sandbox.clickhouse.server import Server

DEFAULT_PORT = 18102
_SECONDS_FOR_REQUESTS = 1.5
_SECONDS_TO_STOP = 2.5


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0 after a stop, 1 if the server could not start.
    """
    follow_parent()
    arguments = _arguments()
    try:
        with own_directory("ClickHouse", arguments.data):
            _serve(arguments.port, arguments.data)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m polygon_assets.sandbox.clickhouse",
        description="ClickHouse's HTTP interface on 127.0.0.1, with chDB behind it."
        " User and password: CLICKHOUSE_USER (default) and CLICKHOUSE_PASSWORD (none).",
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="TCP port")
    parser.add_argument("--data", type=Path, required=True, help="directory that holds all data")
    return parser.parse_args()


def _serve(port: int, directory: Path) -> None:
    # The zone of ClickHouse Cloud, wherever the laptop is.
    os.environ["TZ"] = "UTC"
    # chDB imports pyarrow and numpy, where they are installed, for features that are not used
    # here: they would double the time to start.
    sys.modules.setdefault("pyarrow", cast("Any", None))
    from polygon_assets.sandbox.clickhouse.server import Backend, Server

    try:
        server = Server(port)
    except OSError as error:
        raise StartError(
            f"Port {port} on {HOST} is in use; stop the program that listens there, or choose"
            " another one with --port."
        ) from error
    with server:
        try:
            server.backend = Backend.open(
                directory,
                user=os.environ.get("CLICKHOUSE_USER") or "default",
                password=os.environ.get("CLICKHOUSE_PASSWORD", ""),
            )
        except ClickHouseError as error:
            raise StartError(
                f"ClickHouse cannot open the directory {directory}: {error}"
            ) from error
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever(poll_interval=0.1)
        _stop(server)


def _stop(server: "Server") -> None:
    """Let requests in progress end, then close the engine; end at once if either takes long.

    What has been acknowledged is on disk either way.
    """
    emergency = threading.Timer(_SECONDS_TO_STOP, os._exit, args=(0,))
    emergency.daemon = True
    emergency.start()
    if not server.wait_until_idle(_SECONDS_FOR_REQUESTS):
        os._exit(0)
    server.backend.engine.close()
    # Threads of idle connections may still hold the engine's memory: no orderly teardown.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
