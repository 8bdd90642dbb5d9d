"""Reading a request, and cutting a long answer into pages."""

from typing import Any

from polygon_assets.sandbox.ecs import errors

Fields = dict[str, Any]


def required(fields: Fields, name: str) -> Any:
    """A field that must be there.

    Raises:
        EcsError: It is missing or empty.
    """
    value = fields.get(name)
    if not value:
        raise errors.invalid_parameter(f"{name} is required.")
    return value


def count_of_tasks(value: Any) -> int:
    """A number of tasks.

    Raises:
        EcsError: It is no whole number, or negative.
    """
    if not isinstance(value, int) or value < 0:
        raise errors.invalid_parameter(f"{value!r} is not a count of tasks.")
    return value


def page(key: str, arns: list[str], fields: Fields, default_size: int) -> Fields:
    """The part of a list that a request asks for, with the token of the next part."""
    start = int(fields.get("nextToken") or 0)
    end = start + int(fields.get("maxResults") or default_size)
    part: Fields = {key: arns[start:end]}
    return part | {"nextToken": str(end)} if end < len(arns) else part
