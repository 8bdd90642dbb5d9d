"""Superset's own environment: where it is, whether it is whole, and how it is installed.

``python -m polygon_assets.sandbox.superset.environment`` installs it, or brings it up to the lock.
All sandboxes of a checkout use the same one.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from polygon_assets.env import PROJECT_ROOT

PROJECT = Path(__file__).parent
"""The folder of ``pyproject.toml`` and ``uv.lock``."""

# Not within the package: whoever reads the project's sources would read Superset's, too.
ENVIRONMENT = PROJECT_ROOT / ".venv-superset"

PYTHON = ENVIRONMENT / "bin" / "python"

_STAMP = ENVIRONMENT / "installed"


def is_installed() -> bool:
    """Whether all of what the lock names is there; False after an installation was killed."""
    try:
        return _STAMP.read_text() == _lock_digest()
    except FileNotFoundError:
        return False


def packages_installed() -> int:
    """How many packages are there so far."""
    return sum(1 for _ in ENVIRONMENT.glob("lib/python3*/site-packages/*.dist-info"))


def packages_locked() -> int:
    """How many packages the lock names, apart from the project itself."""
    locked = tomllib.loads((PROJECT / "uv.lock").read_text())["package"]
    return sum(1 for package in locked if "registry" in package["source"])


def install() -> int:
    """Install what is missing; one process at a time, the others wait.

    Returns:
        uv's exit code.
    """
    with ENVIRONMENT.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_installed():
            return 0
        if ENVIRONMENT.exists() and not _STAMP.exists():
            # Of an installation that was killed: a package in it may be half there.
            shutil.rmtree(ENVIRONMENT)
        _STAMP.unlink(missing_ok=True)
        command = [os.environ.get("UV", "uv"), "sync", "--frozen", "--project", str(PROJECT)]
        variables = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
        variables["UV_PROJECT_ENVIRONMENT"] = str(ENVIRONMENT)
        code = subprocess.run(command, env=variables, check=False).returncode
        if code == 0:
            _STAMP.write_text(_lock_digest())
        return code


def _lock_digest() -> str:
    return hashlib.sha256((PROJECT / "uv.lock").read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(install())
