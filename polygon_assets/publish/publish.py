"""Bring an Airbyte workspace to what the repository says: definition, sources, connections.

Publishing once more changes nothing. What publishing does not own stays as it is: the window of a
source (Dagster sets it before each sync), settings that only Airbyte has, objects of other names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from polygon_assets.connections import AirbyteConnection
from polygon_assets.env import Names
from polygon_assets.preflight import AIRBYTE, POLYGON, SNOWFLAKE, endpoints
from polygon_assets.publish.api import AirbyteApi, PublishError
from polygon_assets.publish.differences import (
    changed_connection,
    changed_settings,
    manifest_differences,
    switches_credentials,
)
from polygon_assets.publish.wanted import DEFINITION, DESTINATION, WINDOW, Wanted, wanted
from polygon_assets.settings import AirbyteSettings

Json = dict[str, Any]
Action = Literal["create", "update", "unchanged"]


@dataclass(frozen=True)
class Change:
    """What publishing does with one object.

    Attributes:
        kind: definition, source, destination or connection.
        name: Its name in the workspace.
        action: ``create``, ``update`` or ``unchanged``.
        details: What changes, a line each; never a secret.
    """

    kind: str
    name: str
    action: Action
    details: tuple[str, ...] = ()


Report = Callable[[Change], None]


def publish(
    names: Names,
    *,
    dry_run: bool = False,
    update_secrets: bool = False,
    report: Report = lambda _: None,
) -> list[Change]:
    """Create or update everything that one deployment needs in its Airbyte workspace.

    Args:
        names: The deployment.
        dry_run: Only read, and tell what would be done.
        update_secrets: Send the secrets of existing objects again. Airbyte does not show them, so
            it cannot be known whether they changed.
        report: Called with each change when it is done.

    Returns:
        The changes, in the order in which they were made.

    Raises:
        PublishError: Airbyte is off in this deployment, or refused, or holds objects that cannot be
            told apart or belong to another deployment.
        MissingCredentialError: A secret that would be published is not set.
        ServiceUnreachableError: Airbyte does not answer.
    """
    if not names.airbyte_database:
        raise PublishError(
            "Airbyte is off in branch deployments: they read the raw tables of production. Publish "
            "with POLYGON_DEPLOYMENT=prod, or locally."
        )
    for endpoint in endpoints():
        if endpoint.system in (AIRBYTE, POLYGON, SNOWFLAKE):
            endpoint.require_credentials()
    target = wanted(names)
    api = AirbyteApi(AirbyteSettings())
    api.connect()
    publisher = _Publisher(api, target, report, dry_run=dry_run, update_secrets=update_secrets)
    return publisher.run()


class _Publisher:
    """One run over one workspace."""

    def __init__(
        self,
        api: AirbyteApi,
        target: Wanted,
        report: Report,
        *,
        dry_run: bool,
        update_secrets: bool,
    ) -> None:
        self._api = api
        self._target = target
        self._report = report
        self._dry_run = dry_run
        self._update_secrets = update_secrets
        self._changes: list[Change] = []
        self._definitions_path = f"/workspaces/{api.workspace_id}/definitions/declarative_sources"

    def run(self) -> list[Change]:
        # Everything is read, and doubtful names are refused, before anything is written.
        names = [connection.name for connection in self._target.connections]
        definitions = cast("list[Json]", self._api.get(self._definitions_path)["data"])
        definition = _by_name("definition", definitions, [DEFINITION]).get(DEFINITION)
        destinations = _by_name("destination", self._api.all("/destinations"), [DESTINATION])
        sources = _by_name("source", self._api.all("/sources"), names)
        connections = _by_name("connection", self._api.all("/connections"), names)
        self._require_own(destinations.get(DESTINATION), definition, sources)

        definition_id = self._definition(definition)
        destination_id = self._destination(destinations.get(DESTINATION))
        for connection in self._target.connections:
            name = connection.name
            source_id = self._source(name, sources.get(name), definition_id)
            ends = {"sourceId": source_id, "destinationId": destination_id}
            self._connection(connection, connections.get(name), ends)
        return self._changes

    def _require_own(
        self, destination: Json | None, definition: Json | None, sources: Mapping[str, Json]
    ) -> None:
        ours = self._target.destination["database"]
        found = destination["configuration"].get("database", ours) if destination else ours
        if found != ours:
            raise PublishError(
                f"The destination {DESTINATION} writes to {found}, not to {ours}: this workspace "
                "belongs to another deployment. Check AIRBYTE_WORKSPACE_ID and POLYGON_DEPLOYMENT."
            )
        for name, source in sources.items():
            if definition is None or source["definitionId"] != definition["id"]:
                raise PublishError(
                    f"The source {name} is not one of the definition {DEFINITION}: rename or "
                    "delete it in Airbyte, and publish once more."
                )

    def _definition(self, current: Json | None) -> str:
        manifest = self._target.manifest
        if current is None:
            body = {"name": DEFINITION, "manifest": manifest}
            details = (f"{len(self._target.streams)} streams",)
            made = self._write("POST", self._definitions_path, body)
            return self._done("definition", DEFINITION, "create", details, made, "id")
        details = manifest_differences(current["manifest"], manifest)
        if not details:
            return self._done("definition", DEFINITION, "unchanged", (), current, "id")
        path = f"{self._definitions_path}/{current['id']}"
        self._write("PUT", path, {"manifest": manifest})
        return self._done("definition", DEFINITION, "update", details, current, "id")

    def _destination(self, current: Json | None) -> str:
        settings = self._target.destination
        whole = {"name": DESTINATION, "configuration": settings}
        if current is None:
            body = whole | {"workspaceId": self._api.workspace_id}
            details = (f"{settings['database']}.{settings['schema']}",)
            made = self._write("POST", "/destinations", body)
            return self._done("destination", DESTINATION, "create", details, made, "destinationId")
        changes, details = changed_settings(
            current["configuration"],
            {key: value for key, value in settings.items() if key != "destinationType"},
            self._target.secrets,
            update_secrets=self._update_secrets,
        )
        path = f"/destinations/{current['destinationId']}"
        if switches_credentials(current["configuration"], settings):
            # A merge would leave the other kind's secret beside the new one.
            self._write("PUT", path, whole)
        elif changes:
            self._write("PATCH", path, {"configuration": changes})
        action: Action = "update" if changes else "unchanged"
        return self._done("destination", DESTINATION, action, details, current, "destinationId")

    def _source(self, name: str, current: Json | None, definition_id: str) -> str:
        settings = self._target.source
        if current is None:
            body = {
                "name": name,
                "workspaceId": self._api.workspace_id,
                "definitionId": definition_id,
                "configuration": settings,
            }
            made = self._write("POST", "/sources", body)
            return self._done("source", name, "create", (settings["base_url"],), made, "sourceId")
        changes, details = changed_settings(
            current["configuration"],
            {key: value for key, value in settings.items() if key not in WINDOW},
            self._target.secrets,
            update_secrets=self._update_secrets,
        )
        if changes:
            path = f"/sources/{current['sourceId']}"
            self._write("PATCH", path, {"configuration": changes})
        action: Action = "update" if changes else "unchanged"
        return self._done("source", name, action, details, current, "sourceId")

    def _connection(
        self, connection: AirbyteConnection, current: Json | None, ends: dict[str, str]
    ) -> None:
        settings = self._target.connection_settings(connection)
        if current is None:
            body = {"name": connection.name, **ends, **settings}
            details = (f"streams {', '.join(connection.streams)}",)
            made = self._write("POST", "/connections", body)
            self._done("connection", connection.name, "create", details, made, "connectionId")
            return
        if any(current[end] != identity for end, identity in ends.items()):
            raise PublishError(
                f"The connection {connection.name} joins another source or destination than "
                f"{connection.name} and {DESTINATION}, which Airbyte cannot change: rename or "
                "delete it in Airbyte, and publish once more."
            )
        changes, details = changed_connection(current, settings)
        if changes:
            self._write("PATCH", f"/connections/{current['connectionId']}", changes)
        action: Action = "update" if changes else "unchanged"
        self._done("connection", connection.name, action, details, current, "connectionId")

    def _write(self, method: str, path: str, body: Json) -> Json:
        return {} if self._dry_run else self._api.write(method, path, body)

    def _done(
        self, kind: str, name: str, action: Action, details: tuple[str, ...], item: Json, key: str
    ) -> str:
        """Report what was done; returns the object's identity, empty where it is not made yet."""
        change = Change(kind, name, action, details)
        self._changes.append(change)
        self._report(change)
        return str(item.get(key, ""))


def _by_name(kind: str, found: list[Json], names: list[str]) -> dict[str, Json]:
    """The objects of these names.

    Raises:
        PublishError: Several have the same one of these names.
    """
    ours = [one for one in found if one["name"] in names]
    held = [str(one["name"]) for one in ours]
    doubled = sorted({name for name in held if held.count(name) > 1})
    if doubled:
        raise PublishError(
            f"Several {kind}s in the Airbyte workspace have the same name: {', '.join(doubled)}. "
            "Rename or delete all but one, and publish once more."
        )
    return {str(one["name"]): one for one in ours}
