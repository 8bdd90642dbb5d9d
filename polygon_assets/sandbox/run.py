"""Run a command that knows nothing of the sandbox, and end it with the sandbox.

``python -m polygon_assets.sandbox.run COMMAND ARGUMENTS...`` gives the command a process group of
its own, passes SIGTERM and SIGINT on to it, exits with its exit code, and kills the whole group
when the lifeline breaks. Only the standard library is imported, so it starts in milliseconds.
"""

import os
import signal
import subprocess
import sys
from types import FrameType

from polygon_assets.sandbox.lifeline import follow_parent


def main(command: list[str]) -> int:
    """Run the command to its end.

    Returns:
        The command's exit code; 128 plus the signal's number where a signal ended it.
    """
    if not command:
        sys.stderr.write("usage: python -m polygon_assets.sandbox.run COMMAND [ARGUMENT ...]\n")
        return 2
    child = subprocess.Popen(command, start_new_session=True)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if child.poll() is None:
            os.killpg(child.pid, number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    follow_parent(lambda: os.killpg(child.pid, signal.SIGKILL))
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
