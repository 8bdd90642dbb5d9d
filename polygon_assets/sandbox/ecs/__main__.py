"""Start the sandbox's ECS: ``python -m polygon_assets.sandbox.ecs --port N --data DIR``."""

import argparse
import logging
import signal
import socket
import sys
from pathlib import Path

from polygon_assets.sandbox.lifeline import follow_parent
from polygon_assets.sandbox.server_start import StartError, own_directory, take_port

DEFAULT_PORT = 18105


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0 after a stop, 1 if the server could not start.
    """
    follow_parent()
    parser = argparse.ArgumentParser(
        prog="python -m polygon_assets.sandbox.ecs",
        description="The ECS API on 127.0.0.1; tasks are local processes.",
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="TCP port")
    parser.add_argument("--data", type=Path, required=True, help="directory of state and logs")
    parser.add_argument(
        "--pending-seconds",
        type=float,
        default=0.0,
        help="a task is PENDING for so long, as in AWS; 0 = not at all",
    )
    parser.add_argument(
        "--deprovisioning-seconds",
        type=float,
        default=0.0,
        help="a task is DEPROVISIONING for so long after its process has ended",
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        folder = arguments.data.absolute()
        with own_directory("ECS", folder), take_port(arguments.port) as listener:
            _serve(folder, listener, arguments.pending_seconds, arguments.deprovisioning_seconds)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _serve(folder: Path, listener: socket.socket, pending: float, deprovisioning: float) -> None:
    import msgspec
    import uvicorn

    from polygon_assets.sandbox.ecs.app import build_app
    from polygon_assets.sandbox.ecs.state import load_state
    from polygon_assets.sandbox.ecs.tasks import Slowness

    try:
        state = load_state(folder)
    except msgspec.DecodeError as error:
        raise StartError(
            f"ECS cannot read {folder / 'state.json'}: {error}; delete the file to start anew."
        ) from error
    # uvicorn repeats the signal that ended it: an orderly end is code 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        build_app(folder, state, Slowness(pending, deprovisioning)),
        log_level="warning",
        lifespan="on",
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
