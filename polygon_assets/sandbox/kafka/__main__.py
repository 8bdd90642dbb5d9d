"""Start the broker: ``python -m polygon_assets.sandbox.kafka --port N --data DIR``."""

import argparse
import asyncio
import logging
import signal
import socket
import sys
from pathlib import Path

from polygon_assets.sandbox.kafka.broker import Broker
from polygon_assets.sandbox.kafka.catalog import MAX_PARTITIONS, Catalog
from polygon_assets.sandbox.kafka.configs import DEFAULTS
from polygon_assets.sandbox.kafka.coordinator import Coordinator
from polygon_assets.sandbox.kafka.offsets import OffsetStore
from polygon_assets.sandbox.kafka.server import Server
from polygon_assets.sandbox.lifeline import follow_parent
from polygon_assets.sandbox.server_start import HOST, StartError, own_directory, take_port

logger = logging.getLogger(__name__)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m polygon_assets.sandbox.kafka",
        description="A durable single-node broker that speaks the Kafka protocol on 127.0.0.1.",
    )
    parser.add_argument("--port", type=int, required=True, help="port; 0 picks a free one")
    parser.add_argument(
        "--data", type=Path, required=True, help="data directory, created if missing"
    )
    parser.add_argument(
        "--retention-bytes",
        type=int,
        default=int(DEFAULTS["retention.bytes"]),
        help="bytes kept of each partition, unless its topic says otherwise; -1 keeps everything "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--fsync",
        action="store_true",
        help="flush every append to the disk before acknowledging it: safe against power loss, "
        "not only against the end of the process",
    )
    parser.add_argument(
        "--auto-create-partitions",
        type=int,
        default=0,
        help="create a topic with this many partitions when a client first asks for it "
        "(default: 0, topics are created by request only)",
    )
    options = parser.parse_args(arguments)
    if not 0 <= options.auto_create_partitions <= MAX_PARTITIONS:
        parser.error(f"--auto-create-partitions must be 0 to {MAX_PARTITIONS}")
    return options


async def serve(broker: Broker, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Server(broker).run(listening, stop)


def open_data(arguments: argparse.Namespace) -> tuple[Catalog, OffsetStore]:
    """Read topics, logs and committed offsets.

    Raises:
        StartError: They are damaged, or the directory cannot be read and written.
    """
    directory: Path = arguments.data
    try:
        catalog = Catalog(
            directory, retention_bytes=arguments.retention_bytes, sync=arguments.fsync
        )
        return catalog, OffsetStore(directory, sync=arguments.fsync)
    except OSError as error:
        raise StartError(
            f"the data directory {directory} cannot be used ({error}): repair it, or choose "
            "another with --data"
        ) from error


def run(arguments: argparse.Namespace) -> None:
    """Open the data directory and serve it.

    Raises:
        StartError: Directory or port are taken or unusable.
    """
    with own_directory("Kafka", arguments.data), take_port(arguments.port) as listening:
        port = int(listening.getsockname()[1])
        catalog, offsets = open_data(arguments)
        logger.info(
            "serving %d topics of %s on %s:%d", len(list(catalog)), arguments.data, HOST, port
        )
        broker = Broker(
            HOST, port, catalog, offsets, Coordinator(), arguments.auto_create_partitions
        )
        try:
            asyncio.run(serve(broker, listening))
        finally:
            catalog.close()
            offsets.close()
            logger.info("stopped")


def main(arguments: list[str] | None = None) -> int:
    """Run the broker to its end.

    Returns:
        The exit code: 1, with one sentence on stderr, when it cannot start.
    """
    follow_parent()
    options = parse_arguments(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s kafka: %(message)s", stream=sys.stderr
    )
    try:
        run(options)
    except StartError as error:
        sys.stderr.write(f"kafka: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
