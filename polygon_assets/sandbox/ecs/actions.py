"""The actions of the API: each takes the request's fields and returns the answer's."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from polygon_assets.sandbox.ecs import errors
from polygon_assets.sandbox.ecs.fields import Fields, count_of_tasks, page, required
from polygon_assets.sandbox.ecs.names import arn, short
from polygon_assets.sandbox.ecs.scheduler import Scheduler
from polygon_assets.sandbox.ecs.state import (
    Deployment,
    Service,
    State,
    TaskDefinition,
    save_state,
)
from polygon_assets.sandbox.ecs.tasks import Task
from polygon_assets.sandbox.ecs.views import (
    cluster_view,
    definition_view,
    service_view,
    task_view,
)

Action = Callable[[Fields], Awaitable[Fields]]

_ECHOED_SERVICE_FIELDS = (
    *("launchType", "platformVersion", "networkConfiguration", "schedulingStrategy"),
    *("propagateTags", "enableExecuteCommand", "capacityProviderStrategy", "loadBalancers"),
)


class EcsActions:
    """The supported actions, over the state and the scheduler."""

    def __init__(self, folder: Path, state: State, scheduler: Scheduler) -> None:
        """Serve this state; changes are written to the folder before they are answered."""
        self._folder = folder
        self._state = state
        self._scheduler = scheduler
        self._by_client_token: dict[str, list[Task]] = {}

    def find(self, name: str) -> Action:
        """The action of that name.

        Raises:
            EcsError: There is none.
        """
        actions: dict[str, Action] = {
            "CreateCluster": self._create_cluster,
            "DescribeClusters": self._describe_clusters,
            "ListClusters": self._list_clusters,
            "DeleteCluster": self._delete_cluster,
            "RegisterTaskDefinition": self._register_task_definition,
            "DescribeTaskDefinition": self._describe_task_definition,
            "ListTaskDefinitions": self._list_task_definitions,
            "DeregisterTaskDefinition": self._deregister_task_definition,
            "CreateService": self._create_service,
            "UpdateService": self._update_service,
            "DescribeServices": self._describe_services,
            "ListServices": self._list_services,
            "DeleteService": self._delete_service,
            "RunTask": self._run_task,
            "ListTasks": self._list_tasks,
            "DescribeTasks": self._describe_tasks,
            "StopTask": self._stop_task,
        }
        if name not in actions:
            raise errors.unsupported(name)
        return actions[name]

    async def _create_cluster(self, fields: Fields) -> Fields:
        name = fields.get("clusterName") or "default"
        self._state.clusters.setdefault(name, time.time())
        self._changed()
        return {"cluster": self._cluster_view(name)}

    async def _describe_clusters(self, fields: Fields) -> Fields:
        names = [short(name) for name in fields.get("clusters") or ["default"]]
        return {
            "clusters": [self._cluster_view(n) for n in names if n in self._state.clusters],
            "failures": [
                {"arn": arn("cluster", name), "reason": "MISSING"}
                for name in names
                if name not in self._state.clusters
            ],
        }

    async def _list_clusters(self, fields: Fields) -> Fields:
        arns = [arn("cluster", name) for name in self._state.clusters]
        return page("clusterArns", arns, fields, default_size=100)

    async def _delete_cluster(self, fields: Fields) -> Fields:
        name = self._cluster(fields)
        services = [one for one in self._state.services if one.cluster == name]
        if any(service.status == "ACTIVE" for service in services):
            raise errors.cluster_contains("Services")
        if any(task.cluster == name and task.alive for task in self._scheduler.runner.all()):
            raise errors.cluster_contains("Tasks")
        view = self._cluster_view(name) | {"status": "INACTIVE"}
        self._state.services = [one for one in self._state.services if one not in services]
        del self._state.clusters[name]
        self._changed()
        return {"cluster": view}

    async def _register_task_definition(self, fields: Fields) -> Fields:
        family = required(fields, "family")
        containers: list[Fields] = required(fields, "containerDefinitions")
        if len(containers) != 1:
            raise errors.client_error(
                f"The sandbox runs tasks of one container; {family} has {len(containers)}."
            )
        required(containers[0], "name")
        body = {key: value for key, value in fields.items() if key not in ("family", "tags")}
        definition = self._state.register(family, body)
        self._changed()
        return {"taskDefinition": definition_view(definition)}

    async def _describe_task_definition(self, fields: Fields) -> Fields:
        definition = self._state.find_definition(required(fields, "taskDefinition"))
        if definition is None:
            raise errors.client_error("Unable to describe task definition.")
        return {"taskDefinition": definition_view(definition)}

    async def _list_task_definitions(self, fields: Fields) -> Fields:
        family, status = fields.get("familyPrefix"), fields.get("status", "ACTIVE")
        found = [
            one
            for one in self._state.definitions
            if family in (None, one.family) and one.status == status
        ]
        found.sort(key=lambda one: (one.family, one.revision), reverse=fields.get("sort") == "DESC")
        arns = [definition.arn for definition in found]
        return page("taskDefinitionArns", arns, fields, default_size=100)

    async def _deregister_task_definition(self, fields: Fields) -> Fields:
        definition = self._state.find_definition(required(fields, "taskDefinition"))
        if definition is None:
            raise errors.client_error("The specified task definition does not exist.")
        # Services that use it go on, as in AWS; nothing new can.
        definition.status = "INACTIVE"
        definition.deregistered_at = time.time()
        self._changed()
        return {"taskDefinition": definition_view(definition)}

    async def _create_service(self, fields: Fields) -> Fields:
        cluster = self._cluster(fields)
        name = required(fields, "serviceName")
        definition = self._definition(required(fields, "taskDefinition"))
        existing = self._state.find_service(cluster, name)
        if existing is not None and existing.status == "ACTIVE":
            raise errors.invalid_parameter("Creation of service was not idempotent.")
        if existing is not None:
            self._state.services.remove(existing)
        service = Service(
            name=name,
            cluster=cluster,
            desired_count=count_of_tasks(fields.get("desiredCount", 0)),
            deployment=Deployment(definition.arn, time.time()),
            created_at=time.time(),
            body={key: fields[key] for key in _ECHOED_SERVICE_FIELDS if key in fields},
        )
        _apply_deployment_configuration(service, fields)
        self._state.services.append(service)
        self._changed()
        return {"service": self._service_view(service)}

    async def _update_service(self, fields: Fields) -> Fields:
        service = self._service(fields)
        if service.status != "ACTIVE":
            raise errors.service_not_active()
        wanted = service.deployment.task_definition
        if "taskDefinition" in fields:
            wanted = self._definition(fields["taskDefinition"]).arn
        if "desiredCount" in fields:
            service.desired_count = count_of_tasks(fields["desiredCount"])
        if wanted != service.deployment.task_definition or fields.get("forceNewDeployment"):
            service.deployment = Deployment(wanted, time.time())
        _apply_deployment_configuration(service, fields)
        self._changed()
        return {"service": self._service_view(service)}

    async def _describe_services(self, fields: Fields) -> Fields:
        cluster = self._cluster(fields)
        found: list[Fields] = []
        failures: list[Fields] = []
        for name in map(short, required(fields, "services")):
            service = self._state.find_service(cluster, name)
            if service is None:
                failures.append({"arn": arn("service", cluster, name), "reason": "MISSING"})
            else:
                found.append(self._service_view(service))
        return {"services": found, "failures": failures}

    async def _list_services(self, fields: Fields) -> Fields:
        cluster = self._cluster(fields)
        arns = [
            service.arn
            for service in self._state.services
            if service.cluster == cluster and service.status == "ACTIVE"
        ]
        return page("serviceArns", arns, fields, default_size=10)

    async def _delete_service(self, fields: Fields) -> Fields:
        service = self._service(fields)
        if service.desired_count and not fields.get("force"):
            raise errors.invalid_parameter(
                "The service cannot be stopped while it is scaled above 0."
            )
        service.desired_count = 0
        service.status = "INACTIVE"
        self._changed()
        # As in AWS: DRAINING until its last task is gone, as seen by whoever deleted it.
        return {"service": self._service_view(service) | {"status": "DRAINING"}}

    async def _run_task(self, fields: Fields) -> Fields:
        cluster = self._cluster(fields)
        definition = self._definition(required(fields, "taskDefinition"))
        token = fields.get("clientToken")
        if token in self._by_client_token:
            return {"tasks": [task_view(t) for t in self._by_client_token[token]], "failures": []}
        tasks: list[Task] = []
        for _ in range(count_of_tasks(fields.get("count", 1))):
            group = fields.get("group") or f"family:{definition.family}"
            overrides = fields.get("overrides") or {}
            task = Task(cluster, definition, group, fields.get("startedBy", ""), overrides)
            await self._scheduler.runner.start(task)
            tasks.append(task)
        if token:
            self._by_client_token[token] = tasks
        return {"tasks": [task_view(task) for task in tasks], "failures": []}

    async def _list_tasks(self, fields: Fields) -> Fields:
        cluster = self._cluster(fields)
        wanted = fields.get("desiredStatus", "RUNNING")
        name = fields.get("serviceName")
        if name is not None and self._state.find_service(cluster, short(name)) is None:
            raise errors.service_not_found()
        arns = [
            task.arn
            for task in self._scheduler.runner.all()
            if task.cluster == cluster
            and task.desired_status == wanted
            and fields.get("family") in (None, task.definition.family)
            and fields.get("startedBy") in (None, task.started_by)
            and (name is None or task.group == f"service:{short(name)}")
        ]
        return page("taskArns", arns, fields, default_size=100)

    async def _describe_tasks(self, fields: Fields) -> Fields:
        cluster = self._cluster(fields)
        found: list[Fields] = []
        failures: list[Fields] = []
        for task_id in map(short, required(fields, "tasks")):
            task = self._scheduler.runner.find(task_id)
            if task is None or task.cluster != cluster:
                failures.append({"arn": arn("task", cluster, task_id), "reason": "MISSING"})
            else:
                found.append(task_view(task))
        return {"tasks": found, "failures": failures}

    async def _stop_task(self, fields: Fields) -> Fields:
        cluster = self._cluster(fields)
        task = self._scheduler.runner.find(short(required(fields, "task")))
        if task is None or task.cluster != cluster:
            raise errors.invalid_parameter("The referenced task was not found.")
        self._scheduler.runner.stop(task, fields.get("reason") or "Task stopped by user")
        return {"task": task_view(task)}

    def _cluster(self, fields: Fields) -> str:
        name = short(fields.get("cluster") or "default")
        if name not in self._state.clusters:
            raise errors.cluster_not_found()
        return name

    def _definition(self, reference: str) -> TaskDefinition:
        definition = self._state.find_definition(reference)
        if definition is None:
            raise errors.client_error("TaskDefinition not found.")
        if definition.status != "ACTIVE":
            raise errors.client_error("TaskDefinition is inactive")
        return definition

    def _service(self, fields: Fields) -> Service:
        cluster = self._cluster(fields)
        service = self._state.find_service(cluster, short(required(fields, "service")))
        if service is None:
            raise errors.service_not_found()
        return service

    def _cluster_view(self, name: str) -> Fields:
        services = [service for service in self._state.services if service.cluster == name]
        tasks = [task for task in self._scheduler.runner.all() if task.cluster == name]
        return cluster_view(name, services, tasks)

    def _service_view(self, service: Service) -> Fields:
        definition_arn = service.deployment.task_definition
        return service_view(service, self._scheduler.tasks_of(service), definition_arn)

    def _changed(self) -> None:
        save_state(self._folder, self._state)
        self._scheduler.wake()


def _apply_deployment_configuration(service: Service, fields: Fields) -> None:
    configuration = fields.get("deploymentConfiguration") or {}
    service.maximum_percent = configuration.get("maximumPercent", service.maximum_percent)
    service.minimum_healthy_percent = configuration.get(
        "minimumHealthyPercent", service.minimum_healthy_percent
    )
