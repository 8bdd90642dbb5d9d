"""What the tests of publishing share."""

from typing import Any

from airbyte_server import WORKSPACE_ID, Airbyte

from polygon_assets.connections import CONNECTIONS
from polygon_assets.env import deployment_names
from polygon_assets.publish.publish import Change, publish

DEFINITIONS = f"/workspaces/{WORKSPACE_ID}/definitions/declarative_sources"
OBJECTS = 2 + 2 * len(CONNECTIONS)


class Recorder:
    """The requests that publishing sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []

    def writes(self) -> list[tuple[str, str, Any]]:
        return [one for one in self.sent if one[0] != "GET" and "token" not in one[1]]


def run(**options: bool) -> list[Change]:
    return publish(deployment_names(), **options)


def found(changes: list[Change], action: str) -> dict[str, tuple[str, ...]]:
    return {f"{one.kind} {one.name}": one.details for one in changes if one.action == action}


def source(server: Airbyte, name: str) -> dict[str, Any]:
    return next(one for one in server.call("GET", "/sources")["data"] if one["name"] == name)


def delete(server: Airbyte, connection: dict[str, Any]) -> None:
    path = f"/api/public/v1/connections/{connection['connectionId']}"
    assert server.raw_call("DELETE", path)[0] == 204
