"""The stack of ``streaming/ecs/stack.yaml``, created in moto, and what is there then."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto import mock_aws
from stack_types import client, teach_moto

from polygon_assets.env import PROJECT_ROOT

TEMPLATE = PROJECT_ROOT / "streaming" / "ecs" / "stack.yaml"


@dataclass(frozen=True)
class Role:
    """A role, or a policy on its own.

    Attributes:
        trust: Statements that say who may take it.
        statements: Of all its policies.
    """

    trust: list[dict[str, Any]]
    statements: list[dict[str, Any]]

    def actions(self) -> set[str]:
        """What it allows."""
        return {action for one in self.statements for action in listed(one["Action"])}


@dataclass(frozen=True)
class Stack:
    """What was created.

    Attributes:
        resources: Logical name -> physical name.
        roles: Logical name -> role.
        facts: Answers of AWS, by what was asked for.
    """

    status: str
    outputs: dict[str, str]
    resources: dict[str, str]
    roles: dict[str, Role]
    facts: dict[str, Any]


def listed(value: Any) -> list[Any]:
    """IAM writes a single value without a list."""
    return value if isinstance(value, list) else [value]


def document(value: Any) -> dict[str, Any]:
    """A policy; of one that a stack made, moto answers Python's text."""
    return ast.literal_eval(value) if isinstance(value, str) else value


def create(**parameters: str) -> Stack:
    """Create the stack, look at everything, and forget it."""
    with mock_aws():
        teach_moto()
        formation = client("cloudformation")
        vpc = client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        given = {"VpcId": vpc} | parameters
        formation.create_stack(
            StackName="polygon",
            TemplateBody=TEMPLATE.read_text(),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = formation.describe_stacks(StackName="polygon")["Stacks"]
        made = formation.describe_stack_resources(StackName="polygon")["StackResources"]
        resources = {  # moto lists what a condition left out, without a name
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for one in made
            if "LogicalResourceId" in one
        }
        return Stack(
            stack["StackStatus"],
            {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]},
            resources,
            dict(_roles(resources)),
            _facts(resources),
        )


def _roles(resources: dict[str, str]) -> Iterator[tuple[str, Role]]:
    iam = client("iam")
    for logical, name in resources.items():
        if logical.endswith("Role"):
            policies = [
                document(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
                for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
            ]
            trust = document(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])
            statements = [one for policy in policies for one in policy["Statement"]]
            yield logical, Role(trust["Statement"], statements)
    arn = resources["DagsterPolicy"]
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    yield "DagsterPolicy", Role([], document(found["Document"])["Statement"])


def _facts(resources: dict[str, str]) -> dict[str, Any]:
    ec2, logs = client("ec2"), client("logs")
    iam, sns = client("iam"), client("sns")
    topic = resources["AlarmTopic"]
    return {
        "repositories": client("ecr").describe_repositories()["repositories"],
        "log groups": logs.describe_log_groups()["logGroups"],
        "filters": logs.describe_metric_filters()["metricFilters"],
        "alarms": client("cloudwatch").describe_alarms()["MetricAlarms"],
        "secrets": client("secretsmanager").list_secrets()["SecretList"],
        "versions": [
            client("secretsmanager").list_secret_version_ids(SecretId=arn)["Versions"]
            for name, arn in resources.items()
            if name.endswith("Secret")
        ],
        "rules": client("events").list_rules()["Rules"],
        "subscriptions": sns.list_subscriptions()["Subscriptions"],
        "topic policy": sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"],
        "group": ec2.describe_security_groups(GroupIds=[resources["SecurityGroup"]])[
            "SecurityGroups"
        ][0],
        "providers": iam.list_open_id_connect_providers()["OpenIDConnectProviderList"],
        "users": iam.list_users()["Users"],
    }
