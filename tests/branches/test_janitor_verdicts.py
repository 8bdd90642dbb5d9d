"""Which clones the janitor drops, and where the jobs of branch deployments refuse to run."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from branches_support import QUIET, deployed_as

from polygon_assets.bootstrap import bootstrap
from polygon_assets.defs.platform.branch_jobs import (
    BranchToDrop,
    clone_deployment,
    drop_deployment,
)
from polygon_assets.defs.platform.drop import require_may_drop
from polygon_assets.defs.platform.inventory import Clone
from polygon_assets.defs.platform.janitor import janitor, judge
from polygon_assets.env import PROD, DeploymentError, branch_names, deployment_names
from polygon_assets.resources.airbyte import airbyte
from polygon_assets.resources.ecs import PRODUCER, stream_services

NOW = datetime(2026, 11, 26, 3, 15, tzinfo=UTC)
LOCAL, BRANCH = deployment_names({}), branch_names(7)


def clone(hours: float | None) -> Clone:
    made = None if hours is None else NOW - timedelta(hours=hours)
    return Clone(7, made, [("snowflake database", "POLYGON_PR_7")])


@pytest.mark.parametrize(
    ("hours", "open_", "reason"),
    [
        (24 * 14 - 1, None, ""),
        (24 * 14 + 1, None, "older than 14 days"),
        (24 * 14 + 1, [7], "older than 14 days"),
        (7, [7, 8], ""),
        (7, [8], "7 is not open"),
        (7, [], "7 is not open"),
        (5, [8], ""),
        (-1, [8], ""),
        (None, None, "no Snowflake database"),
        (None, [7], "no Snowflake database"),
    ],
)
def test_age_and_open_pull_requests_decide(
    hours: float | None, open_: list[int] | None, reason: str
) -> None:
    found = judge(clone(hours), NOW, 14, open_).reason
    assert reason in found
    assert bool(found) == bool(reason)


def run(job: dg.JobDefinition, **ops: dg.Config) -> None:
    config = dg.RunConfig(ops=dict(ops), loggers=QUIET["loggers"])
    resources = {"dbt": dg.ResourceDefinition.none_resource()}
    used = {name: resources[name] for name in resources if job is clone_deployment}
    job.execute_in_process(run_config=config, resources=used)


@pytest.mark.parametrize("names", [LOCAL, PROD], ids=lambda names: names.label)
def test_only_a_branch_is_cloned(names: object) -> None:
    with deployed_as(names, {}), pytest.raises(DeploymentError, match="not that of a pull request"):
        run(clone_deployment)


@pytest.mark.parametrize("names", [LOCAL, BRANCH], ids=lambda names: names.label)
def test_the_janitor_works_in_production_only(names: object) -> None:
    with (
        deployed_as(names, {}),
        pytest.raises(DeploymentError, match="runs in the deployment prod"),
    ):
        run(janitor)


@pytest.mark.parametrize("number", [8, 70, 0, -1])
@pytest.mark.parametrize("names", [LOCAL, BRANCH], ids=lambda names: names.label)
def test_other_branches_are_dropped_in_production_only(names: object, number: int) -> None:
    with deployed_as(names, {}), pytest.raises(DeploymentError, match="pull request"):
        run(drop_deployment, drop_everything=BranchToDrop(pull_request=number))


def test_production_and_the_branch_itself_may_drop() -> None:
    require_may_drop(PROD, 7)
    require_may_drop(BRANCH, 7)
    with pytest.raises(DeploymentError, match="no number"):
        require_may_drop(BRANCH, 0)
    with pytest.raises(DeploymentError, match="run drop_deployment in the deployment prod"):
        require_may_drop(LOCAL, 7)


def test_a_branch_syncs_nothing_and_runs_no_producer() -> None:
    workspace = airbyte(BRANCH).process_config_and_initialize()
    with pytest.raises(dg.Failure, match="Airbyte is off in branch deployments"):
        workspace.sync_window("polygon_bars", "2005-02-28", "2005-02-28")
    services = stream_services(BRANCH).process_config_and_initialize()
    with pytest.raises(ValueError, match=r"polygon-pr-7, which may run 0"):
        services.set_desired_count(PRODUCER, 1)


def test_bootstrap_leaves_a_branch_to_its_clone_job() -> None:
    with pytest.raises(DeploymentError, match="pr_7 is a clone of production: run its job"):
        bootstrap(BRANCH)
