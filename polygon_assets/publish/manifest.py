"""The connector's manifest: which streams it has, and which of its settings are secrets.

The streams' schemas stand in the manifest itself, so nothing has to run to know them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from polygon_assets.env import PROJECT_ROOT

MANIFEST_FILE = PROJECT_ROOT / "airbyte_connector" / "manifest.yaml"

Json = dict[str, Any]


class ManifestError(ValueError):
    """The manifest is missing, or is not one of a connector; the text says why."""


@dataclass(frozen=True)
class Stream:
    """One stream of the connector.

    Attributes:
        name: Name of the stream, such as ``daily_bars``.
        json_schema: The whole schema, as ``discover`` reports it.
        primary_key: Names of the fields that make a record unique; empty if there are none.
        cursor_field: Name of the field that the state is about; empty if it has no state.
    """

    name: str
    json_schema: Json
    primary_key: tuple[str, ...]
    cursor_field: str

    @property
    def fields(self) -> dict[str, Json]:
        """JSON schema of each field, by name."""
        return self.json_schema["properties"]

    @property
    def cursor_path(self) -> list[str]:
        """The cursor as Airbyte writes it: a path of names."""
        return [self.cursor_field] if self.cursor_field else []

    @property
    def key_paths(self) -> list[list[str]]:
        """The primary key as Airbyte writes it: a list of paths."""
        return [[field] for field in self.primary_key]


def read_manifest(path: Path = MANIFEST_FILE) -> Json:
    """Read a manifest from its YAML file, as the JSON object that Airbyte takes.

    Raises:
        ManifestError: There is no such file, or it is not YAML with an object.
    """
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506 - both are safe
    except OSError as error:
        raise ManifestError(f"Cannot read the manifest {path}: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise ManifestError(f"The manifest {path} is not YAML: {error}.") from error
    if not isinstance(document, dict):
        raise ManifestError(f"The manifest {path} is not an object with streams.")
    return cast("Json", document)


def read_streams(manifest: Json) -> dict[str, Stream]:
    """Every stream of a manifest, in its order, by name.

    Raises:
        ManifestError: It does not describe streams with inline schemas.
    """
    try:
        streams = [_stream(entry) for entry in stream_definitions(manifest).values()]
    except (KeyError, TypeError, AttributeError) as error:
        raise ManifestError(f"This is not a manifest with streams: {error!r}.") from error
    return {stream.name: stream for stream in streams}


def stream_definitions(manifest: Json) -> dict[str, Json]:
    """Everything that a manifest says of each of its streams, references resolved, by name."""
    entries = cast("list[Json]", _resolve(manifest["streams"], manifest))
    return {str(entry["name"]): entry for entry in _flat(entries)}


def connection_specification(manifest: Json) -> Json:
    """The JSON schema of the connector's settings; an open one if the manifest has none."""
    spec = cast("Json", _resolve(manifest.get("spec") or {}, manifest))
    return spec.get("connection_specification") or {"type": "object", "properties": {}}


def secret_settings(manifest: Json) -> frozenset[str]:
    """Names of the settings that Airbyte hides."""
    properties = cast("dict[str, Json]", connection_specification(manifest).get("properties") or {})
    return frozenset(name for name, one in properties.items() if one.get("airbyte_secret"))


def _flat(entries: list[Json]) -> Iterator[Json]:
    """The streams, with those that a setting switches on."""
    for entry in entries:
        if entry.get("type") == "ConditionalStreams":
            yield from _flat(entry["streams"])
        else:
            yield entry


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
    if "properties" not in schema:
        raise KeyError(f"properties of the schema of {entry['name']}")
    return Stream(
        name=str(entry["name"]),
        json_schema=schema,
        primary_key=_key(entry.get("primary_key") or []),
        cursor_field=str((entry.get("incremental_sync") or {}).get("cursor_field") or ""),
    )


def _key(declared: str | list[Any]) -> tuple[str, ...]:
    """A primary key in each of the ways that a manifest may write it."""
    if isinstance(declared, str):
        return (declared,)
    return tuple(str(part[0]) if isinstance(part, list) else str(part) for part in declared)
