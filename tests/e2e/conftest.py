"""A finished demo with Superset, for the tests of the demo and of the dashboards."""

from collections.abc import Iterator

import pytest
from checks.checks_support import variables
from support.demo import SMALL, DemoFolder
from support.served import Served

from polygon_assets.defs.dashboards.push import Chosen, deployment_bundle, opening_filters
from polygon_assets.env import deployment_names
from polygon_assets.resources.platform import platform
from polygon_assets.resources.superset import SupersetClient, superset


@pytest.fixture(scope="session")
def bi_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoFolder]:
    found = DemoFolder(tmp_path_factory.mktemp("dashboards") / "sandbox")
    yield found
    found.run("down")
    assert found.wait_until_clean() == []


@pytest.fixture(scope="session")
def served(bi_folder: DemoFolder, builds: object, superset_environment: None) -> Served:
    """A demo with Superset, which goes on running."""
    done = bi_folder.run("demo", *SMALL, "--bi", "--keep")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    # The variables are those of other tests again before the first of these.
    with variables(**bi_folder.layout.environment()):
        names = deployment_names()
        server, systems = superset().process_config_and_initialize(), platform(names)
        bundle = deployment_bundle(names, server)
    return Served(done.stdout, names, server, systems, bundle)


@pytest.fixture(scope="session")
def client(served: Served) -> Iterator[SupersetClient]:
    with served.server.client() as found:
        yield found


@pytest.fixture(scope="session")
def chosen(served: Served, client: SupersetClient) -> dict[str, Chosen]:
    """What the filters of each dashboard open with."""
    ids = client.dataset_ids()
    return {
        name: opening_filters(client, served.bundle, name, ids) for name in served.bundle.dashboards
    }
