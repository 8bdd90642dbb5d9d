"""What the server remembers over restarts: clusters, task definitions and services."""

import os
import time
import uuid
from pathlib import Path
from typing import Any

import msgspec

from polygon_assets.sandbox.ecs.names import arn


class TaskDefinition(msgspec.Struct):
    """One revision of a family.

    Attributes:
        family: Name shared by its revisions.
        revision: Counts from 1.
        body: The other fields of RegisterTaskDefinition, as given.
        registered_at: Unix time.
        status: ``ACTIVE``, or ``INACTIVE`` once it is deregistered.
        deregistered_at: Unix time; 0 while it is active.
    """

    family: str
    revision: int
    body: dict[str, Any]
    registered_at: float
    status: str = "ACTIVE"
    deregistered_at: float = 0.0

    @property
    def arn(self) -> str:
        """Its ARN, which ends with family and revision."""
        return arn("task-definition", f"{self.family}:{self.revision}")

    @property
    def container(self) -> dict[str, Any]:
        """The definition of its only container."""
        return self.body["containerDefinitions"][0]


class Deployment(msgspec.Struct):
    """A wish of a service: run this definition. The last one is the primary one."""

    task_definition: str
    created_at: float
    id: str = msgspec.field(default_factory=lambda: f"ecs-svc/{uuid.uuid4().int % 10**19}")


class Service(msgspec.Struct):
    """A desired count of tasks of one definition.

    Attributes:
        body: The fields of CreateService that are only echoed, as given.
    """

    name: str
    cluster: str
    desired_count: int
    deployment: Deployment
    created_at: float
    maximum_percent: int = 200
    minimum_healthy_percent: int = 100
    status: str = "ACTIVE"
    body: dict[str, Any] = {}

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn("service", self.cluster, self.name)


class State(msgspec.Struct):
    """Everything that is kept on disk."""

    clusters: dict[str, float] = {}
    """Creation time by name."""
    definitions: list[TaskDefinition] = []
    services: list[Service] = []

    def find_definition(self, reference: str) -> TaskDefinition | None:
        """A definition by ``family:revision`` or ARN, or the newest active one of a ``family``."""
        family, _, revision = reference.rpartition("/")[2].partition(":")
        found = [
            definition
            for definition in self.definitions
            if definition.family == family
            and (
                revision == str(definition.revision) if revision else definition.status == "ACTIVE"
            )
        ]
        return max(found, key=lambda definition: definition.revision, default=None)

    def find_service(self, cluster: str, name: str) -> Service | None:
        """A service by name."""
        for service in self.services:
            if (service.cluster, service.name) == (cluster, name):
                return service
        return None

    def register(self, family: str, body: dict[str, Any]) -> TaskDefinition:
        """Add the next revision of a family."""
        revisions = [one.revision for one in self.definitions if one.family == family]
        revision = max(revisions, default=0) + 1
        definition = TaskDefinition(family, revision, body, time.time())
        self.definitions.append(definition)
        return definition


def load_state(folder: Path) -> State:
    """Read the state.

    Raises:
        msgspec.DecodeError: The file was changed by something else.
    """
    file = folder / "state.json"
    if not file.exists():
        return State()
    return msgspec.json.decode(file.read_bytes(), type=State)


def save_state(folder: Path, state: State) -> None:
    """Write the state; a crash leaves the old one or the new one."""
    temporary = folder / "state.json.new"
    with temporary.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(state)))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / "state.json")
