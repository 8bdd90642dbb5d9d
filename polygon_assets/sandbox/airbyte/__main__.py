"""Start the sandbox's Airbyte: `python -m polygon_assets.sandbox.airbyte --data DIR`."""

import argparse
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from polygon_assets.sandbox.airbyte.api import Api
from polygon_assets.sandbox.airbyte.connector import default_command, split_command
from polygon_assets.sandbox.airbyte.database import Database
from polygon_assets.sandbox.airbyte.jobs import JobRunner
from polygon_assets.sandbox.airbyte.objects import Objects
from polygon_assets.sandbox.airbyte.store import Store
from polygon_assets.sandbox.airbyte.tokens import Tokens
from polygon_assets.sandbox.airbyte.workspace import Workspace
from polygon_assets.sandbox.lifeline import follow_parent
from polygon_assets.sandbox.server_start import StartError, own_directory, take_port

DEFAULT_PORT = 18104
_REPOSITORY = Path(__file__).resolve().parents[3]
_SHUTDOWN_SECONDS = 1


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0 after a stop, 1 if the server could not start.
    """
    follow_parent()
    options = _options()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    try:
        with own_directory("Airbyte", options.data), take_port(options.port) as listener:
            _serve(options, listener)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m polygon_assets.sandbox.airbyte",
        description="Airbyte's API on 127.0.0.1, as far as dagster-airbyte and `polygon connector"
        " publish` call it. The workspace is empty at first."
        " Client: AIRBYTE_CLIENT_ID, AIRBYTE_CLIENT_SECRET. Workspace: AIRBYTE_WORKSPACE_ID.",
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="TCP port")
    parser.add_argument("--data", type=Path, required=True, help="directory that holds all data")
    parser.add_argument("--connector", help="command of the connector (default: the repository's)")
    return parser.parse_args()


def _serve(options: argparse.Namespace, listener: socket.socket) -> None:
    connector: str | None = options.connector
    command = split_command(connector) if connector else default_command(_REPOSITORY)
    database = Database(options.data / "airbyte.sqlite")
    store = Store(database)
    store.fail_lost_jobs()
    workspace = Workspace(Objects(database))
    runner = JobRunner(command, workspace, store)
    tokens = Tokens(
        os.environ.get("AIRBYTE_CLIENT_ID") or "sandbox",
        os.environ.get("AIRBYTE_CLIENT_SECRET") or "sandbox",
    )
    server = uvicorn.Server(
        uvicorn.Config(
            Api(workspace, store, runner, tokens).application(),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
    )

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn repeats the signal once it has stopped; the default would end the process there.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        server.run(sockets=[listener])
    finally:
        runner.stop()


if __name__ == "__main__":
    sys.exit(main())
