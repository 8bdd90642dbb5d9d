"""What differs between an Airbyte workspace and what it should hold, and how to say it."""

from collections.abc import Mapping
from typing import Any, cast

from polygon_assets.publish.manifest import ManifestError, read_streams

Json = dict[str, Any]
Details = tuple[str, ...]


def manifest_differences(current: Json, ours: Json) -> Details:
    """Which streams and which other parts of two manifests differ; empty if they are equal."""
    if current == ours:
        return ()
    try:
        before, after = read_streams(current), read_streams(ours)
    except ManifestError:
        return ("manifest",)
    added = [f"+ {name}" for name in after if name not in before]
    removed = [f"- {name}" for name in before if name not in after]
    changed = [name for name in after if name in before and before[name] != after[name]]
    return (*added, *removed, *changed) or ("manifest",)


def changed_settings(
    current: Mapping[str, Any],
    ours: Mapping[str, Any],
    secrets: frozenset[str],
    *,
    update_secrets: bool,
) -> tuple[Json, Details]:
    """The settings of a source or a destination that differ, and a line about each.

    Args:
        current: Settings as Airbyte shows them, its secrets masked.
        ours: Settings as they should be. What only Airbyte has stays.
        secrets: Names of settings whose values cannot be compared.
        update_secrets: Take the secrets for different.
    """
    changes: Json = {}
    details: list[str] = []
    for name, value in ours.items():
        before = current.get(name)
        if isinstance(value, dict):
            inner, lines = changed_settings(
                cast("Json", before or {}),
                cast("Json", value),
                secrets,
                update_secrets=update_secrets,
            )
            if inner:
                changes[name] = inner
                details += [f"{name}.{line}" for line in lines]
        elif name in secrets:
            if update_secrets or not before:
                changes[name] = value
                details.append(f"{name} (secret)")
        elif before != value:
            changes[name] = value
            details.append(f"{name}: {_shown(before)} -> {_shown(value)}")
    return changes, tuple(details)


def switches_credentials(current: Json, ours: Json) -> bool:
    """Whether the destination logs in another way than before: by password or by key."""
    before, after = current.get("credentials") or {}, ours["credentials"]
    return before.get("auth_type") != after["auth_type"]


def changed_connection(current: Json, ours: Json) -> tuple[Json, Details]:
    """The settings of a connection that differ, and a line about each.

    Streams are compared by what publishing sets of them; all are sent when one differs, because
    Airbyte replaces them as a whole.
    """
    changes: Json = {}
    details: list[str] = []
    for name, value in ours.items():
        before = current.get(name)
        if name == "configurations":
            lines = _stream_differences(cast("Json", before or {}), cast("Json", value))
        elif name == "schedule":
            is_same = cast("Json", before or {}).get("scheduleType") == value["scheduleType"]
            lines = [] if is_same else [f"schedule: {_shown(before)} -> {_shown(value)}"]
        else:
            is_same = (before or "") == value
            lines = [] if is_same else [f"{name}: {_shown(before)} -> {_shown(value)}"]
        if lines:
            changes[name] = value
            details += lines
    return changes, tuple(details)


def _stream_differences(current: Json, ours: Json) -> list[str]:
    before = {stream["name"]: stream for stream in current.get("streams") or []}
    after = {stream["name"]: stream for stream in ours["streams"]}
    lines = [f"+ {name}" for name in after if name not in before]
    lines += [f"- {name}" for name in before if name not in after]
    lines += [
        f"{name}.{setting}: {_shown(before[name].get(setting))} -> {_shown(value)}"
        for name, stream in after.items()
        if name in before
        for setting, value in stream.items()
        if before[name].get(setting) != value
    ]
    return lines


def _shown(value: Any) -> str:
    if value in (None, ""):
        return "nothing"
    if isinstance(value, list):
        return ",".join(_shown(part) for part in cast("list[Any]", value)) or "nothing"
    if isinstance(value, dict):
        return ",".join(_shown(part) for part in cast("Json", value).values()) or "nothing"
    return str(value)
