"""Build what a fresh checkout lacks, once for all workers of a parallel run."""

import fcntl
from collections.abc import Callable

from polygon_assets.cli.prepare import Build
from polygon_assets.env import PROJECT_ROOT


def build_missing(missing: Callable[[], list[Build]]) -> None:
    """Build what is missing; the first worker builds, the others wait."""
    lock_file = PROJECT_ROOT / ".pytest_cache" / "builds.lock"
    lock_file.parent.mkdir(exist_ok=True)
    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for build in missing():
            process = build.start()
            process.wait()
            build.require(process)
