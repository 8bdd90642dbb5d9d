"""AWS ECS: the services that run the producer and the sink."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING, Any

from pydantic import Field

from polygon_assets.env import PROJECT_ROOT, Names
from polygon_assets.preflight import ECS, explained
from polygon_assets.resources.aws import AwsResource
from polygon_assets.settings import (
    EcsSettings,
    StreamControlSettings,
    StreamHours,
    StreamTaskSettings,
    from_env,
)

if TYPE_CHECKING:
    from botocore.client import BaseClient

PRODUCER, SINK = "producer", "sink"
SERVICES = (PRODUCER, SINK)
TASK_DEFINITIONS = PROJECT_ROOT / "streaming" / "ecs"

# At most the desired count of tasks is RUNNING or PENDING at any time: the vendor allows one
# connection per account.
NEVER_TWO = {"maximumPercent": 100, "minimumHealthyPercent": 0}

# ECS ends a task after its stopTimeout, 60 s here; leaving the cluster takes a while, too.
STOPPED_WITHIN_SECONDS = 180.0
LOOK_SECONDS = 0.5
TASKS_PER_CALL = 100


class StillStoppingError(RuntimeError):
    """A task that was told to stop is still there."""


@dataclass(frozen=True)
class ServiceCounts:
    """One service.

    Attributes:
        desired: Tasks that it is asked to run.
        running: Tasks that run.
        deployment: Id of its newest deployment; a restart makes another one.
    """

    desired: int
    running: int
    deployment: str


class StreamServices(AwsResource):
    """The ECS services ``producer`` and ``sink`` in the cluster of one deployment."""

    cluster: str = Field(description="Name of the ECS cluster")
    subnets: str = Field(description="Subnets of the tasks, comma separated")
    security_groups: str = Field(description="Security groups of the tasks, comma separated")
    hours: StreamHours = Field(default="regular", description="Part of the day that is streamed")
    producers_maximum: int = Field(default=1, description="1, or 0 where none may ever run")
    sinks_maximum: int = Field(default=4, description="Most sinks that may run at once")

    def client(self) -> "BaseClient":
        """boto3's ECS client."""
        return self.service("ecs")

    def services(self) -> dict[str, ServiceCounts]:
        """Service -> its counts."""
        return {
            name: ServiceCounts(
                service["desiredCount"], service["runningCount"], _newest_deployment(service)
            )
            for name, service in self._describe().items()
        }

    def desired_counts(self) -> dict[str, int]:
        """Service -> how many tasks it is asked to run."""
        return {name: counts.desired for name, counts in self.services().items()}

    def running_counts(self) -> dict[str, int]:
        """Service -> how many tasks it runs."""
        return {name: counts.running for name, counts in self.services().items()}

    def stopping(self, service: str) -> int:
        """How many tasks of a service were told to stop and have not ended yet.

        ECS counts them nowhere: neither against the desired count nor against ``maximumPercent``.
        """
        client: Any = self.client()
        with explained(ECS):
            pages = client.get_paginator("list_tasks").paginate(
                cluster=self.cluster, serviceName=service, desiredStatus="STOPPED"
            )
            arns = [arn for page in pages for arn in page["taskArns"]]
        found = [
            task
            for start in range(0, len(arns), TASKS_PER_CALL)
            for task in self._call("describe_tasks", tasks=arns[start : start + TASKS_PER_CALL])[
                "tasks"
            ]
        ]
        return sum(task["lastStatus"] != "STOPPED" for task in found)

    def set_desired_count(self, service: str, count: int) -> None:
        """Ask a service to run this many tasks. The same call twice changes nothing.

        A producer is started when the one before is gone, which is waited for.

        Raises:
            ValueError: More producers than this deployment may run.
            StillStoppingError: The producer before does not end.
        """
        if service == PRODUCER and count:
            if count > self.producers_maximum:
                raise ValueError(
                    f"{count} producer(s) in the ECS cluster {self.cluster}, which may run "
                    f"{self.producers_maximum}: the vendor allows an account one connection."
                )
            self._await_stopped(service)
        self._call("update_service", service=service, desiredCount=count)

    def restart(self, service: str, deployment: str = "") -> bool:
        """Replace the tasks of a service.

        ECS starts the new tasks while the old ones are stopping. That is good for sinks; the
        producer is stopped first, and started when it is gone.

        Args:
            service: The service.
            deployment: The deployment to replace; empty = the newest. A deployment that was
                replaced before is left alone, so that a second request changes nothing.

        Returns:
            Whether anything was replaced; a service that should run nothing is left alone.
        """
        now = self.services()[service]
        if deployment not in ("", now.deployment) or not now.desired:
            return False
        if service == PRODUCER:
            self._call("update_service", service=service, desiredCount=0)
            self.set_desired_count(service, now.desired)
        else:
            self._call("update_service", service=service, forceNewDeployment=True)
        return True

    def deploy(self, variables: Mapping[str, Mapping[str, str]]) -> None:
        """Create the cluster, register the task definitions and create or update the services.

        Args:
            variables: Service -> values of the placeholders in ``streaming/ecs/<service>.json``.
        """
        client: Any = self.client()
        with explained(ECS):
            client.create_cluster(clusterName=self.cluster)
        known = self._describe()
        for name in SERVICES:
            template = json.loads((TASK_DEFINITIONS / f"{name}.json").read_text())
            arn = self._register(filled(template, variables[name]))
            if name in known:
                self._update(name, arn, known[name]["desiredCount"])
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

    def roll(self, image: str) -> None:
        """Run another image in both services. All else stays as it is registered.

        Args:
            image: With its digest.

        Raises:
            ValueError: A service does not exist.
        """
        known = self._describe()
        for name in SERVICES:
            if name not in known:
                raise ValueError(
                    f"The ECS cluster {self.cluster} has no service {name}: run polygon bootstrap."
                )
        for name in SERVICES:
            definition = self._definition(known[name]["taskDefinition"])
            for container in definition["containerDefinitions"]:
                container["image"] = image
            self._update(name, self._register(definition), known[name]["desiredCount"])

    def _definition(self, arn: str) -> dict[str, Any]:
        """A registered task definition, as it would be registered again."""
        client: Any = self.client()
        with explained(ECS):
            found = client.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        action = client.meta.service_model.operation_model("RegisterTaskDefinition")
        return {name: found[name] for name in action.input_shape.members if name in found}

    def _register(self, definition: Mapping[str, Any]) -> str:
        """Register a task definition.

        Returns:
            Its ARN.
        """
        client: Any = self.client()
        with explained(ECS):
            registered = client.register_task_definition(**definition)
        return registered["taskDefinition"]["taskDefinitionArn"]

    def _update(self, service: str, definition: str, desired: int) -> None:
        """Run another task definition; a producer ends before the next one starts."""
        if service == PRODUCER and desired:
            self._call("update_service", service=service, desiredCount=0)
        self._call("update_service", service=service, taskDefinition=definition)
        if service == PRODUCER and desired:
            self.set_desired_count(service, desired)

    def _await_stopped(self, service: str) -> None:
        deadline = time.monotonic() + STOPPED_WITHIN_SECONDS
        while count := self.stopping(service):
            if time.monotonic() > deadline:
                raise StillStoppingError(
                    f"{count} task(s) of {service} in the ECS cluster {self.cluster} were told to "
                    f"stop more than {STOPPED_WITHIN_SECONDS:.0f} s ago and still run: look at "
                    "them in the console; the next one starts when they are gone."
                )
            time.sleep(LOOK_SECONDS)

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


def filled(template: Any, values: Mapping[str, str]) -> Any:
    """A task definition with values for its placeholders.

    They are put into the strings, not into the text of the file: a value with quotes in it stays
    a value.
    """
    if isinstance(template, dict):
        return {key: filled(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, values) for value in template]
    return Template(template).substitute(values) if isinstance(template, str) else template


def _newest_deployment(service: Mapping[str, Any]) -> str:
    primary = [one["id"] for one in service["deployments"] if one["status"] == "PRIMARY"]
    return primary[0] if primary else ""


def stream_services(names: Names) -> StreamServices:
    """The stream's services of one deployment, at the address in the environment."""
    settings, tasks, control = EcsSettings(), StreamTaskSettings(), StreamControlSettings()
    # An AWS endpoint without keys in the environment leaves them to boto3: a task role, a profile.
    key = "" if os.environ.get("ECS_ENDPOINT_URL") else "sandbox"
    return StreamServices(
        cluster=names.ecs_cluster,
        subnets=tasks.subnets,
        security_groups=tasks.security_groups,
        producers_maximum=names.most_producers,
        hours=control.hours,
        sinks_maximum=control.sinks_maximum,
        region_name=settings.aws_region,
        endpoint_url=settings.ecs_endpoint_url,
        aws_access_key_id=from_env("AWS_ACCESS_KEY_ID", key) or None,
        aws_secret_access_key=from_env("AWS_SECRET_ACCESS_KEY", key) or None,
    )
