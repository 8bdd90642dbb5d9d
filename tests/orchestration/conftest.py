"""The code location, and a Dagster in memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest


@pytest.fixture(scope="session")
def definitions(builds: Path) -> dg.Definitions:
    """Every definition, as Dagster loads it."""
    assert builds.exists()
    from polygon_assets.definitions import defs

    return defs


@pytest.fixture(scope="session")
def repository(definitions: dg.Definitions) -> Any:
    """The code location, as the daemon has it."""
    return definitions.get_repository_def()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster in memory with no runs and no events."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made
