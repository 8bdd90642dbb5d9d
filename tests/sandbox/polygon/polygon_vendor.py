"""A simulated vendor in its own process, as the sandbox starts it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from polygon import RESTClient

SYMBOLS = "AAPL,GOOG,IBM,MSFT,FB,ZZAA,ZZAB,ZZAC,ZZAD,ZZAE,ZZAF,ZZAG"


class Vendor:
    """A running simulator and ways to talk to it."""

    def __init__(self, data: Path, *options: str, symbols: str = SYMBOLS) -> None:
        command = [sys.executable, "-m", "polygon_assets.sandbox.polygon", "--port", "0"]
        environment = {**os.environ, "POLYGON_API_KEY": "sandbox"}
        self.process = subprocess.Popen(
            [*command, "--data", str(data), "--symbols", symbols, *options],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        self.host = self.url.removeprefix("http://")
        self.http = httpx.Client(
            base_url=self.url, headers={"Authorization": "Bearer sandbox"}, timeout=30
        )
        self.rest = RESTClient(api_key="sandbox", base=self.url, retries=0)

    def replay(self, session: str, speed: float, wait: bool = True) -> dict:
        body = {"session": session, "speed": speed, "wait_for_subscriber": wait}
        answer = self.http.post("/sandbox/replay", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.http.close()
        self.process.send_signal(number)
        return self.process.wait(5)
