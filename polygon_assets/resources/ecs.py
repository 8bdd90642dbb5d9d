"""AWS ECS: the services that run the producer and the sink."""

import json
import os
from collections.abc import Mapping
from string import Template
from typing import TYPE_CHECKING, Any

import boto3
from dagster_aws.utils import ResourceWithBoto3Configuration, construct_boto_client_retry_config
from pydantic import Field

from polygon_assets.env import PROJECT_ROOT, Names
from polygon_assets.preflight import ECS, explained
from polygon_assets.settings import EcsSettings, StreamTaskSettings, from_env

if TYPE_CHECKING:
    from botocore.client import BaseClient

PRODUCER, SINK = "producer", "sink"
SERVICES = (PRODUCER, SINK)
TASK_DEFINITIONS = PROJECT_ROOT / "streaming" / "ecs"

# At most the desired count runs at any time: the vendor allows one connection per account.
NEVER_TWO = {"maximumPercent": 100, "minimumHealthyPercent": 0}


class StreamServices(ResourceWithBoto3Configuration):
    """The ECS services ``producer`` and ``sink`` in the cluster of one deployment."""

    cluster: str = Field(description="Name of the ECS cluster")
    subnets: str = Field(description="Subnets of the tasks, comma separated")
    security_groups: str = Field(description="Security groups of the tasks, comma separated")

    def client(self) -> "BaseClient":
        """boto3's ECS client."""
        return boto3.client(
            "ecs",
            region_name=self.region_name,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.aws_access_key_id,
            aws_secret_access_key=self.aws_secret_access_key,
            config=construct_boto_client_retry_config(self.max_attempts),
        )

    def desired_counts(self) -> dict[str, int]:
        """Service -> how many tasks it is asked to run."""
        return {name: service["desiredCount"] for name, service in self._describe().items()}

    def running_counts(self) -> dict[str, int]:
        """Service -> how many tasks it runs."""
        return {name: service["runningCount"] for name, service in self._describe().items()}

    def set_desired_count(self, service: str, count: int) -> None:
        """Ask a service to run this many tasks. The same call twice changes nothing."""
        self._call("update_service", service=service, desiredCount=count)

    def restart(self, service: str) -> None:
        """Replace the tasks of a service."""
        self._call("update_service", service=service, forceNewDeployment=True)

    def deploy(self, variables: Mapping[str, Mapping[str, str]]) -> None:
        """Create the cluster, register the task definitions and create or update the services.

        Args:
            variables: Service -> values of the placeholders in ``streaming/ecs/<service>.json``.
        """
        self.client().create_cluster(clusterName=self.cluster)  # pyright: ignore[reportAttributeAccessIssue]
        known = self._describe()
        for name in SERVICES:
            text = (TASK_DEFINITIONS / f"{name}.json").read_text()
            definition = json.loads(Template(text).substitute(variables[name]))
            registered = self.client().register_task_definition(**definition)  # pyright: ignore[reportAttributeAccessIssue]
            arn = registered["taskDefinition"]["taskDefinitionArn"]
            if name in known:
                self._call("update_service", service=name, taskDefinition=arn)
            else:
                self._call(
                    "create_service",
                    serviceName=name,
                    taskDefinition=arn,
                    desiredCount=0,
                    launchType="FARGATE",
                    networkConfiguration={"awsvpcConfiguration": self._network()},
                    deploymentConfiguration=NEVER_TWO,
                )

    def _network(self) -> dict[str, Any]:
        groups = [group for group in self.security_groups.split(",") if group]
        return {"subnets": self.subnets.split(","), "securityGroups": groups}

    def _describe(self) -> dict[str, dict[str, Any]]:
        answer = self._call("describe_services", services=list(SERVICES))
        return {
            service["serviceName"]: service
            for service in answer["services"]
            if service["status"] == "ACTIVE"
        }

    def _call(self, action: str, **arguments: Any) -> dict[str, Any]:
        with explained(ECS):
            return getattr(self.client(), action)(cluster=self.cluster, **arguments)


def stream_services(names: Names) -> StreamServices:
    """The stream's services of one deployment, at the address in the environment."""
    settings, tasks = EcsSettings(), StreamTaskSettings()
    # An AWS endpoint without keys in the environment leaves them to boto3: a task role, a profile.
    key = "" if os.environ.get("ECS_ENDPOINT_URL") else "sandbox"
    return StreamServices(
        cluster=names.ecs_cluster,
        subnets=tasks.subnets,
        security_groups=tasks.security_groups,
        region_name=settings.aws_region,
        endpoint_url=settings.ecs_endpoint_url,
        aws_access_key_id=from_env("AWS_ACCESS_KEY_ID", key) or None,
        aws_secret_access_key=from_env("AWS_SECRET_ACCESS_KEY", key) or None,
    )
