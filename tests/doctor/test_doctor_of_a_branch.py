"""In a branch deployment the doctor advises what works there: it is cloned, not bootstrapped."""

import uuid

import pytest
from doctor_support import ask, results

from polygon_assets.bootstrap import bootstrap
from polygon_assets.doctor.examination import SYSTEMS
from polygon_assets.doctor.findings import Finding
from polygon_assets.env import DeploymentError, Names, branch_names
from polygon_assets.resources.platform import platform

pytestmark = [pytest.mark.xdist_group("doctor_branch"), pytest.mark.usefixtures("outside")]

SERVERS = ("snowflake", "clickhouse", "ecs")


@pytest.fixture
def branch() -> Names:
    """A branch deployment of which nothing exists."""
    return branch_names(uuid.uuid4().int % 10**9 or 1)


def advice(found: dict[str, Finding]) -> dict[str, str]:
    assert results(found)
    return {check: found[check].todo for check in results(found)}


@pytest.mark.parametrize("system", SERVERS)
def test_what_is_missing_is_cloned(branch: Names, system: str) -> None:
    for todo in advice(ask(SYSTEMS[system], branch)).values():
        assert todo.startswith("Run the job clone_deployment")


def test_a_clone_that_lacks_a_schema_is_made_anew(branch: Names) -> None:
    """Without refresh, the job leaves a database that exists as it is."""
    account = platform(branch).account
    account.query(f"CREATE DATABASE {branch.snowflake_database}")
    account.query(f"CREATE SCHEMA {branch.snowflake_database}.RAW")
    found = advice(ask(SYSTEMS["snowflake"], branch))
    schemas = found[f"schemas of {branch.snowflake_database}"]
    assert schemas == "Run the job clone_deployment with refresh, or check SNOWFLAKE_ROLE."


def test_that_is_what_bootstrap_says_there(branch: Names) -> None:
    with pytest.raises(DeploymentError, match="run its job clone_deployment"):
        bootstrap(branch)
