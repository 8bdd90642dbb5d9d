"""The product's simulated vendor as a process, from the environment of the repository's root."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

API_KEY = "test-key-0123456789"
"""The CDK masks a key wherever it prints: a short one would garble all output."""

ODD_TICKERS = ("NA", "TRUE", "NAN", "NULL", "KIMpL", "ZZ.B")
"""Tickers that a careless reader turns into something else."""
SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT", "ZZAD", "ZZAE", *ODD_TICKERS)
"""Among them one that is listed (ZZAD) and one that is delisted (ZZAE) in the tests' weeks."""

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0


@dataclass(frozen=True)
class Simulator:
    """A running vendor.

    Attributes:
        url: Address to give to the connector as ``base_url``.
    """

    url: str

    def fault(self, kind: str, path: str = "/", count: int = 1, **more: Any) -> None:
        """Let the next requests whose path begins with this fail; all of them with count 0."""
        self._send("POST", {"kind": kind, "path": path, "count": count, **more})

    def clear_faults(self) -> None:
        """Answer well again."""
        self._send("DELETE")

    def _send(self, method: str, body: dict[str, Any] | None = None) -> None:
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{self.url}/sandbox/faults", data, method=method), timeout=10):
            pass


@contextmanager
def running_simulator(folder: Path, requests_per_minute: int = 0) -> Iterator[Simulator]:
    """Serve on a free port of 127.0.0.1 until the block ends.

    Raises:
        RuntimeError: It did not start.
    """
    # When the tests end, however they do, the system closes the pipe and the simulator stops.
    lifeline, held = os.pipe()
    process = subprocess.Popen(
        [
            *_python(),
            *("-m", "polygon_assets.sandbox.polygon"),
            *("--port", "0", "--data", folder, "--symbols", ",".join(SYMBOLS)),
            *("--requests-per-minute", str(requests_per_minute)),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "POLYGON_API_KEY": API_KEY,
            "POLYGON_SANDBOX_LIFELINE": str(lifeline),
        },
        pass_fds=[lifeline],
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(lifeline)
    try:
        line = process.stdout.readline() if process.stdout else ""
        if "http://" not in line:
            raise RuntimeError(f"the simulated vendor did not start: {line!r}")
        yield Simulator(line.split()[-1])
    finally:
        os.close(held)
        process.terminate()
        process.wait(START_SECONDS)


def _python() -> list[str]:
    installed = ROOT / ".venv" / "bin" / "python"
    if installed.exists():
        return [str(installed)]
    return ["uv", "run", "--project", str(ROOT), "--frozen", "python"]
