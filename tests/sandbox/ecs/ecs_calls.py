"""One sequence of ECS calls, what was answered to each, and how two answers differ."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape
from ecs_helpers import definition

SLEEP = ["python", "-c", "import time; time.sleep(60)"]
CLUSTER, FAMILY, SERVICE = "compared", "compared-family", "producer"
NOWHERE = "0" * 32


@dataclass(frozen=True)
class Answer:
    """What one call got.

    Attributes:
        operation: Name of the API's operation.
        body: The answer's JSON as it was sent.
        error: The error's code; empty after success.
        problems: Where the answer is not what the service's own model says.
    """

    operation: str
    body: dict[str, Any]
    error: str
    problems: list[str]


class Recorder:
    """Calls one client, and keeps every answer under a name."""

    def __init__(self, client: Any, network: dict[str, Any]) -> None:
        self.client, self.network = client, network
        self.answers: dict[str, Answer] = {}
        self._last: tuple[str, dict[str, Any], list[str]] = ("", {}, [])
        client.meta.events.register("after-call.ecs", self._keep)

    def _keep(self, http_response: Any, model: Any, **_: Any) -> None:
        failed = http_response.status_code >= 300
        # A server that broke down answers in HTML.
        body = {} if failed else msgspec.json.decode(http_response.content or b"{}")
        problems = [] if failed else list(violations(body, model.output_shape, model.name))
        self._last = (model.name, body, problems)

    def call(self, step: str, action: str, **arguments: Any) -> dict[str, Any]:
        """Make a call; an error is an answer, too."""
        error, found = "", {}
        try:
            found = getattr(self.client, action)(**arguments)
        except ClientError as refused:
            error = refused.response["Error"]["Code"]
        self.answers[step] = Answer(*self._last[:2], error, self._last[2])
        return found


def violations(value: Any, shape: Shape, where: str) -> Iterator[str]:
    """Where a JSON value is not of a shape: unknown members, wrong types, unknown enum values."""
    if isinstance(shape, StructureShape):
        if not isinstance(value, Mapping):
            yield f"{where} is no structure"
            return
        for name in shape.required_members:
            if name not in value:
                yield f"{where}.{name} is required"
        for name, member in value.items():
            if name in shape.members:
                yield from violations(member, shape.members[name], f"{where}.{name}")
            else:
                yield f"{where}.{name} is unknown"
    elif isinstance(shape, ListShape):
        if not isinstance(value, list):
            yield f"{where} is no list"
            return
        for member in value:
            yield from violations(member, shape.member, f"{where}[]")
    elif isinstance(shape, MapShape):
        for member in value.values():
            yield from violations(member, shape.value, f"{where}{{}}")
    else:
        kinds: dict[str, tuple[type, ...]] = {
            "string": (str,),
            "integer": (int,),
            "long": (int,),
            "double": (int, float),
            "float": (int, float),
            "boolean": (bool,),
            "timestamp": (int, float),
        }
        wrong = not isinstance(value, kinds[shape.type_name])
        if wrong or (isinstance(value, bool) and shape.type_name != "boolean"):
            yield f"{where} is {value!r}, no {shape.type_name}"
        elif getattr(shape, "enum", None) and value not in shape.enum:
            yield f"{where} is {value!r}, none of {shape.enum}"


def paths(value: Any, where: str) -> set[str]:
    """Every path inside a JSON value; the members of a list share one."""
    if isinstance(value, dict):
        return {where}.union(*(paths(member, f"{where}.{name}") for name, member in value.items()))
    if isinstance(value, list):
        return {where}.union(*(paths(member, f"{where}[]") for member in value))
    return {where}


STABLE = {
    *("status", "desiredStatus", "desiredCount", "revision", "family", "reason", "clusterName"),
    *("serviceName", "launchType", "activeServicesCount", "stoppedReason", "startedBy", "group"),
    *("maximumPercent", "minimumHealthyPercent", "schedulingStrategy", "networkMode"),
}
"""Members whose values must agree; the others are ids, times and counts of a moment."""


def values(value: Any, where: str) -> dict[str, Any]:
    """Path -> value of every stable member; the first of a list stands for it."""
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for name, member in value.items():
            path = f"{where}.{name}"
            found |= {path: member} if name in STABLE else values(member, path)
        return found
    if isinstance(value, list) and value:
        return values(value[0], f"{where}[]")
    return {}


def run_sequence(to: Recorder) -> None:
    """Every call that the platform makes, and every way in which it may be refused."""
    call = to.call
    call("create cluster", "create_cluster", clusterName=CLUSTER)
    call("create cluster again", "create_cluster", clusterName=CLUSTER)
    call("describe clusters", "describe_clusters", clusters=[CLUSTER, "nowhere"])
    call("list clusters", "list_clusters")
    _definitions(call)
    _service(call, to.network)
    _tasks(call, to.network)
    _refusals(call, to.network)
    call("delete while it runs", "delete_service", cluster=CLUSTER, service=SERVICE)
    call("scale to 0", "update_service", cluster=CLUSTER, service=SERVICE, desiredCount=0)
    call("delete service", "delete_service", cluster=CLUSTER, service=SERVICE)
    call("list services at the end", "list_services", cluster=CLUSTER)
    call("deregister", "deregister_task_definition", taskDefinition=f"{FAMILY}:1")
    call("deregister nothing", "deregister_task_definition", taskDefinition="unknown:1")
    call("list active definitions", "list_task_definitions", familyPrefix=FAMILY)
    call("create an empty cluster", "create_cluster", clusterName="empty")
    call("delete cluster", "delete_cluster", cluster="empty")
    call("delete no cluster", "delete_cluster", cluster="nowhere")


Call = Callable[..., dict[str, Any]]


def _definitions(call: Call) -> None:
    call("register", "register_task_definition", **definition(FAMILY, SLEEP))
    call("register again", "register_task_definition", **definition(FAMILY, ["python", "-V"]))
    call("describe the newest", "describe_task_definition", taskDefinition=FAMILY)
    call("describe a revision", "describe_task_definition", taskDefinition=f"{FAMILY}:1")
    call("describe no definition", "describe_task_definition", taskDefinition="unknown")
    call("describe no revision", "describe_task_definition", taskDefinition=f"{FAMILY}:9")
    call("list definitions", "list_task_definitions", familyPrefix=FAMILY)


def _service(call: Call, network: dict[str, Any]) -> None:
    call(
        "create service",
        "create_service",
        cluster=CLUSTER,
        serviceName=SERVICE,
        taskDefinition=f"{FAMILY}:1",
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration=network,
        deploymentConfiguration={"maximumPercent": 100, "minimumHealthyPercent": 0},
    )
    here = {"cluster": CLUSTER, "service": SERVICE}
    call("describe services", "describe_services", cluster=CLUSTER, services=[SERVICE, "nothing"])
    call("scale to 1", "update_service", **here, desiredCount=1)
    call("describe a running service", "describe_services", cluster=CLUSTER, services=[SERVICE])
    call("force a deployment", "update_service", **here, forceNewDeployment=True)
    call("another revision", "update_service", **here, taskDefinition=f"{FAMILY}:1")
    call("list services", "list_services", cluster=CLUSTER)


def _tasks(call: Call, network: dict[str, Any]) -> None:
    here = {"cluster": CLUSTER, "taskDefinition": f"{FAMILY}:1", "launchType": "FARGATE"}
    ran = call("run task", "run_task", **here, networkConfiguration=network, startedBy="compared")
    arn = ran["tasks"][0]["taskArn"]
    call("list tasks", "list_tasks", cluster=CLUSTER, startedBy="compared", desiredStatus="RUNNING")
    call("describe tasks", "describe_tasks", cluster=CLUSTER, tasks=[arn])
    call("stop task", "stop_task", cluster=CLUSTER, task=arn, reason="enough")
    call("describe a stopped task", "describe_tasks", cluster=CLUSTER, tasks=[arn])
    call(
        "list stopped", "list_tasks", cluster=CLUSTER, startedBy="compared", desiredStatus="STOPPED"
    )
    call("describe no task", "describe_tasks", cluster=CLUSTER, tasks=[NOWHERE])
    call("stop no task", "stop_task", cluster=CLUSTER, task=NOWHERE)


def _refusals(call: Call, network: dict[str, Any]) -> None:
    call("update no service", "update_service", cluster=CLUSTER, service="nothing", desiredCount=1)
    call("delete no service", "delete_service", cluster=CLUSTER, service="nothing")
    call("update in no cluster", "update_service", cluster="nowhere", service=SERVICE)
    call("services of no cluster", "list_services", cluster="nowhere")
    call("describe in no cluster", "describe_services", cluster="nowhere", services=[SERVICE])
    call("tasks of no cluster", "list_tasks", cluster="nowhere")
    call("describe tasks of no cluster", "describe_tasks", cluster="nowhere", tasks=[NOWHERE])
    call("stop in no cluster", "stop_task", cluster="nowhere", task=NOWHERE)
    call("tasks of no service", "list_tasks", cluster=CLUSTER, serviceName="nothing")
    here = {"cluster": CLUSTER, "taskDefinition": f"{FAMILY}:1", "desiredCount": 0}
    call("create it twice", "create_service", serviceName=SERVICE, **here, launchType="FARGATE")
    call(
        "create in no cluster", "create_service", **(here | {"cluster": "nowhere"}), serviceName="s"
    )
    call("run no definition", "run_task", cluster=CLUSTER, taskDefinition="unknown")
    call(
        "service of no definition",
        "create_service",
        **(here | {"taskDefinition": "unknown"}),
        serviceName="s",
    )
