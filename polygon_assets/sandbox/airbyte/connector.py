"""Run the connector as a subprocess that cannot outlive this one."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from polygon_assets.sandbox.lifeline import LIFELINE_VARIABLE

_ERROR_LINES = 20
_STOP_SECONDS = 2.0
_PIPE_BYTES = 1 << 20


def default_command(repository: Path) -> list[str]:
    """The command that starts the repository's connector.

    Its own environment's program when there is one (it starts at once), else `uv run`, which makes
    the environment first.
    """
    project = repository / "airbyte_connector"
    installed = project / ".venv" / "bin" / "source-polygon"
    if installed.exists():
        return [str(installed)]
    uv = os.environ.get("UV") or shutil.which("uv") or "uv"
    return [uv, "run", "--project", str(project), "--frozen", "source-polygon"]


def split_command(command: str) -> list[str]:
    """A command line as a list of arguments."""
    return shlex.split(command)


class ConnectorRun:
    """One `read` of the connector.

    The process is started through `polygon_assets.sandbox.run` with a lifeline of its own, so it
    ends with this process, however that ends. Configuration, catalog, state and manifest are files
    in a private folder, which is removed at the end.

    Args:
        command: The connector's command.
        manifest: The definition's manifest.
        config: Settings of the source, secrets included.
        catalog: The configured catalog.
        state: Where each stream starts from.

    Attributes:
        exit_code: The connector's exit code; None while it runs.
    """

    def __init__(
        self,
        command: Sequence[str],
        manifest: dict[str, Any],
        config: dict[str, Any],
        catalog: dict[str, Any],
        state: list[dict[str, Any]],
    ) -> None:
        self.exit_code: int | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="polygon-airbyte-")
        files = {
            "manifest-path": manifest,
            "config": config,
            "catalog": catalog,
            "state": state,
        }
        arguments = [*command, "read"]
        for option, content in files.items():
            path = Path(self._folder.name) / f"{option}.json"
            path.touch(mode=0o600)
            path.write_bytes(msgspec.json.encode(content))
            arguments += [f"--{option}", str(path)]
        self._lock = threading.Lock()
        self._held: int | None
        lifeline, self._held = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "polygon_assets.sandbox.run", *arguments],
                bufsize=_PIPE_BYTES,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[lifeline],
                env=os.environ | {LIFELINE_VARIABLE: str(lifeline)},
            )
        except OSError:
            self.stop()
            self._folder.cleanup()
            raise
        finally:
            os.close(lifeline)
        self._stderr: deque[bytes] = deque(maxlen=_ERROR_LINES)
        self._drain = threading.Thread(target=self._drain_stderr, daemon=True)
        self._drain.start()

    def lines(self) -> Iterator[bytes]:
        """The connector's output, line by line; at its end, ``exit_code`` is set.

        A line that a killed connector could not finish is no line: its slice is read again.
        """
        last = b""
        for line in cast("IO[bytes]", self._process.stdout):
            if line.endswith(b"\n"):
                yield line
            else:
                last = line
        self.exit_code = self._process.wait()
        self._drain.join(_STOP_SECONDS)
        if last and self.exit_code == 0:
            yield last

    def error_output(self) -> str:
        """The last lines of the connector's standard error."""
        return b"".join(self._stderr).decode(errors="replace").strip()

    def stop(self) -> None:
        """End the connector; its output then ends, too. Safe to call twice, from any thread."""
        with self._lock:
            if self._held is not None:
                os.close(self._held)  # the lifeline: its end kills the connector's process group
                self._held = None

    def close(self) -> None:
        """End the connector at once, if it still runs, and remove its files."""
        self.stop()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._drain.join(_STOP_SECONDS)
        cast("IO[bytes]", self._process.stdout).close()
        self._folder.cleanup()

    def _drain_stderr(self) -> None:
        with cast("IO[bytes]", self._process.stderr) as pipe:
            self._stderr.extend(pipe)
