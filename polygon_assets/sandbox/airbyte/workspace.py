"""The workspace: what may be made, changed and removed in it.

It starts empty. ``polygon connector publish`` fills it through the API, as it fills one of Airbyte
Cloud.
"""

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from polygon_assets.publish.manifest import (
    ManifestError,
    Stream,
    connection_specification,
    read_streams,
)
from polygon_assets.sandbox.airbyte import configuration as settings
from polygon_assets.sandbox.airbyte.bodies import (
    ChangedActor,
    ChangedConnection,
    NewActor,
    NewConnection,
    NewDefinition,
    WholeActor,
)
from polygon_assets.sandbox.airbyte.catalog import ConfiguredStream, checked_streams
from polygon_assets.sandbox.airbyte.destination import DEFINITION_ID, SPECIFICATION
from polygon_assets.sandbox.airbyte.objects import (
    Connection,
    Definition,
    Destination,
    Kind,
    Objects,
    Source,
)
from polygon_assets.sandbox.airbyte.problems import RefusedError

DEFAULT_WORKSPACE_ID = "00000000-0000-4000-8000-000000000001"

Json = dict[str, Any]


class Workspace:
    """One workspace over the stored objects."""

    def __init__(self, objects: Objects, environment: Mapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        self.workspace_id = given.get("AIRBYTE_WORKSPACE_ID") or DEFAULT_WORKSPACE_ID
        self._objects = objects

    def get(self, kind: type[Kind], identity: str) -> Kind:
        """The object with this identity.

        Raises:
            RefusedError: There is none of this kind.
        """
        found = self._objects.find(kind, identity)
        if found is None:
            raise RefusedError(404, f"There is no {kind.kind} {identity}.")
        return found

    def all(self, kind: type[Kind]) -> list[Kind]:
        """Every object of a kind, in the order of creation."""
        return self._objects.all(kind)

    def require(self, workspace_id: str) -> None:
        """Look whether this is the workspace.

        Raises:
            RefusedError: It is another one.
        """
        if workspace_id != self.workspace_id:
            raise RefusedError(404, f"There is no workspace {workspace_id}.")

    def streams(self, connection: Connection) -> list[ConfiguredStream]:
        """The streams of a connection, as its source's manifest has them now.

        Raises:
            RefusedError: The manifest has lost one of them.
        """
        known = self.known_streams(connection.source_id)
        return [
            ConfiguredStream(
                known[one.name], one.sync_mode or "full_refresh_append", connection.prefix
            )
            for one in checked_streams(known, connection.streams)
        ]

    def known_streams(self, source_id: str) -> dict[str, Stream]:
        """Every stream of a source, by name."""
        return read_streams(self.definition_of(self.get(Source, source_id)).manifest)

    def definition_of(self, source: Source) -> Definition:
        """The definition of a source."""
        return self.get(Definition, source.definition_id)

    # definitions

    def create_definition(self, body: NewDefinition) -> Definition:
        """Add a definition."""
        _require_manifest(body.manifest)
        return self._objects.save(Definition(name=body.name, manifest=body.manifest))

    def change_definition(self, definition: Definition, manifest: Json) -> Definition:
        """Replace a manifest; running syncs keep the one that they started with."""
        _require_manifest(manifest)
        changed = msgspec.structs.replace(
            definition, manifest=manifest, version=definition.version + 1
        )
        return self._objects.save(changed)

    def delete_definition(self, definition: Definition) -> None:
        """Remove a definition that no source uses."""
        used = [one.name for one in self.all(Source) if one.definition_id == definition.id]
        self._remove(definition, used)

    # sources and destinations

    def create_source(self, body: NewActor) -> Source:
        """Add a source of a declarative definition."""
        self.require(body.workspace_id)
        if body.definition_id is None:
            raise RefusedError(400, "definitionId is missing: only declarative sources are here.")
        definition = self.get(Definition, body.definition_id)
        source = Source(
            name=body.name, definition_id=definition.id, configuration=body.configuration
        )
        return self._save_source(source)

    def create_destination(self, body: NewActor) -> Destination:
        """Add a Snowflake destination."""
        self.require(body.workspace_id)
        kind = body.configuration.get("destinationType")
        if kind != "snowflake" and body.definition_id != DEFINITION_ID:
            raise RefusedError(
                400,
                f"Destinations of type {kind or body.definition_id!r} are not supported here; "
                "only `snowflake` is.",
            )
        return self._save_destination(Destination(name=body.name, configuration=body.configuration))

    def change_source(self, source: Source, body: ChangedActor | WholeActor) -> Source:
        """Change a source: a PATCH merges the configuration, a PUT replaces it."""
        changed = _changed_configuration(source.configuration, body)
        return self._save_source(
            msgspec.structs.replace(source, name=body.name or source.name, configuration=changed)
        )

    def change_destination(
        self, destination: Destination, body: ChangedActor | WholeActor
    ) -> Destination:
        """Change a destination: a PATCH merges the configuration, a PUT replaces it."""
        changed = _changed_configuration(destination.configuration, body)
        return self._save_destination(
            msgspec.structs.replace(
                destination, name=body.name or destination.name, configuration=changed
            )
        )

    def delete_source(self, source: Source) -> None:
        """Remove a source that no connection uses."""
        self._remove(source, self._connections_of(source.id))

    def delete_destination(self, destination: Destination) -> None:
        """Remove a destination that no connection uses."""
        self._remove(destination, self._connections_of(destination.id))

    # connections

    def create_connection(self, body: NewConnection) -> Connection:
        """Add a connection. Without streams it has none, and syncs nothing."""
        source = self.get(Source, body.source_id)
        destination = self.get(Destination, body.destination_id)
        asked = body.configurations.streams if body.configurations else []
        return self._objects.save(
            Connection(
                name=body.name or f"{source.name} -> {destination.name}",
                source_id=source.id,
                destination_id=destination.id,
                streams=checked_streams(self.known_streams(source.id), asked),
                prefix=body.prefix,
                status=body.status,
                non_breaking_schema_updates_behavior=body.non_breaking_schema_updates_behavior,
            )
        )

    def change_connection(self, connection: Connection, body: ChangedConnection) -> Connection:
        """Change what a PATCH names."""
        changes: Json = {
            name: value
            for name in ("name", "prefix", "status", "non_breaking_schema_updates_behavior")
            if (value := getattr(body, name)) is not None
        }
        if body.configurations is not None:
            known = self.known_streams(connection.source_id)
            changes["streams"] = checked_streams(known, body.configurations.streams)
        return self._objects.save(msgspec.structs.replace(connection, **changes))

    def delete_connection(self, connection: Connection) -> None:
        """Remove a connection; its tables and states stay in the warehouse."""
        self._objects.delete(connection)

    def _save_source(self, source: Source) -> Source:
        manifest = self.definition_of(source).manifest
        settings.check(source.configuration, connection_specification(manifest))
        return self._objects.save(source)

    def _save_destination(self, destination: Destination) -> Destination:
        settings.check(destination.configuration, SPECIFICATION)
        return self._objects.save(destination)

    def _connections_of(self, identity: str) -> list[str]:
        return [
            one.name
            for one in self.all(Connection)
            if identity in (one.source_id, one.destination_id)
        ]

    def _remove(self, item: Definition | Source | Destination, used_by: list[str]) -> None:
        if used_by:
            raise RefusedError(
                409, f"{item.name} is used by {', '.join(used_by)}: delete them first."
            )
        self._objects.delete(item)


def _changed_configuration(current: Json, body: ChangedActor | WholeActor) -> Json:
    if isinstance(body, WholeActor):
        return settings.with_secrets_of(current, body.configuration)
    return settings.merged(current, body.configuration or {})


def _require_manifest(manifest: Json) -> None:
    try:
        read_streams(manifest)
    except ManifestError as error:
        raise RefusedError(422, str(error)) from error
