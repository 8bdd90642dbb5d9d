"""What every server of the sandbox does first: take its directory and its port, or say why not."""

import fcntl
import socket
from pathlib import Path
from typing import BinaryIO

HOST = "127.0.0.1"


class StartError(Exception):
    """A server cannot start; the text says why and what to do."""


def own_directory(system: str, directory: Path) -> BinaryIO:
    """Create and lock a data directory.

    Args:
        system: Name of the server, for the error.
        directory: Where it keeps its data.

    Returns:
        The open lock file. The lock lasts until it is closed or the process ends, however it ends.

    Raises:
        StartError: Another server has the directory, or it cannot be created.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("wb")
    except OSError as error:
        raise StartError(
            f"{system} cannot use the directory {directory}: {error.strerror};"
            " choose another one with --data."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StartError(
            f"Another {system} is using the directory {directory}; stop it, or choose another one"
            " with --data."
        ) from error
    return lock


def take_port(port: int) -> socket.socket:
    """Bind a port of this machine and listen; clients that come early wait for the server.

    Args:
        port: TCP port; 0 picks a free one.

    Raises:
        StartError: The port is in use, or not allowed.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise StartError(
            f"Port {port} on {HOST} cannot be used ({reason}); stop the program that listens"
            " there, or choose another one with --port."
        ) from error
    return listener
