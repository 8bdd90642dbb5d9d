"""What a process that loads the code location has, in the deployment of a branch."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from polygon_assets.env import PROJECT_ROOT

CLIENTS = {
    "boto3",
    "clickhouse_connect",
    "dagster_aws",
    "dagster_snowflake",
    "duckdb",
    "pandas",
    "polygon",
    "pyarrow",
    "snowflake.connector",
}
"""They are imported by the first connection: together they take longer than Dagster itself."""

BRANCH = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "DAGSTER_CLOUD_PULL_REQUEST_ID": "12"}
REPOSITORY = "https://github.com/acme/polygon-assets"

TELL = """
import json, sys
from polygon_assets.definitions import defs
repository = defs.get_repository_def()
graph = defs.resolve_asset_graph()
key = sorted(graph.get_all_asset_keys())[0]
[reference] = graph.get(key).metadata["dagster/code_references"].code_references
print(json.dumps({
    "modules": sorted(sys.modules),
    "statuses": sorted({one.default_status.value
                        for one in [*repository.sensor_defs, *repository.schedule_defs]}),
    "code": getattr(reference, "url", None),
}))
"""


@pytest.fixture(scope="module")
def branch(builds: Any) -> dict[str, Any]:
    """What the process of a branch's code location tells of itself."""
    assert builds.exists()
    cloud = {"DAGSTER_CLOUD_GIT_URL": f"{REPOSITORY}/tree/0a1b2c3"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TELL],
        cwd=PROJECT_ROOT,
        env={**os.environ, **BRANCH, **cloud},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_loading_imports_no_client_of_an_outside_system(branch: dict[str, Any]) -> None:
    assert "dagster" in branch["modules"]
    assert CLIENTS & set(branch["modules"]) == set()


def test_a_branch_does_nothing_by_itself(branch: dict[str, Any]) -> None:
    """Production's do: ``test_schedules_and_sensors_run_by_default``."""
    assert branch["statuses"] == ["STOPPED"]


def test_the_link_to_the_code_is_the_same_in_every_commit(branch: dict[str, Any]) -> None:
    """Otherwise every asset of a branch would look changed."""
    assert branch["code"].startswith(f"{REPOSITORY}/blob/HEAD/polygon_assets/defs/")
    assert "0a1b2c3" not in branch["code"]
