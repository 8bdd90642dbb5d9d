"""The code location, loaded once per worker."""

from pathlib import Path

import dagster as dg
import pytest


@pytest.fixture(scope="session")
def definitions(builds: Path) -> dg.Definitions:
    """Every definition, as Dagster loads it."""
    assert builds.exists()
    from polygon_assets.definitions import defs

    return defs
