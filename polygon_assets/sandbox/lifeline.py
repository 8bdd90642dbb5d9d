"""A process that outlives its starter is a leak: the lifeline ends it.

The supervisor holds the write end of a pipe and every process that it starts inherits the read
end. However the supervisor ends, ``kill -9`` included, the operating system closes the pipe, and
whoever reads it sees the end of file.
"""

import os
import signal
import threading
import time
from collections.abc import Callable

LIFELINE_VARIABLE = "POLYGON_SANDBOX_LIFELINE"
"""Environment variable with the number of the inherited read end."""

GRACE_SECONDS = 5.0
"""How long a process may take to stop by itself before it is ended at once."""


def follow_parent(stop: Callable[[], None] | None = None) -> None:
    """Stop this process when the process that started it is gone, at the latest after the grace.

    Does nothing without a lifeline in the environment, as when started by hand.

    Args:
        stop: Called when the parent is gone. Default: send SIGTERM to this process.
    """

    def end() -> None:
        (stop or _terminate_self)()
        time.sleep(GRACE_SECONDS)
        os._exit(1)

    watch_parent(end)


def watch_parent(gone: Callable[[], None]) -> None:
    """Call ``gone`` once, in a thread, when the process that started this one is gone.

    Does nothing without a lifeline in the environment.
    """
    number = os.environ.get(LIFELINE_VARIABLE)
    if number is None:
        return
    fd = int(number)

    def watch() -> None:
        try:
            while os.read(fd, 1):
                pass
        except OSError:
            return  # not inherited: someone else's number
        gone()

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def _terminate_self() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
