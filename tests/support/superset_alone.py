"""Superset without the rest of the sandbox, and what its first start leaves."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil
from support.program import wait_for
from support.servers import free_ports

from polygon_assets.sandbox.layout import BI, SandboxLayout, own_folder
from polygon_assets.sandbox.processes import sandbox_processes
from polygon_assets.sandbox.services import Service
from polygon_assets.sandbox.services import superset as superset_service

ON_A_BUSY_MACHINE = 300.0


class Alone:
    """Superset as the supervisor starts it, without the rest of the sandbox."""

    def __init__(self, folder: Path) -> None:
        self.layout = SandboxLayout(folder, free_ports())
        self.service: Service = superset_service(self.layout)
        self.read, self.write = os.pipe()
        self.process: psutil.Process | None = None

    def start(self) -> psutil.Process:
        self.process = psutil.Process(self.service.start(self.layout, self.read).pid)
        return self.process

    def wait(self) -> None:
        def serving() -> bool:
            assert self.process is not None
            assert self.process.status() != psutil.STATUS_ZOMBIE, self.log()
            return self.service.is_healthy()

        wait_for(serving, "Superset", ON_A_BUSY_MACHINE)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        return self.layout.log(BI).read_text()

    def digest(self) -> str:
        return hashlib.sha256((self.layout.data(BI) / "metadata.db").read_bytes()).hexdigest()

    def left_over(self) -> list[psutil.Process]:
        return [one for one in sandbox_processes(self.layout.root) if one.pid != os.getpid()]

    def end(self) -> None:
        os.close(self.write)
        wait_for(lambda: not self.left_over(), "the end of all processes", 20)


@dataclass(frozen=True)
class FirstStart:
    """What a Superset that was started for the first time, and stopped, left.

    Attributes:
        data: Its folder.
        log: All that it wrote.
    """

    data: Path
    log: str

    def copy_to(self, layout: SandboxLayout) -> None:
        """Let the Superset of another sandbox go on from there."""
        own_folder(layout.root)
        shutil.copytree(self.data, layout.data(BI))


def start_for_the_first_time(folder: Path) -> FirstStart:
    """Start and stop it; where another worker has done so, tell what that left."""
    alone, finished = Alone(folder), folder / "finished"
    if not finished.exists():
        process = alone.start()
        alone.wait()
        process.terminate()
        process.wait(15)
        finished.touch()
    alone.end()
    return FirstStart(alone.layout.data(BI), alone.log())
