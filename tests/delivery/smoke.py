"""Producer and sink of an image, against the simulated market.

    uv run python tests/delivery/smoke.py [--image NAME]

Vendor, Kafka and ClickHouse are the sandbox's. Without an image the programs are those of this
environment. Ends with 0 if every event that was sent is in Kafka, the sink has stored them, and
both programs end well.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.program import free_port, wait_for
from support.servers import server
from support.stream_programs import Chain

from polygon_assets.sandbox.layout import SandboxLayout
from polygon_assets.sandbox.market import SimulatedMarket

SESSION = date(2005, 2, 28)
SYMBOLS = "AAPL,IBM"
SPEED = 7200.0
PATIENCE = 120.0


def main() -> int:
    """Live through a session.

    Returns:
        0 if all of it was stored.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", default="", help="of producer and sink")
    image = parser.parse_args().image
    with tempfile.TemporaryDirectory(prefix="smoke-") as folder, ExitStack() as stack:
        root = Path(folder)
        port = stack.enter_context(server("polygon", root / "polygon", "--symbols", SYMBOLS))
        chain = stack.enter_context(Chain(root))
        market = SimulatedMarket(SandboxLayout(root, port))
        market.start(SESSION, SPEED)
        variables = chain.environment(f"ws://127.0.0.1:{port}/stocks", f"http://127.0.0.1:{port}")
        for module in ("sink", "producer"):
            stack.enter_context(running(module, image, variables))
        wait_for(lambda: market.replay().state == "finished", "the end of the session", PATIENCE)
        sent = market.replay().events_sent
        topic = chain.topics.agg_1s
        wait_for(lambda: sum(chain.ends(topic).values()) >= sent, "the producer", PATIENCE)
        wait_for(lambda: not chain.lag(topic), "the sink", PATIENCE)
        written = sum(chain.ends(topic).values())
        stored = chain.query("SELECT count() FROM {db}.bars_1s")[0][0]
    sys.stdout.write(f"{sent:,} events sent, {written:,} in Kafka, {stored:,} bars in ClickHouse\n")
    return 0 if written == sent and stored else 1


@contextmanager
def running(module: str, image: str, variables: dict[str, str]) -> Iterator[None]:
    """One program, as ECS runs it: by the image's entry point or, without image, by Python."""
    port = str(free_port())
    own = {**variables, "STREAM_HEALTH_PORT": port}
    program = ["python", "-m", f"polygon_stream.{module}"]
    command = [*_docker(image, own), *program] if image else program
    process = subprocess.Popen(command, env=os.environ | own)

    def healthy() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"the {module} ended with {process.returncode}")
        probe = [sys.executable, "-m", "polygon_stream.probe"]
        asked = subprocess.run(probe, env=os.environ | own, capture_output=True, check=False)
        return asked.returncode == 0

    try:
        wait_for(healthy, f"a healthy {module}", PATIENCE)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)
    if code:
        raise RuntimeError(f"the {module} ended with {code}")


def _docker(image: str, variables: dict[str, str]) -> list[str]:
    """``docker run`` with the limits of the task definition; the values travel by environment."""
    names = [part for name in variables for part in ("--env", name)]
    limits = ["--read-only", "--cap-drop=ALL", "--memory=1g"]
    return ["docker", "run", "--rm", "--network=host", *limits, *names, image]


if __name__ == "__main__":
    sys.exit(main())
