"""AWS ECS: the credentials, the cluster, its services, and whether they run what is declared."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from polygon_assets.doctor.findings import (
    ACCEPTED,
    Finding,
    Findings,
    ok,
    problem,
    reached,
    warning,
    what_creates,
    words,
)
from polygon_assets.env import Names
from polygon_assets.preflight import ECS
from polygon_assets.resources.ecs import (
    NEVER_TWO,
    PRODUCER,
    SERVICES,
    TASK_DEFINITIONS,
    StreamServices,
    filled,
    stream_services,
)
from polygon_assets.stream_tasks import task_variables

COMPARED = ("image", "command", "environment", "secrets", "healthCheck")
"""Parts of a container that decide what a task does; ECS adds others by itself."""


def examine(names: Names, *, probe: bool) -> Findings:
    """Whether we may look at cluster, services and tasks, and they are as declared."""
    if not (yield from reached(ECS)):
        return
    services = stream_services(names).process_config_and_initialize()
    try:
        yield from _ask(services, names, probe)
    except ClientError as error:
        yield _refused(error)
    except BotoCoreError as error:
        todo = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the process a role."
        yield problem(ACCEPTED, words(error), todo)


def _ask(services: StreamServices, names: Names, probe: bool) -> Iterator[Finding]:
    client: Any = services.client()
    cluster = services.cluster
    create = f"Run {what_creates(names)}."
    found = client.describe_clusters(clusters=[cluster])["clusters"]
    yield ok(ACCEPTED, f"{services.region_name}; the API has no version")
    if not [one for one in found if one["status"] == "ACTIVE"]:
        yield problem(f"cluster {cluster}", "It does not exist", create)
        return
    yield ok(f"cluster {cluster}", "ACTIVE")
    described = client.describe_services(cluster=cluster, services=list(SERVICES))["services"]
    active = {one["serviceName"]: one for one in described if one["status"] == "ACTIVE"}
    for name in SERVICES:
        if name in active:
            yield _service(active[name])
            yield _task_definition(client, active[name], task_variables(names)[name], create)
        else:
            yield problem(f"service {name}", "It does not exist", create)
    client.list_tasks(cluster=cluster, desiredStatus="STOPPED")
    yield ok("may look at tasks", "list_tasks")
    if probe:
        for name in active:
            client.update_service(cluster=cluster, service=name)
            yield ok(f"probe of {name}", "an update that changes nothing was taken")
    else:
        yield ok("may change services", "not asked, because ECS has no question for it: --probe")


def _service(service: Mapping[str, Any]) -> Finding:
    name = service["serviceName"]
    counts = f"{service['desiredCount']} wanted, {service['runningCount']} running"
    limits = service.get("deploymentConfiguration", {})
    if any(limits.get(key) != value for key, value in NEVER_TWO.items()):
        return problem(
            f"service {name}",
            f"A deployment may run two at once ({counts})",
            f"Set {NEVER_TWO} on it: the vendor allows one connection.",
        )
    if name == PRODUCER and service["runningCount"] > 1:
        return problem(f"service {name}", counts, "Stop one: the vendor allows one connection.")
    return ok(f"service {name}", counts)


def _task_definition(
    client: Any, service: Mapping[str, Any], variables: Mapping[str, str], create: str
) -> Finding:
    name = service["serviceName"]
    registered = client.describe_task_definition(taskDefinition=service["taskDefinition"])
    different = differences(registered["taskDefinition"], declared(name, variables))
    if different:
        text = f"Other {', '.join(different)} than declared"
        return warning(f"task definition of {name}", text, create)
    return ok(f"task definition of {name}", "as declared")


def declared(service: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """The task definition that would be registered now."""
    template = json.loads((TASK_DEFINITIONS / f"{service}.json").read_text())
    return filled(template, variables)


def differences(registered: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Which parts of the container differ; the order of variables does not matter."""
    theirs, mine = registered["containerDefinitions"][0], ours["containerDefinitions"][0]
    return [part for part in COMPARED if _normal(theirs.get(part)) != _normal(mine.get(part))]


def _normal(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sorted(json.dumps(one, sort_keys=True) for one in value)  # pyright: ignore[reportUnknownVariableType]
    return value


def _refused(error: ClientError) -> Finding:
    told = error.response.get("Error", {})
    text = f"{error.operation_name}: {told.get('Code', '')} {told.get('Message', '')}"
    if "AccessDenied" in str(told.get("Code")):
        return problem(
            f"may {error.operation_name}", text, f"Allow ecs:{error.operation_name} in its policy."
        )
    return problem(ACCEPTED, text, "Check AWS_REGION, ECS_ENDPOINT_URL and the AWS credentials.")
