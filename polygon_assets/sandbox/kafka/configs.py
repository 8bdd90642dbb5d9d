"""Topic configurations: which ones there are, what they may be, and what they are by default."""

from collections.abc import Mapping
from dataclasses import dataclass

from polygon_assets.sandbox.kafka.errors import ErrorCode, RequestRefused

DEFAULTS: dict[str, str] = {
    "cleanup.policy": "delete",
    "compression.type": "producer",
    "max.message.bytes": "1048588",
    "message.timestamp.type": "CreateTime",
    "min.insync.replicas": "1",
    "retention.bytes": "1073741824",
    "retention.ms": "604800000",
    "segment.bytes": "67108864",
}
"""Value of each configuration where a topic has none of its own; retention.bytes is for each
partition, and -1 keeps everything."""

_SMALLEST: dict[str, int] = {
    "max.message.bytes": 1,
    "retention.bytes": -1,
    "retention.ms": -1,
    "segment.bytes": 1024,
}
"""The configurations that are numbers and may be chosen. The others are fixed."""


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """The configurations of one topic that change what the broker does."""

    max_message_bytes: int
    retention_bytes: int
    retention_ms: int
    segment_bytes: int


def check_configs(configs: Mapping[str, str | None]) -> dict[str, str]:
    """The configurations that a new topic asks for, if all of them can be kept.

    Raises:
        RequestRefused: Unknown name, not a number, too small, or a fixed one that differs.
    """
    for name, value in configs.items():
        if name not in DEFAULTS:
            raise RequestRefused(
                ErrorCode.INVALID_CONFIG,
                f"unknown topic configuration {name!r}: this broker knows {', '.join(DEFAULTS)}",
            )
        if name not in _SMALLEST:
            if value != DEFAULTS[name]:
                raise RequestRefused(
                    ErrorCode.INVALID_CONFIG,
                    f"{name}={value} is not supported: this broker has {DEFAULTS[name]} only",
                )
        elif not _is_number_from(value, _SMALLEST[name]):
            raise RequestRefused(
                ErrorCode.INVALID_CONFIG, f"{name}={value}: not a number from {_SMALLEST[name]} up"
            )
    return {name: value for name, value in configs.items() if value is not None}


SET, DELETE = 0, 1
"""The changes of a configuration that this broker makes; the others are for lists."""


def changed_configs(
    own: Mapping[str, str], changes: list[tuple[str, int, str | None]]
) -> dict[str, str]:
    """A topic's own configurations after a change.

    Args:
        own: Those before.
        changes: Name, operation (SET or DELETE) and value.

    Raises:
        RequestRefused: As in check_configs, or an operation on a list.
    """
    after = dict(own)
    for name, operation, value in changes:
        if operation == SET:
            after |= check_configs({name: value})
        elif operation == DELETE and name in DEFAULTS:
            after.pop(name, None)
        else:
            raise RequestRefused(
                ErrorCode.INVALID_CONFIG, f"{name}: this broker can set and delete it only"
            )
    return after


def _is_number_from(value: str | None, smallest: int) -> bool:
    try:
        return value is not None and smallest <= int(value) < 2**63
    except ValueError:
        return False


def resolved(configs: Mapping[str, str], retention_bytes: int) -> TopicConfig:
    """What applies to a topic.

    Args:
        configs: The topic's own configurations.
        retention_bytes: The broker's default where the topic has none.
    """
    values = DEFAULTS | {"retention.bytes": str(retention_bytes)} | dict(configs)
    return TopicConfig(
        max_message_bytes=int(values["max.message.bytes"]),
        retention_bytes=int(values["retention.bytes"]),
        retention_ms=int(values["retention.ms"]),
        segment_bytes=int(values["segment.bytes"]),
    )
