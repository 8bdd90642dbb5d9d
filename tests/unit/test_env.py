"""No two deployments write to the same place."""

import itertools

import pytest

from polygon_assets.env import DeploymentError, Names, deployment_names

BRANCH = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "DAGSTER_CLOUD_DEPLOYMENT_NAME": "abc"}
LOCAL = deployment_names({})
PROD = deployment_names({"DAGSTER_CLOUD_DEPLOYMENT_NAME": "prod"})
PR_12 = deployment_names(BRANCH | {"DAGSTER_CLOUD_PULL_REQUEST_ID": "12"})
PR_3 = deployment_names(BRANCH | {"DAGSTER_CLOUD_PULL_REQUEST_ID": "3"})


def write_targets(names: Names) -> set[str]:
    return {
        names.snowflake_database,
        names.clickhouse_ticks,
        names.clickhouse_rollups,
        names.bars_topic,
        names.gaps_topic,
        names.dead_letter_topic,
        names.consumer_group,
        names.ecs_cluster,
    }


def test_names_of_production() -> None:
    assert PROD.snowflake_database == "POLYGON"
    assert PROD.bars_topic == "stocks.agg.1s"
    assert PROD.clickhouse_ticks == "ticks"
    assert PROD.ecs_cluster == "polygon"


def test_names_of_a_branch() -> None:
    assert PR_12.snowflake_database == "POLYGON_PR_12"
    assert PR_12.bars_topic == "pr_12.stocks.agg.1s"
    assert PR_12.ecs_cluster == "polygon-pr-12"


@pytest.mark.parametrize(
    ("one", "other"), itertools.combinations([LOCAL, PROD, PR_12, PR_3], 2), ids=str
)
def test_no_shared_write_target(one: Names, other: Names) -> None:
    assert not write_targets(one) & write_targets(other)


@pytest.mark.parametrize("number", ["", "12; drop database polygon", "-1", "12a"])
def test_branch_needs_the_number_of_its_pull_request(number: str) -> None:
    with pytest.raises(DeploymentError, match="DAGSTER_CLOUD_PULL_REQUEST_ID"):
        deployment_names(BRANCH | {"DAGSTER_CLOUD_PULL_REQUEST_ID": number})


def test_unknown_deployment_names_the_choices() -> None:
    with pytest.raises(DeploymentError, match="local, branch, prod"):
        deployment_names({"POLYGON_DEPLOYMENT": "staging"})
