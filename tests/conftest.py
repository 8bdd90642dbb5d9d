"""What every test needs: dbt's manifest, made once for all workers; one Superset for all tests."""

from pathlib import Path

import pytest
from support.builds import build_missing
from support.superset import superset, superset_environment

from polygon_assets.cli.prepare import missing_builds

__all__ = ["superset", "superset_environment"]


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build what a fresh checkout lacks."""
    logs = tmp_path_factory.mktemp("builds")
    build_missing(lambda: missing_builds(logs))
    return logs


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that tests hand over, whichever worker they ran on."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            terminalreporter.section(name)
            terminalreporter.write_line(str(text))
