"""Values bound by the client on the server side (``?`` and ``:1``)."""

from decimal import Decimal
from typing import Any

from fakesnow.converter import from_binding

Binding = dict[str, Any]


def bound_values(bindings: dict[str, Binding]) -> tuple[Any, ...] | dict[str, Any]:
    """The values of one execution, by position or, where the client named them, by name."""
    if all(key.isdigit() for key in bindings):
        return tuple(_value(bindings[str(place)]) for place in range(1, len(bindings) + 1))
    return {name: _value(binding) for name, binding in bindings.items()}


def is_batch(bindings: dict[str, Binding]) -> bool:
    """Whether each place holds a list of values, one per row."""
    return any(isinstance(binding["value"], list) for binding in bindings.values())


def batch_rows(bindings: dict[str, Binding]) -> list[tuple[Any, ...]]:
    """The rows of a batch, in order."""
    columns = [
        [_value({**binding, "value": value}) for value in binding["value"]]
        for binding in (bindings[str(place)] for place in range(1, len(bindings) + 1))
    ]
    return list(zip(*columns, strict=True))


def _value(binding: Binding) -> Any:
    value = binding["value"]
    if value is None:
        return None
    if binding["type"] == "FIXED" and not str(value).lstrip("+-").isdigit():
        return Decimal(value)
    if binding["type"] == "REAL":
        return float(value)
    return from_binding(binding)
