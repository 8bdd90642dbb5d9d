"""No two deployments write to the same place."""

import itertools
import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygon_assets.env import (
    PROD,
    Deployment,
    DeploymentError,
    Kind,
    Names,
    branch_names,
    deployment_names,
    pull_request_of,
)

BRANCH = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "DAGSTER_CLOUD_DEPLOYMENT_NAME": "abc"}
LOCAL = deployment_names({})
PR_12 = deployment_names(BRANCH | {"DAGSTER_CLOUD_PULL_REQUEST_ID": "12"})
NUMBERS = st.integers(1, 999_999_999)


def write_targets(names: Names) -> set[tuple[Kind, str]]:
    return {
        ("snowflake database", names.snowflake_database),
        ("clickhouse database", names.clickhouse_ticks),
        ("clickhouse database", names.clickhouse_rollups),
        ("kafka topic", names.bars_topic),
        ("kafka topic", names.gaps_topic),
        ("kafka topic", names.dead_letter_topic),
        ("kafka group", names.consumer_group),
        ("ecs cluster", names.ecs_cluster),
        ("ecs family", f"{names.ecs_cluster}-sink"),
        ("dashboard", f"live-market{names.slug_suffix}"),
        ("dashboard connection", f"Snowflake{names.title_suffix}"),
    }


def test_names_of_production() -> None:
    assert deployment_names({"DAGSTER_CLOUD_DEPLOYMENT_NAME": "prod"}) == PROD
    assert PROD.snowflake_database == PROD.airbyte_database == "POLYGON"
    assert PROD.bars_topic == "stocks.agg.1s"
    assert PROD.clickhouse_ticks == "ticks"
    assert PROD.ecs_cluster == "polygon"
    assert (PROD.label, PROD.most_producers) == ("prod", 1)


def test_names_of_a_branch() -> None:
    assert branch_names(12) == PR_12
    assert PR_12.pull_request == 12
    assert PR_12.snowflake_database == "POLYGON_PR_12"
    assert PR_12.bars_topic == "pr_12.stocks.agg.1s"
    assert PR_12.consumer_group == "pr_12.sink"
    assert PR_12.ecs_cluster == "polygon-pr-12"
    assert (PR_12.title_suffix, PR_12.slug_suffix) == (" (pr_12)", "-pr-12")
    assert (PR_12.label, PR_12.airbyte_database, PR_12.most_producers) == ("pr_12", "", 0)
    assert (LOCAL.label, LOCAL.airbyte_database, LOCAL.most_producers) == (
        "local",
        "POLYGON_LOCAL",
        1,
    )


@given(st.lists(NUMBERS, min_size=2, max_size=5, unique=True))
def test_no_shared_write_target(numbers: list[int]) -> None:
    deployments = [LOCAL, PROD, *map(branch_names, numbers)]
    for one, other in itertools.combinations(deployments, 2):
        assert not write_targets(one) & write_targets(other)
        # ACLs, the janitor and people work with prefixes.
        prefixes = [name.topic_prefix for name in (one, other) if name is not PROD]
        assert len(prefixes) < 2 or not prefixes[0].startswith(prefixes[1])


@given(NUMBERS)
def test_a_name_of_a_branch_tells_its_own_number_and_no_other(number: int) -> None:
    names = branch_names(number)
    for kind, name in write_targets(names):
        assert pull_request_of(kind, name) == number
        assert re.findall(r"[0-9]{2,}|(?<=[_-])[0-9]+", re.sub(r"agg\.1s", "", name)) == [
            str(number)
        ]
        names.require_own(kind, name)


@given(st.sampled_from(get_args(Kind)), st.text(max_size=30))
def test_any_other_name_is_no_branch_s(kind: Kind, text: str) -> None:
    number = pull_request_of(kind, text)
    assert number is None or str(number) in text


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *sorted(write_targets(PROD) | write_targets(LOCAL)),
        ("snowflake database", "POLYGON_PR_7_OLD"),
        ("snowflake database", "POLYGON_PR_07"),
        ("snowflake database", "POLYGON_PR_"),
        ("snowflake database", "polygon_pr_7"),
        ("snowflake database", "OTHER_POLYGON_PR_7"),
        ("snowflake database", "POLYGON_PR_7\n"),
        ("snowflake database", "POLYGON_PR_٧"),
        ("snowflake database", "ticks_pr_7"),
        ("clickhouse database", "ticks_pr_7; DROP DATABASE ticks"),
        ("clickhouse database", "gaps_pr_7"),
        ("kafka topic", "pr_7.stocks."),
        ("kafka topic", "pr_7.orders"),
        ("kafka topic", "xpr_7.stocks.agg.1s"),
        ("kafka group", "pr_7.sink2"),
        ("ecs cluster", "polygon-pr-7-producer"),
        ("ecs family", "polygon-pr-7-web"),
        ("dashboard", "live-market-pr-7-old"),
        ("dashboard connection", "ClickHouse pr_7"),
        ("dashboard connection", "Postgres (pr_7)"),
    ],
)
def test_what_is_not_exactly_a_branch_s_is_never_one(kind: Kind, name: str) -> None:
    assert pull_request_of(kind, name) is None
    with pytest.raises(DeploymentError, match="it stays as it is"):
        branch_names(7).require_own(kind, name)


def test_a_branch_owns_nothing_of_another() -> None:
    for kind, name in write_targets(branch_names(70)):
        with pytest.raises(DeploymentError, match="of pull request 7:"):
            branch_names(7).require_own(kind, name)
    for names in (LOCAL, PROD):
        with pytest.raises(DeploymentError, match=f"{names.label} is not that of a pull request"):
            names.require_own("snowflake database", names.snowflake_database)


@pytest.mark.parametrize("number", ["", "0", "007", "12; drop database polygon", "-1", "12a", "１"])
def test_branch_needs_the_number_of_its_pull_request(number: str) -> None:
    with pytest.raises(DeploymentError, match="DAGSTER_CLOUD_PULL_REQUEST_ID"):
        deployment_names(BRANCH | {"DAGSTER_CLOUD_PULL_REQUEST_ID": number})


@pytest.mark.parametrize("number", [0, -7, 10**9])
def test_no_number_of_a_pull_request(number: int) -> None:
    with pytest.raises(DeploymentError, match="no number of a pull request"):
        branch_names(number)


def test_unknown_deployment_names_the_choices() -> None:
    with pytest.raises(DeploymentError, match="local, branch, prod"):
        deployment_names({"POLYGON_DEPLOYMENT": "staging"})


@pytest.mark.parametrize("asked", ["prod", "local"])
def test_a_branch_of_dagster_plus_cannot_be_told_to_be_another(asked: str) -> None:
    variables = BRANCH | {"DAGSTER_CLOUD_PULL_REQUEST_ID": "12", "POLYGON_DEPLOYMENT": asked}
    with pytest.raises(DeploymentError, match="unset it for branch deployments"):
        deployment_names(variables)


def test_a_second_full_deployment_does_not_take_production_s_names() -> None:
    staging = {"DAGSTER_CLOUD_DEPLOYMENT_NAME": "staging"}
    with pytest.raises(DeploymentError, match="'staging'"):
        deployment_names(staging)
    assert deployment_names(staging | {"POLYGON_DEPLOYMENT": "prod"}) == PROD
    assert deployment_names(staging | {"POLYGON_DEPLOYMENT": "local"}) == LOCAL


@pytest.mark.parametrize("value", ["true", "yes", " 1", "2"])
def test_an_unknown_value_of_the_branch_variable_is_not_taken_for_no(value: str) -> None:
    given_ = BRANCH | {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": value}
    with pytest.raises(DeploymentError, match="DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT"):
        deployment_names(given_)
    assert deployment_names({"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "0"}) == LOCAL


@pytest.mark.parametrize(
    ("deployment", "suffix"),
    [
        (Deployment.PROD, "_pr_7"),
        (Deployment.PROD, "_local"),
        (Deployment.BRANCH, ""),
        (Deployment.BRANCH, "_local"),
        (Deployment.BRANCH, "_pr_7x"),
        (Deployment.LOCAL, ""),
        (Deployment.LOCAL, "_pr_7"),
    ],
)
def test_names_of_another_deployment_cannot_be_made(deployment: Deployment, suffix: str) -> None:
    with pytest.raises(DeploymentError, match="no suffix for names of the deployment"):
        Names(deployment, suffix)
