"""Start the server: ``python -m polygon_assets.sandbox.snowflake --port N --data DIR``."""

import argparse
import logging
import signal
import socket
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from polygon_assets.garbage import look_rarely_for_garbage
from polygon_assets.sandbox.lifeline import follow_parent
from polygon_assets.sandbox.server_start import StartError, own_directory, take_port
from polygon_assets.sandbox.snowflake.lean_imports import leave_out_unused_libraries
from polygon_assets.sandbox.snowflake.scratch import keep_temporary_files_in

DEFAULT_PORT = 18103
GRACE_SECONDS = 2


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0 after a clean stop, 1 where the directory or the port is in use.
    """
    follow_parent()
    look_rarely_for_garbage()
    options = _options()
    try:
        with own_directory("Snowflake", options.data), take_port(options.port) as listener:
            leave_out_unused_libraries()
            keep_temporary_files_in(options.data)
            _serve(listener, options.data)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m polygon_assets.sandbox.snowflake")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--data", type=Path, required=True)
    return parser.parse_args()


def _serve(listener: socket.socket, data: Path) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # Says of every statement outside its grammar that it keeps the text: refused ones are answered.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    # Says how DuckDB's own API would be faster; the rows come from fakesnow.
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
    warnings.filterwarnings("ignore", message=".*doesn't match a supported version")

    import uvicorn

    from polygon_assets.sandbox.snowflake import patches
    from polygon_assets.sandbox.snowflake.databases import prepare_notes
    from polygon_assets.sandbox.snowflake.logins import credentials_from_environment
    from polygon_assets.sandbox.snowflake.server import SnowflakeServer
    from polygon_assets.sandbox.snowflake.session import Warehouse
    from polygon_assets.sandbox.snowflake.storage import checkpoint, open_databases

    patches.apply()
    duck = open_databases(data)
    prepare_notes(duck, data)
    server = SnowflakeServer(Warehouse(duck, data), credentials_from_environment())

    class StoppingServer(uvicorn.Server):
        """Stops on a signal and returns, so that what follows still runs."""

        @contextmanager
        def capture_signals(self) -> Generator[None]:
            def stop(_number: int, _frame: object) -> None:
                self.should_exit = True
                server.interrupt()

            signal.signal(signal.SIGTERM, stop)
            signal.signal(signal.SIGINT, stop)
            yield

    config = uvicorn.Config(
        server.app(),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    StoppingServer(config).run(sockets=[listener])
    checkpoint(duck)
    duck.close()


if __name__ == "__main__":
    sys.exit(main())
