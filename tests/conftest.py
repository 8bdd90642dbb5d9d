"""What every test needs: dbt's manifest, made once for all workers; one Superset for all tests."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from support.builds import build_missing
from support.superset import first_start, superset, superset_environment

from polygon_assets.cli.prepare import missing_builds
from polygon_assets.garbage import look_rarely_for_garbage

__all__ = ["first_start", "superset", "superset_environment"]

# Workers and the programs that tests start import the same thousands of modules: some machines
# forbid to keep the compiled ones, and the suite then takes nearly twice as long.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

look_rarely_for_garbage()

# Nobody reads dbt's log of all that it does: its progress comes through its output.
os.environ["DBT_LOG_LEVEL_FILE"] = "none"

STARTUP = str(Path(__file__).parent / "support" / "startup")
if STARTUP not in (before := os.environ.get("PYTHONPATH", "")):
    os.environ["PYTHONPATH"] = f"{STARTUP}{os.pathsep}{before}".rstrip(os.pathsep)


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build what a fresh checkout lacks."""
    logs = tmp_path_factory.mktemp("builds")
    build_missing(lambda: missing_builds(logs))
    return logs


@pytest.fixture(scope="session", autouse=True)
def _path_of_the_application() -> None:  # pyright: ignore[reportUnusedFunction]
    """Let logins to the warehouse call the program pytest.

    The connector reads the source of every frame of the stack to find its name: below pytest's
    some hundred frames that is most of a login.
    """
    from snowflake.connector.auth import _auth

    _auth.get_application_path = lambda: "pytest"  # pyright: ignore[reportPrivateImportUsage]


PLATFORM = (
    *("POLYGON_", "FLAT_FILES_", "KAFKA_", "STREAM_", "SINK_", "CLICKHOUSE_", "SNOWFLAKE_"),
    *("AIRBYTE_", "CONNECTOR_", "AWS_", "ECS_", "DASHBOARDS_", "ALERT", "DAGSTER_", "DBT_"),
)


def platform_variables() -> dict[str, str]:
    """Those that say where the platform's systems are."""
    return {name: value for name, value in os.environ.items() if name.startswith(PLATFORM)}


SET_AT_START = platform_variables()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """Refuse variables that would reach the tests of another folder on the same worker."""
    yield
    if nextitem is None or nextitem.path.parent != item.path.parent:
        left = dict(SET_AT_START.items() ^ platform_variables().items())
        assert not left, f"a fixture of {item.path.parent.name} leaves {sorted(left)} changed"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that tests hand over, whichever worker they ran on."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            terminalreporter.section(name)
            terminalreporter.write_line(str(text))
