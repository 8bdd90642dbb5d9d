"""Builds of the site."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

SECRETS = {
    "SNOWFLAKE_PASSWORD": "hunter2-snowflake",
    "POLYGON_API_KEY": "hunter2-vendor",
    "SNOWFLAKE_WAREHOUSE": "HUNTER2_WAREHOUSE",
    "DBT_ENV_CUSTOM_ENV_NOTE": "hunter2-dbt",
    "ALERT_UI_URL": "https://hunter2.example.com",
}
OTHER_MACHINE = {
    **SECRETS,
    "POLYGON_DEPLOYMENT": "branch",
    "DAGSTER_CLOUD_PULL_REQUEST_ID": "4711",
    "DAGSTER_CLOUD_GIT_URL": "https://hunter2.example.com/acme/tree/0a1b2c3",
    "PYTHONHASHSEED": "7",
    "TZ": "Asia/Tokyo",
}

SECONDS = 250
"""On a machine with much else to do."""


@dataclass(frozen=True)
class Built:
    """Two builds of the same checkout, and what the first one printed."""

    site: Path
    again: Path
    output: str
    temporary: Path


class Build:
    """A build that runs.

    Args:
        command: Builds a site.
        variables: Of its environment, beside those of this process.
    """

    def __init__(self, command: list[str], variables: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def finish(self) -> str:
        """Wait until it is done; returns what it printed."""
        try:
            output, _ = self._process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise
        assert self._process.returncode == 0, output
        return output
