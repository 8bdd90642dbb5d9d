"""Each permission of each role has a call that takes it, and each call has its permission."""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import Any

import pytest
from aws_calls import PLATFORM, PROGRAMS, needed, recorded, services, sources, written
from moto import mock_aws
from polygon_stream.settings import StreamSettings
from polygon_stream.subscriptions import load_subscriptions
from stack import Role, Stack, listed
from stack_types import client as moto_client
from support.program import wait_for
from support.servers import server

from polygon_assets.defs.platform import inventory
from polygon_assets.defs.platform.drop import drop_clone
from polygon_assets.defs.platform.inventory import Clone
from polygon_assets.doctor import ecs as doctor
from polygon_assets.env import PROJECT_ROOT, branch_names, deployment_names
from polygon_assets.resources.ecs import SERVICES, SINK, TASK_DEFINITIONS, StreamServices
from polygon_assets.resources.platform import platform
from polygon_assets.stream_tasks import task_variables

pytestmark = pytest.mark.xdist_group("stack")

PROD, BRANCH = deployment_names({"POLYGON_DEPLOYMENT": "prod"}), branch_names(12)

PUSH = {
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
    "ecr:BatchGetImage",
}
"""What a push takes, by ECR's documentation: login, layers that are missing, the manifest."""

PULL = {
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
}
"""What ECS needs for a container's image of ECR."""


@dataclass(frozen=True)
class Calls:
    """Operations of ECS, by who makes them."""

    dagster: set[str]
    deploy: set[str]
    rolled: dict[str, Any]
    before: dict[str, Any]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    """Run everything that controls ECS against the sandbox's, and write down what it asks."""
    with pytest.MonkeyPatch.context() as patch:
        # The tasks end at once, so that some are stopping when they are looked for.
        patch.setenv("SINK_FLUSH_ROWS", "0")
        with server("ecs", tmp_path_factory.mktemp("ecs")) as port:
            patch.setenv("ECS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
            patch.setenv("AWS_ACCESS_KEY_ID", "sandbox")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
            production = platform(PROD).stream_services.process_config_and_initialize()
            client: Any = production.client()
            client.create_cluster(clusterName=production.cluster)
            with pytest.raises(ValueError, match="run polygon bootstrap"):
                production.roll("polygon-stream@sha256:newer")
            with recorded(client) as dagster:
                _work_as_dagster(production)
            before = _definition(production)
            with recorded(client) as deploy:
                production.roll("polygon-stream@sha256:newer")
                production.stopping(SINK)
            yield Calls(dagster, deploy, _definition(production), before)


def _work_as_dagster(production: StreamServices) -> None:
    """Bootstrap, twice; the sensors' control; the doctor; a branch that comes and goes."""
    for _ in range(2):
        production.deploy(task_variables(PROD))
    production.set_desired_count(SINK, 1)
    client: Any = production.client()
    looked = {"cluster": production.cluster, "serviceName": SINK, "desiredStatus": "STOPPED"}
    wait_for(lambda: client.list_tasks(**looked)["taskArns"], "a task that has ended")
    production.restart(SINK)
    production.set_desired_count(SINK, 0)
    assert production.stopping(SINK) == 0
    assert all(one.result == "ok" for one in doctor.examine(PROD, probe=True))
    branch = platform(BRANCH)
    branch.stream_services.process_config_and_initialize().deploy(task_variables(BRANCH))
    cluster = BRANCH.ecs_cluster
    assert cluster in inventory._clusters(production)
    assert drop_clone(platform(PROD), Clone(12, None, [("ecs cluster", cluster)])) == [cluster]


def _definition(production: StreamServices) -> dict[str, Any]:
    client: Any = production.client()
    named = client.describe_services(cluster=production.cluster, services=["producer"])
    arn = named["services"][0]["taskDefinition"]
    return client.describe_task_definition(taskDefinition=arn)["taskDefinition"]


def differences(role: Role, wanted: set[str]) -> dict[str, set[str]]:
    """What a role may and nobody does, and what somebody does and it may not."""
    allowed = role.actions()
    found = {"nobody does": allowed - wanted, "not allowed": wanted - allowed}
    return {name: actions for name, actions in found.items() if actions}


def test_dagster_may_what_it_does(stack: Stack, calls: Calls) -> None:
    assert differences(stack.roles["DagsterPolicy"], needed(calls.dagster)) == {}
    assert len(calls.dagster) == 15


def test_the_workflow_may_push_and_roll(stack: Stack, calls: Calls) -> None:
    assert differences(stack.roles["DeployRole"], needed(calls.deploy) | PUSH) == {}


def test_nothing_in_the_code_was_left_out(calls: Calls) -> None:
    files = sources(PLATFORM)
    assert written("ecs", files) == calls.dagster | calls.deploy
    # The bucket of the flat files is the vendor's, with keys of the vendor's.
    assert services(files) == {"ecs", "s3"}
    assert services(sources(PROGRAMS)) == {"s3"}
    assert written("ecs", sources(PROGRAMS)) == set()


def test_the_programs_read_one_object(stack: Stack) -> None:
    assert written("s3", sources(PROGRAMS)) == {"GetObject"}
    assert differences(stack.roles["TaskRole"], {"s3:GetObject"}) == {}
    (statement,) = stack.roles["TaskRole"].statements
    assert listed(statement["Resource"]) == ["arn:aws:s3:::a-bucket/channels.txt"]


def test_the_object_of_the_role_is_what_the_producer_reads(monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        moto_client("s3").create_bucket(Bucket="a-bucket")
        moto_client("s3").put_object(Bucket="a-bucket", Key="channels.txt", Body=b"A.IBM\n")
        settings = StreamSettings(channels_file="s3://a-bucket/channels.txt")
        assert load_subscriptions(settings) == ["A.IBM"]


def test_only_the_producer_has_a_role_of_its_own(stack: Stack) -> None:
    """The sink reads no channels, and makes no other call of AWS."""
    roles = {name: "taskRoleArn" in definition(name) for name in SERVICES}
    assert roles == {"producer": True, "sink": False}


def definition(service: str) -> dict[str, Any]:
    """A task definition as bootstrap registers it."""
    text = (TASK_DEFINITIONS / f"{service}.json").read_text()
    return json.loads(Template(text).substitute(task_variables(PROD)[service]))


def test_ecs_may_what_the_task_definitions_ask_for(stack: Stack) -> None:
    wanted: set[str] = set()
    for service in SERVICES:
        (container,) = definition(service)["containerDefinitions"]
        wanted |= PULL if container["image"] else set()
        if container["logConfiguration"]["logDriver"] == "awslogs":
            wanted |= {"logs:CreateLogStream", "logs:PutLogEvents"}
        if all(":secretsmanager:" in one["valueFrom"] for one in container["secrets"]):
            wanted.add("secretsmanager:GetSecretValue")
    assert differences(stack.roles["ExecutionRole"], wanted) == {}


@pytest.mark.parametrize("name", ["DagsterPolicy", "DeployRole", "ExecutionRole", "TaskRole"])
def test_a_permission_too_many_or_too_few_is_found(stack: Stack, name: str) -> None:
    """The negative control."""
    role = stack.roles[name]
    wanted = role.actions()
    more = copy.deepcopy(role.statements)
    more.append({"Action": "ecs:RunTask", "Resource": "*"})
    assert differences(replace(role, statements=more), wanted) == {"nobody does": {"ecs:RunTask"}}
    gone = listed(role.statements[-1]["Action"])[0]
    less = differences(replace(role, statements=role.statements[:-1]), wanted)
    assert gone in less["not allowed"]


def test_nothing_is_allowed_on_everything_that_knows_resources(stack: Stack) -> None:
    """These know none; ListServices and ListTasks are bound to clusters by a condition."""
    without = {
        "ecr:GetAuthorizationToken",
        "ecs:DescribeTaskDefinition",
        "ecs:DeregisterTaskDefinition",
        "ecs:ListClusters",
        "ecs:ListTaskDefinitions",
    }
    for role in stack.roles.values():
        for one in role.statements:
            assert one["Effect"] == "Allow"
            assert not [action for action in listed(one["Action"]) if "*" in action]
            if one["Resource"] == "*" and "Condition" not in one:
                assert set(listed(one["Action"])) <= without
    bound = [one for one in stack.roles["DagsterPolicy"].statements if one["Sid"] == "Tasks"]
    assert set(bound[0]["Action"]) == {"ecs:ListServices", "ecs:ListTasks"}


def test_a_branch_is_all_that_may_be_dropped(stack: Stack) -> None:
    for one in stack.roles["DagsterPolicy"].statements:
        if {"ecs:DeleteCluster", "ecs:DeleteService"} & set(listed(one["Action"])):
            assert all(re.search(r"/polygon-pr-\*", arn) for arn in one["Resource"])


def test_a_roll_changes_the_image_and_nothing_else(calls: Calls) -> None:
    ours = {"taskDefinitionArn", "revision", "registeredAt"}
    before, after = (
        {name: value for name, value in one.items() if name not in ours}
        for one in (calls.before, calls.rolled)
    )
    assert calls.rolled["revision"] == calls.before["revision"] + 1
    assert after["containerDefinitions"][0].pop("image") == "polygon-stream@sha256:newer"
    assert before["containerDefinitions"][0].pop("image") == "polygon-stream"
    assert after == before


def test_the_document_points_to_the_policy() -> None:
    text = Path(PROJECT_ROOT / ".github" / "PRODUCTION.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| AWS |")]
    assert "`DagsterPolicy`" in row
    assert "streaming/ecs/stack.yaml" in row
