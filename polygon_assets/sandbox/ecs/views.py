"""Objects as the API shows them."""

from typing import Any

from polygon_assets.sandbox.ecs.names import arn
from polygon_assets.sandbox.ecs.state import Service, TaskDefinition
from polygon_assets.sandbox.ecs.tasks import Task

_CONTAINER_DEFAULTS: dict[str, Any] = {
    "cpu": 0,
    "environment": [],
    "mountPoints": [],
    "portMappings": [],
    "volumesFrom": [],
}
"""What AWS adds to a container's definition."""

_SERVICE_DEFAULTS: dict[str, Any] = {
    "loadBalancers": [],
    "serviceRegistries": [],
    "schedulingStrategy": "REPLICA",
    "propagateTags": "NONE",
    "deploymentController": {"type": "ECS"},
}


def cluster_view(name: str, services: list[Service], tasks: list[Task]) -> dict[str, Any]:
    """A cluster with its counts."""
    return {
        "clusterArn": arn("cluster", name),
        "clusterName": name,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": _count(tasks, "RUNNING"),
        "pendingTasksCount": _count(tasks, "PENDING"),
        "activeServicesCount": sum(service.status == "ACTIVE" for service in services),
        "settings": [{"name": "containerInsights", "value": "disabled"}],
    }


def definition_view(definition: TaskDefinition) -> dict[str, Any]:
    """A task definition with what the server added to it."""
    empty = {"volumes": [], "placementConstraints": []}
    containers = [_CONTAINER_DEFAULTS | one for one in definition.body["containerDefinitions"]]
    ended = definition.deregistered_at
    return {
        **empty,
        **definition.body,
        "containerDefinitions": containers,
        "taskDefinitionArn": definition.arn,
        "family": definition.family,
        "revision": definition.revision,
        "status": definition.status,
        "registeredAt": definition.registered_at,
        **({"deregisteredAt": ended} if ended else {}),
        "compatibilities": ["EC2", "FARGATE"],
    }


def service_view(service: Service, tasks: list[Task], definition_arn: str) -> dict[str, Any]:
    """A service with its counts and its deployments."""
    return {
        **_SERVICE_DEFAULTS,
        **service.body,
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": arn("cluster", service.cluster),
        "status": service.status,
        "desiredCount": service.desired_count,
        "runningCount": _count(tasks, "RUNNING"),
        "pendingCount": _count(tasks, "PENDING"),
        "taskDefinition": definition_arn,
        "createdAt": service.created_at,
        "deploymentConfiguration": {
            "maximumPercent": service.maximum_percent,
            "minimumHealthyPercent": service.minimum_healthy_percent,
        },
        "deployments": _deployments(service, tasks, definition_arn),
        "events": [],
    }


def _deployments(service: Service, tasks: list[Task], definition_arn: str) -> list[dict[str, Any]]:
    current = [task for task in tasks if task.started_by == service.deployment.id]
    outdated = [task for task in tasks if task.alive and task not in current]
    echoed = {
        key: service.body[key]
        for key in ("launchType", "platformVersion", "networkConfiguration")
        if key in service.body
    }
    running = _count(current, "RUNNING")
    settled = running == service.desired_count and not outdated
    primary = {
        "id": service.deployment.id,
        "status": "PRIMARY",
        "taskDefinition": definition_arn,
        "desiredCount": service.desired_count,
        "runningCount": running,
        "pendingCount": _count(current, "PENDING"),
        "failedTasks": sum(task.stop_code == "EssentialContainerExited" for task in current),
        "createdAt": service.deployment.created_at,
        "updatedAt": service.deployment.created_at,
        "rolloutState": "COMPLETED" if settled else "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment {service.deployment.id} "
        + ("completed." if settled else "in progress."),
        **echoed,
    }
    older = [
        {
            "id": deployment,
            "status": "ACTIVE",
            "taskDefinition": members[0].definition.arn,
            "desiredCount": 0,
            "runningCount": _count(members, "RUNNING"),
            "pendingCount": 0,
            "createdAt": members[0].created_at,
            "updatedAt": members[0].created_at,
            **echoed,
        }
        for deployment in sorted({task.started_by for task in outdated})
        for members in [[task for task in outdated if task.started_by == deployment]]
    ]
    return [primary, *older]


def task_view(task: Task) -> dict[str, Any]:
    """A task; times are missing until they are known."""
    container = {
        "containerArn": arn("container", task.cluster, task.id, "0"),
        "taskArn": task.arn,
        "name": task.definition.container["name"],
        "image": task.definition.container.get("image", ""),
        "lastStatus": _CONTAINER_STATUS.get(task.last_status, "RUNNING"),
        "exitCode": task.exit_code,
        "networkInterfaces": [],
        "healthStatus": "UNKNOWN",
        "cpu": str(task.definition.container.get("cpu", 0)),
        "memory": _text(task.definition.container.get("memory")),
    }
    view = {
        "taskArn": task.arn,
        "clusterArn": arn("cluster", task.cluster),
        "taskDefinitionArn": task.definition.arn,
        "group": task.group,
        "startedBy": task.started_by,
        "lastStatus": task.last_status,
        "desiredStatus": task.desired_status,
        "launchType": "FARGATE",
        "cpu": task.definition.body.get("cpu"),
        "memory": task.definition.body.get("memory"),
        "overrides": task.overrides,
        "attachments": [],
        "containers": [_without_none(container)],
        "createdAt": task.created_at,
        "startedAt": task.started_at,
        "stoppedAt": task.stopped_at,
        "stoppedReason": task.stopped_reason,
        "stopCode": task.stop_code,
    }
    return _without_none(view)


_CONTAINER_STATUS = {"PENDING": "PENDING", "DEPROVISIONING": "STOPPED", "STOPPED": "STOPPED"}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _without_none(view: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in view.items() if value is not None}


def _count(tasks: list[Task], status: str) -> int:
    return sum(task.last_status == status for task in tasks)
