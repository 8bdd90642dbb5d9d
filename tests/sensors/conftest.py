"""The sandbox's vendor, Kafka, ECS and ClickHouse as processes, and what a test asks of them."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sensors_support import Outside, serve_all
from sensors_support import Servers as RunningServers

from polygon_assets.env import Deployment, Names


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServers]:
    """One of each, for every test of this folder."""
    with serve_all(tmp_path_factory.mktemp("outside")) as running:
        yield running


@pytest.fixture
def outside(servers: RunningServers) -> Iterator[Outside]:
    """A deployment of the test's own: topics, services that are stopped, empty tables."""
    with Outside.deploy(servers, Names(Deployment.LOCAL, f"_t{uuid.uuid4().hex[:8]}")) as deployed:
        yield deployed


@pytest.fixture(scope="session")
def one_instance() -> dg.DagsterInstance:
    """A Dagster in memory."""
    return dg.DagsterInstance.ephemeral()


@pytest.fixture
def instance(one_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """The same Dagster with no runs and no events."""
    one_instance.wipe()
    return one_instance


@pytest.fixture(scope="session")
def repository(builds: Path) -> Any:
    """The code location, as the daemon has it."""
    assert builds.exists()
    from polygon_assets.definitions import defs

    return defs.get_repository_def()
