"""What every test needs: dbt's manifest, made once for all workers."""

import fcntl
import subprocess
from pathlib import Path

import pytest

from polygon_assets.cli.prepare import missing_builds
from polygon_assets.env import PROJECT_ROOT


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build what a fresh checkout lacks; the first worker builds, the others wait."""
    logs = tmp_path_factory.mktemp("builds")
    lock_file = PROJECT_ROOT / ".pytest_cache" / "builds.lock"
    lock_file.parent.mkdir(exist_ok=True)
    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for build in missing_builds(logs):
            process: subprocess.Popen[bytes] = build.start()
            process.wait()
            build.require(process)
    return logs


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that tests hand over, whichever worker they ran on."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            terminalreporter.section(name)
            terminalreporter.write_line(str(text))
