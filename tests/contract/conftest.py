"""The code location, loaded once per worker."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph


@pytest.fixture(scope="session")
def definitions(builds: Path) -> dg.Definitions:
    """Every definition, as Dagster loads it."""
    assert builds.exists()
    from polygon_assets.definitions import defs

    return defs


@pytest.fixture(scope="session")
def graph(definitions: dg.Definitions) -> AssetGraph:
    """Every asset and check, as Dagster relates them."""
    return definitions.resolve_asset_graph()
