"""``polygon site``: documents, asset catalogue, dbt docs and API reference as one static site."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from polygon_assets.cli.board import console, short_path
from polygon_assets.env import PROJECT_ROOT
from polygon_assets.site.api import require_pdoc
from polygon_assets.site.folder import files, replaced

KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TERM", "COLUMNS", "NO_COLOR")
"""Of the environment: what programs and terminals need, and nothing that a page could tell."""


def run_site(output: Path) -> int:
    """Build the site, in a process that knows none of this machine's settings and secrets.

    Args:
        output: The folder, which an earlier build may have made.

    Returns:
        0.

    Raises:
        FolderError: It holds what no earlier build has written.
        MissingError: pdoc is not installed.
        SystemExit: A part cannot be built, which the builder has said; the folder is as it was.
    """
    require_pdoc()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as target, replaced(output.resolve()) as folder:
        command = [sys.executable, "-W", "ignore", "-m", "polygon_assets.site", str(folder)]
        done = subprocess.run(command, env=environment(target), cwd=PROJECT_ROOT)
        if done.returncode:
            sys.exit(1)
        count = len(files(folder))
    console.print(
        f"✓ {count} files in {time.monotonic() - started:.0f} s: "
        f"{short_path(output.resolve() / 'index.html')}",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def environment(target: str, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The builder's variables.

    Args:
        target: The folder that dbt may write to.
        variables: Those of this process.
    """
    return {name: variables[name] for name in KEPT if name in variables} | {
        "POLYGON_DEPLOYMENT": "prod",
        "DBT_TARGET_PATH": target,
        # The order of a set in a default value is then the same every time.
        "PYTHONHASHSEED": "0",
    }
