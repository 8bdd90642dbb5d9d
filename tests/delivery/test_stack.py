"""The stack of AWS: valid, really created (in moto), and as the settings and the code need it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml
from log_filters import matches
from moto.events.models import EventPattern
from stack import TEMPLATE, Stack, create

from polygon_assets.env import PROJECT_ROOT, branch_names, deployment_names
from polygon_assets.resources.ecs import SERVICES, TASK_DEFINITIONS
from polygon_assets.settings import StreamTaskSettings

pytestmark = pytest.mark.xdist_group("stack")

PROD = deployment_names({"POLYGON_DEPLOYMENT": "prod"})
MADE_BY_NOBODY = {"image", "task_cpu", "task_memory", "subnets"}
"""Settings that are chosen: the image is a push's, the subnets are the network's owner's."""


def test_the_linter_has_nothing_to_say(tmp_path: Path) -> None:
    """And would say something about a mistake."""
    (tmp_path / "wrong.yaml").write_text(TEMPLATE.read_text().replace("IMMUTABLE", "CARVED"))
    command = ["cfn-lint", TEMPLATE, tmp_path / "wrong.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "CARVED" in said
    assert TEMPLATE.name not in said


def test_everything_is_created(stack: Stack) -> None:
    assert stack.status == "CREATE_COMPLETE"
    declared = re.findall(r"^  (\w+):\n    Type: AWS::(?!EC2::VPC::Id)", TEMPLATE.read_text(), re.M)
    assert sorted(stack.resources) == sorted(declared)
    assert all(stack.resources.values())


def test_outputs_are_the_settings_that_the_stack_can_know(stack: Stack) -> None:
    outputs = {
        re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower().removeprefix("stream_")
        for name in stack.outputs
        if name.startswith("Stream")
    }
    health = {"producer_health_port", "sink_health_port"}
    assert outputs == set(StreamTaskSettings.model_fields) - MADE_BY_NOBODY - health


def test_secrets_hold_what_the_tasks_read_and_have_no_value_yet(stack: Stack) -> None:
    for service in SERVICES:
        (secret,) = [one for one in stack.facts["secrets"] if one["Name"] == f"polygon/{service}"]
        text = (TASK_DEFINITIONS / f"{service}.json").read_text()
        read = re.findall(r'"valueFrom": "\$\{secret_arn\}:(\w+)::"', text)
        assert read == re.findall(r"[A-Z_]{4,}\b", secret["Description"].removeprefix("JSON"))
        assert text.count("valueFrom") == len(read)
    assert stack.facts["versions"] == [[], []]


def properties(name: str) -> dict[str, Any]:
    """What moto does not keep, as it is written."""
    return cfn_yaml.load(TEMPLATE)["Resources"][name]["Properties"]


def test_images_are_immutable_and_scanned(stack: Stack) -> None:
    (repository,) = stack.facts["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert properties("Repository")["ImageScanningConfiguration"] == {"ScanOnPush": True}
    rules = json.loads(properties("Repository")["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert [one["action"] for one in rules] == [{"type": "expire"}]


def test_logs_do_not_stay_for_ever(stack: Stack) -> None:
    days = {one["logGroupName"]: one["retentionInDays"] for one in stack.facts["log groups"]}
    assert days == {"/polygon/stream": 30, "/polygon/stream-branch": 7}
    assert StreamTaskSettings().log_group == stack.outputs["StreamLogGroup"]


def test_nobody_connects_to_a_task(stack: Stack) -> None:
    assert stack.facts["group"]["IpPermissions"] == []
    ways = properties("SecurityGroup")["SecurityGroupEgress"]
    ports = [443, {"Ref": "KafkaPort"}, {"Ref": "ClickHousePort"}]
    assert [one["FromPort"] for one in ways] == [one["ToPort"] for one in ways] == ports
    assert {one["IpProtocol"] for one in ways} == {"tcp"}


# ---- Who may take a role


def test_tasks_take_the_roles_of_tasks(stack: Stack) -> None:
    for name in ("ExecutionRole", "TaskRole"):
        (trust,) = stack.roles[name].trust
        assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert trust["Action"] == "sts:AssumeRole"
    own = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert stack.roles["TaskRole"].trust[0]["Condition"] == own


def test_one_environment_of_one_repository_deploys(stack: Stack) -> None:
    (trust,) = stack.roles["DeployRole"].trust
    github = "token.actions.githubusercontent.com"
    assert trust["Principal"]["Federated"].endswith(f"oidc-provider/{github}")
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {
            f"{github}:aud": "sts.amazonaws.com",
            f"{github}:sub": "repo:myorg/polygon-assets:environment:production",
        }
    }


def test_roles_are_passed_to_tasks_only(stack: Stack) -> None:
    passed = [
        one
        for role in stack.roles.values()
        for one in role.statements
        if "iam:PassRole" in one["Action"]
    ]
    assert len(passed) == 2
    for one in passed:
        assert one["Condition"] == {
            "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
        }
        roles = {stack.outputs["StreamExecutionRoleArn"], stack.outputs["StreamTaskRoleArn"]}
        assert set(one["Resource"]) == roles


def test_without_its_parameters_less_is_made() -> None:
    bare = create(DagsterUser="no")
    assert bare.status == "CREATE_COMPLETE"
    assert {"DeployRole", "GitHub", "DagsterIdentity"} & bare.resources.keys() == set()
    assert bare.facts["providers"] == bare.facts["users"] == bare.facts["subscriptions"] == []
    assert bare.roles["TaskRole"].statements == []


def test_a_provider_that_the_account_has_is_taken() -> None:
    known = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    other = create(GitHubRepository="myorg/polygon-assets", GitHubOidcProviderArn=known)
    assert other.facts["providers"] == []
    assert other.roles["DeployRole"].trust[0]["Principal"] == {"Federated": known}


def test_names_are_those_that_bootstrap_makes(stack: Stack) -> None:
    """And no others: a policy for another cluster would allow nothing, or too much."""
    text = TEMPLATE.read_text()
    found = {name.rstrip("/*") for name in re.findall(r":(?:cluster|service|task)/([\w-]+)", text)}
    assert found == {PROD.ecs_cluster, branch_names(12).ecs_cluster.replace("12", "")}


# ---- Alarms


def test_every_alarm_looks_at_what_a_filter_counts_and_tells_the_topic(stack: Stack) -> None:
    counted = {
        (one["metricNamespace"], one["metricName"])
        for found in stack.facts["filters"]
        for one in found["metricTransformations"]
    }
    watched = {(one["Namespace"], one["MetricName"]) for one in stack.facts["alarms"]}
    assert counted == watched
    assert len(counted) == 4
    for alarm in stack.facts["alarms"]:
        assert alarm["AlarmActions"] == alarm["OKActions"] == [stack.outputs["AlarmTopicArn"]]
        assert alarm["TreatMissingData"] == "notBreaching"
    assert {one["logGroupName"] for one in stack.facts["filters"]} == {"/polygon/stream"}
    (subscription,) = stack.facts["subscriptions"]
    assert subscription["Endpoint"] == "market-data@example.com"
    publishers = json.loads(stack.facts["topic policy"])["Statement"][0]["Principal"]["Service"]
    assert set(publishers) == {"cloudwatch.amazonaws.com", "events.amazonaws.com"}


def stopped(cluster: str = "polygon", **detail: str) -> dict[str, object]:
    arn = f"arn:aws:ecs:us-east-1:123456789012:cluster/{cluster}"
    return {
        "source": "aws.ecs",
        "detail-type": "ECS Task State Change",
        "detail": {"clusterArn": arn, "lastStatus": "STOPPED"} | detail,
    }


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (stopped(stopCode="EssentialContainerExited", stoppedReason="Essential container"), True),
        (stopped(stopCode="TaskFailedToStart", stoppedReason="CannotPullContainerError"), True),
        (
            stopped(
                stopCode="ServiceSchedulerInitiated",
                stoppedReason="Task failed container health checks",
            ),
            True,
        ),
        (
            stopped(
                stopCode="ServiceSchedulerInitiated",
                stoppedReason="Scaling activity initiated by (deployment ecs-svc/1)",
            ),
            False,
        ),
        (stopped("polygon-pr-12", stopCode="TaskFailedToStart", stoppedReason="x"), False),
        (
            stopped(stopCode="EssentialContainerExited", stoppedReason="x", lastStatus="RUNNING"),
            False,
        ),
    ],
)
def test_which_end_of_a_task_is_told(stack: Stack, event: dict[str, object], told: bool) -> None:
    (rule,) = stack.facts["rules"]
    assert EventPattern.load(rule["EventPattern"]).matches_event(event) is told


def test_a_filter_counts_its_lines_and_no_others() -> None:
    assert matches('{ $.level = "ERROR" || $.level = "CRITICAL" }', '{"level": "ERROR"}')
    assert not matches('{ $.level = "ERROR" }', '{"level": "WARNING", "message": "ERROR"}')
    assert matches('{ $.message = "dead letter*" }', '{"message": "dead letter: no JSON"}')
    assert not matches('{ $.level = "ERROR" }', "%3|1795778543.656|FAIL|rdkafka#producer-1")
    with pytest.raises(ValueError, match="more than"):
        matches("{ $.wait > 5 }", "{}")


def test_nobody_else_makes_what_the_stack_makes() -> None:
    """Cluster, task definitions and services are made by ``StreamServices.deploy``."""
    assert re.findall(r"Type: (AWS::ECS::\w+)", TEMPLATE.read_text()) == []
    code = (PROJECT_ROOT / "polygon_assets" / "resources" / "ecs.py").read_text()
    for call in ("create_cluster", "register_task_definition", "create_service"):
        assert call in code
