"""Dagster's UI and daemon as ``dg dev`` starts them, but closed to foreign web pages.

Dagster's web server starts a run for whoever asks, by GET too, so that any page that a browser
shows could. ``python -m polygon_assets.sandbox.dagster_ui ARGUMENT ...`` is ``dg dev ARGUMENT ...``
with a web server that refuses such pages.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

from polygon_assets.sandbox.web_pages import OwnPagesOnly

_SERVES = "POLYGON_SANDBOX_SERVES_UI"
"""Set for the web server's process alone, which is this program, too."""


def main() -> None:
    """Be ``dg dev``, or its web server."""
    if os.environ.pop(_SERVES, ""):
        _serve()
    else:
        _dev(sys.argv[1:])


def _dev(arguments: Sequence[str]) -> None:
    import dagster._cli.dev as dev_module
    from dagster_dg_cli.cli import main as dg

    dev: Any = dev_module  # what `dg dev` starts its processes with is no public name
    start = dev.open_ipc_subprocess

    def start_ours(command: Sequence[str], **more: Any) -> Any:
        if "dagster_webserver" not in command:
            return start(command, **more)
        ours = [__spec__.name if part == "dagster_webserver" else part for part in command]
        return start(ours, env=os.environ | {_SERVES: "1"}, **more)

    dev.open_ipc_subprocess = start_ours
    sys.argv[1:] = ["dev", *arguments]
    dg()


def _serve() -> None:
    from dagster_webserver.cli import main as serve
    from dagster_webserver.webserver import DagsterWebserver
    from starlette.middleware import Middleware

    server: Any = DagsterWebserver
    theirs = server.build_middleware

    def ours(self: Any) -> list[Middleware]:
        return [Middleware(OwnPagesOnly), *theirs(self)]

    server.build_middleware = ours
    serve()


if __name__ == "__main__":
    main()
