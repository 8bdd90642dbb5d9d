"""Start the sandbox's ECS and talk to it with boto3."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import boto3
from botocore.config import Config


def ecs_client(url: str, service: str = "ecs"):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="thing",
        config=Config(retries={"max_attempts": 1}),
    )


def wait_until(condition: Callable[[], object], seconds: float = 30) -> object:
    deadline = time.time() + seconds
    while time.time() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class EcsServer:
    """The server as a process of its own, on one port and data directory."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self.options = options
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = environment
        self.process: subprocess.Popen

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "polygon_assets.sandbox.ecs"),
            *("--port", str(self.port), "--data", str(self.folder)),
            *self.options,
        ]

    def start(self) -> "EcsServer":
        self.process = subprocess.Popen(
            self.command(), env=os.environ | self.environment, stderr=subprocess.PIPE
        )
        wait_until(self._answers, 60)
        return self

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.process.stderr.read()
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(15)
        self.process.stderr.close()
        return code


def definition(family: str, command: list[str], **container: object) -> dict:
    """Arguments of RegisterTaskDefinition; ``memory`` is what moto insists on."""
    return {
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": "main",
                "image": "local/image:1",
                "essential": True,
                "memory": 512,
                "command": command,
                **container,
            }
        ],
    }


def network(subnet: str) -> dict:
    """A networkConfiguration; ``securityGroups`` is what moto insists on."""
    return {
        "awsvpcConfiguration": {
            "subnets": [subnet],
            "securityGroups": [],
            "assignPublicIp": "DISABLED",
        }
    }


def process_exists(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
