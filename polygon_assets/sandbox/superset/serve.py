"""Prepare Superset and serve it, in one process and its worker.

``python -m polygon_assets.sandbox.superset.serve --port N --data DIR``, with the Python of
Superset's environment. The administrator is DASHBOARDS_USER with DASHBOARDS_PASSWORD.
"""

# pyright: reportMissingImports=false, reportMissingModuleSource=false
# Superset is in an environment of its own, where this runs.

import argparse
import gc
import logging
import os
import secrets
import socket
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polygon_assets.garbage import look_rarely_for_garbage
from polygon_assets.sandbox.lifeline import follow_parent
from polygon_assets.sandbox.server_start import HOST, StartError, own_directory
from polygon_assets.sandbox.superset.metadata import Metadata, require_user
from polygon_assets.sandbox.web_pages import own_pages_only

if TYPE_CHECKING:
    from flask import Flask

DEFAULT_PORT = 18109
PLUGINS = Path(__file__).parents[2] / "defs" / "dashboards" / "plugin"
THREADS = 12
"""Requests at a time: a dashboard asks for all of its charts at once."""

_started = time.monotonic()


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0 after a stop, 1 if the server could not start.
    """
    follow_parent()
    look_rarely_for_garbage()
    parser = argparse.ArgumentParser(
        prog="python -m polygon_assets.sandbox.superset.serve",
        description="Superset on 127.0.0.1; its metadata is a SQLite database.",
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="TCP port")
    parser.add_argument("--data", type=Path, required=True, help="directory of the metadata")
    parser.add_argument("--plugins", type=Path, default=PLUGINS, help="directory of chart types")
    arguments = parser.parse_args()
    try:
        folder = arguments.data.absolute()
        with own_directory("Superset", folder), reserve_port(arguments.port) as listener:
            app = prepared_app(folder, arguments.port, arguments.plugins.absolute())
            tell("ready")
            serve(app, listener)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def tell(line: str) -> None:
    """Write a line about the progress to the log."""
    passed, computed = time.monotonic() - _started, time.process_time()
    sys.stdout.write(f"{passed:6.1f} s ({computed:.1f} s of computing)  {line}\n")
    sys.stdout.flush()


def reserve_port(port: int) -> socket.socket:
    """Bind a port of this machine without listening yet: health checks shall fail at once.

    Raises:
        StartError: The port is in use, or not allowed.
    """
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        reserved.bind((HOST, port))
    except (OSError, OverflowError) as error:
        reserved.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise StartError(
            f"Port {port} on {HOST} cannot be used ({reason}); stop the program that listens"
            " there, or choose another one with --port."
        ) from error
    return reserved


def prepared_app(folder: Path, port: int, plugins: Path) -> "Flask":
    """Superset, with its metadata database up to date and its administrator in it."""
    os.environ.update(
        SUPERSET_HOME=str(folder),
        SUPERSET_PORT=str(port),
        SUPERSET_SECRET_KEY=secret_key(folder / "secret_key"),
        SUPERSET_VIZ_PLUGINS=str(plugins),
        SUPERSET_CONFIG_PATH=str(Path(__file__).with_name("superset_config.py")),
    )
    metadata = Metadata(folder)
    metadata.clean_up()
    tell("importing Superset")
    from sqlalchemy.exc import SAWarning
    from superset.app import create_app

    # About constraints of SQLite that Superset's own migrations made.
    warnings.simplefilter("ignore", SAWarning)
    app = create_app()
    logging.captureWarnings(False)
    if not metadata.is_current():
        metadata.update(app, tell)
    user = os.environ.get("DASHBOARDS_USER") or "admin"
    require_user(app, user, os.environ.get("DASHBOARDS_PASSWORD") or "sandbox")
    return app


def secret_key(file: Path) -> str:
    """The key that signs sessions and encrypts the passwords of connections; made once."""
    if not file.exists():
        part = file.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(48))
        part.replace(file)
    return file.read_text()


def serve(app: "Flask", listener: socket.socket) -> None:
    """Serve the application on a bound port until a signal comes."""
    from gunicorn.app.base import BaseApplication

    # Each worker ends when the write end is closed: with this process, however it ends.
    read, write = os.pipe()

    def follow_this_process(_arbiter: Any, _worker: Any) -> None:
        os.close(write)
        threading.Thread(target=_end_with, args=[read], name="lifeline", daemon=True).start()

    class Server(BaseApplication):
        def load_config(self) -> None:
            settings = {
                "bind": f"fd://{listener.detach()}",
                "workers": 1,
                "worker_class": "gthread",
                "threads": THREADS,
                "timeout": 120,
                "graceful_timeout": 2,
                "keepalive": 30,
                "loglevel": "warning",
                "post_fork": follow_this_process,
                "control_socket_disable": True,
            }
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return own_pages_only(app)

    # Memory that the collector does not touch stays shared between the two processes.
    gc.collect()
    gc.freeze()
    Server().run()


def _end_with(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
