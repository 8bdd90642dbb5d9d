"""The streams of a connection: what its source has, and how each is synced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polygon_assets.publish.manifest import Stream
from polygon_assets.sandbox.airbyte.bodies import StreamConfiguration, SyncMode
from polygon_assets.sandbox.airbyte.problems import RefusedError

Json = dict[str, Any]

_MODES: dict[SyncMode, tuple[str, str]] = {
    "full_refresh_append": ("full_refresh", "append"),
    "incremental_append": ("incremental", "append"),
    "incremental_deduped_history": ("incremental", "append_dedup"),
}
"""The modes of the sandbox's Snowflake destination: how it is read, and how it is written."""


@dataclass(frozen=True)
class ConfiguredStream:
    """One stream on its way to one table.

    Attributes:
        stream: The stream.
        sync_mode: How it is read and written.
        prefix: In front of the stream's name in the name of its table.
    """

    stream: Stream
    sync_mode: SyncMode = "incremental_deduped_history"
    prefix: str = ""

    @property
    def name(self) -> str:
        """Name of the stream."""
        return self.stream.name

    @property
    def table(self) -> str:
        """Name of the table, in upper case."""
        return f"{self.prefix}{self.stream.name}".upper()

    @property
    def keeps_last(self) -> bool:
        """Whether a record replaces an earlier one with the same key."""
        return _MODES[self.sync_mode][1] == "append_dedup"

    @property
    def is_incremental(self) -> bool:
        """Whether a sync goes on from where the last one ended."""
        return _MODES[self.sync_mode][0] == "incremental"

    def configured(self) -> Json:
        """The stream's entry in the connector's configured catalog (Airbyte protocol)."""
        read, written = _MODES[self.sync_mode]
        return {
            "stream": discovered(self.stream),
            "sync_mode": read,
            "destination_sync_mode": written,
            "cursor_field": self.stream.cursor_path,
            "primary_key": self.stream.key_paths,
        }


def discovered(stream: Stream) -> Json:
    """A stream as the connector's ``discover`` reports it."""
    found: Json = {
        "name": stream.name,
        "json_schema": stream.json_schema,
        "supported_sync_modes": _read_modes(stream),
        "source_defined_primary_key": stream.key_paths,
    }
    if stream.cursor_field:
        found |= {"source_defined_cursor": True, "default_cursor_field": stream.cursor_path}
    return found


def sync_catalog(stream: Stream, chosen: StreamConfiguration | None) -> Json:
    """A stream's entry in ``syncCatalog`` (configuration API), chosen for the sync or not."""
    read, written = _MODES[chosen.sync_mode] if chosen and chosen.sync_mode else (None, None)
    return {
        "stream": {
            "name": stream.name,
            "jsonSchema": stream.json_schema,
            "supportedSyncModes": _read_modes(stream),
            "sourceDefinedCursor": bool(stream.cursor_field),
            "defaultCursorField": stream.cursor_path,
            "sourceDefinedPrimaryKey": stream.key_paths,
        },
        "config": {
            "syncMode": read or "full_refresh",
            "destinationSyncMode": written or "append",
            "cursorField": stream.cursor_path,
            "primaryKey": stream.key_paths,
            "aliasName": stream.name,
            "selected": chosen is not None,
        },
    }


def checked_streams(
    known: Mapping[str, Stream], asked: Sequence[StreamConfiguration]
) -> list[StreamConfiguration]:
    """The streams that a client asks for, with the source's own cursors and keys filled in.

    Args:
        known: The source's streams by name.
        asked: What the client sent.

    Raises:
        RefusedError: A stream that the source lacks, or that stands there twice; a sync mode that
            stream or destination do not support; another cursor or key than the source's.
    """
    names = [one.name for one in asked]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise RefusedError(
            400, f"Duplicate stream found in configuration for: {', '.join(doubled)}."
        )
    if unknown := [name for name in names if name not in known]:
        raise RefusedError(
            400,
            f"Invalid stream found: {', '.join(unknown)}. The list of valid streams include: "
            f"{', '.join(known)}.",
        )
    return [_checked(known[one.name], one) for one in asked]


def _checked(stream: Stream, asked: StreamConfiguration) -> StreamConfiguration:
    valid = [
        mode
        for mode, (read, written) in _MODES.items()
        if read in _read_modes(stream) and (written != "append_dedup" or stream.primary_key)
    ]
    if asked.sync_mode not in valid:
        raise RefusedError(
            400,
            f"Cannot set sync mode to {asked.sync_mode} for stream {stream.name}. Valid sync "
            f"modes are: {', '.join(valid)}.",
        )
    if asked.cursor_field not in ([], stream.cursor_path):
        raise RefusedError(
            400,
            f"Cursor Field {asked.cursor_field} is already defined by source for stream: "
            f"{stream.name}. Do not include a cursor field configuration for this stream.",
        )
    if asked.primary_key not in ([], stream.key_paths):
        raise RefusedError(
            400,
            f"Primary key for stream: {stream.name} is already pre-defined. Please remove the "
            f"primaryKey or provide the value as {stream.key_paths}.",
        )
    if asked.mappers:
        raise RefusedError(400, f"Mappers are not supported here (stream {stream.name}).")
    return StreamConfiguration(
        name=stream.name,
        sync_mode=asked.sync_mode,
        cursor_field=stream.cursor_path,
        primary_key=stream.key_paths,
    )


def _read_modes(stream: Stream) -> list[str]:
    return ["full_refresh", "incremental"] if stream.cursor_field else ["full_refresh"]
