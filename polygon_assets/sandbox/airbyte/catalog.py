"""The streams of the connector, read from its manifest.

The schemas stand in the manifest itself, so the catalog needs no ``discover`` run, which would cost
two seconds of start-up.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

Json = dict[str, Any]


class ManifestError(Exception):
    """The manifest is missing, or is not one of a connector; the text names the file."""


@dataclass(frozen=True)
class Stream:
    """One stream of the connector, synced incrementally and kept unique by its primary key.

    Attributes:
        name: Name of the stream, such as ``daily_bars``.
        fields: JSON schema of each field, by name.
        json_schema: The whole schema, as ``discover`` reports it.
        primary_key: Names of the fields that make a record unique.
        cursor_field: Name of the field that the state is about.
    """

    name: str
    fields: dict[str, Json]
    json_schema: Json
    primary_key: tuple[str, ...]
    cursor_field: str

    def configured(self) -> Json:
        """The stream's entry in the connector's configured catalog (Airbyte protocol)."""
        return {
            "stream": {
                "name": self.name,
                "json_schema": self.json_schema,
                "supported_sync_modes": ["full_refresh", "incremental"],
                "source_defined_cursor": True,
                "default_cursor_field": [self.cursor_field],
                "source_defined_primary_key": [[field] for field in self.primary_key],
            },
            "sync_mode": "incremental",
            "destination_sync_mode": "append_dedup",
            "cursor_field": [self.cursor_field],
            "primary_key": [[field] for field in self.primary_key],
        }

    def sync_catalog(self) -> Json:
        """The stream's entry in ``syncCatalog`` (configuration API)."""
        key = [[field] for field in self.primary_key]
        return {
            "stream": {
                "name": self.name,
                "jsonSchema": self.json_schema,
                "supportedSyncModes": ["full_refresh", "incremental"],
                "sourceDefinedCursor": True,
                "defaultCursorField": [self.cursor_field],
                "sourceDefinedPrimaryKey": key,
            },
            "config": {
                "syncMode": "incremental",
                "destinationSyncMode": "append_dedup",
                "cursorField": [self.cursor_field],
                "primaryKey": key,
                "aliasName": self.name,
                "selected": True,
            },
        }


def read_streams(manifest: Path) -> dict[str, Stream]:
    """Read every stream of a manifest, in its order, by name.

    Raises:
        ManifestError: There is no such file, or it does not describe streams with inline schemas.
    """
    try:
        document = cast("Json", yaml.load(manifest.read_bytes(), Loader=_loader()))  # noqa: S506 - one of the two is safe
        entries = [cast("Json", _resolve(entry, document)) for entry in document["streams"]]
        streams = [_stream(entry) for entry in entries]
    except OSError as error:
        raise ManifestError(f"Cannot read the manifest {manifest}: {error.strerror}.") from error
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ManifestError(f"{manifest} is not a manifest with streams: {error!r}.") from error
    return {stream.name: stream for stream in streams}


def _loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _resolve(node: Any, document: Json) -> Any:
    """Replace ``{"$ref": "#/a/b", ...}`` by what it names; keys beside the reference win."""
    if isinstance(node, list):
        return [_resolve(item, document) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    own = cast("Json", node)
    target: Json = {}
    if reference := own.get("$ref"):
        found: Any = document
        for part in str(reference).removeprefix("#/").split("/"):
            found = found[part]
        target = _resolve(found, document)
    return target | {key: _resolve(value, document) for key, value in own.items() if key != "$ref"}


def _stream(entry: Json) -> Stream:
    schema = cast("Json", entry["schema_loader"]["schema"])
    return Stream(
        name=entry["name"],
        fields=schema["properties"],
        json_schema=schema,
        primary_key=tuple(entry["primary_key"]),
        cursor_field=entry["incremental_sync"]["cursor_field"],
    )
