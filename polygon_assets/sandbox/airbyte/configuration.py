"""Settings of sources and destinations: are they valid, which are secret, how do they merge."""

from collections.abc import Mapping
from typing import Any, cast

from polygon_assets.sandbox.airbyte.problems import RefusedError

Json = dict[str, Any]

SECRET_MASK = "**********"  # noqa: S105 - the mask that Airbyte puts in the place of secrets

_FIRST_ERRORS = 3


def check(configuration: Json, specification: Json) -> None:
    """Compare settings with the connector's specification, a JSON schema.

    Raises:
        RefusedError: They do not fit; the text names each setting and never shows a secret's value.
    """
    from jsonschema import Draft7Validator  # costs a tenth of a second, which the start must not

    found = sorted(Draft7Validator(specification).iter_errors(configuration), key=str)
    if not found:
        return
    secrets = secret_paths(specification)
    texts = [f"{error.json_path}: {_words(error, secrets)}" for error in found[:_FIRST_ERRORS]]
    raise RefusedError(
        422,
        "The provided configuration does not fulfill the specification. Errors: "
        + "; ".join(texts),
    )


def secret_paths(specification: Json) -> frozenset[tuple[str, ...]]:
    """Where the specification marks secrets, in nested objects and alternatives, too."""
    found: set[tuple[str, ...]] = set()
    properties = cast("dict[str, Json]", specification.get("properties") or {})
    for name, one in properties.items():
        if one.get("airbyte_secret"):
            found.add((name,))
        for alternative in [one, *cast("list[Json]", one.get("oneOf") or [])]:
            found |= {(name, *path) for path in secret_paths(alternative)}
    return frozenset(found)


def masked(configuration: Json, secrets: frozenset[tuple[str, ...]]) -> Json:
    """Settings as an answer may show them."""
    return _masked(configuration, secrets, ())


def merged(current: Json, changes: Mapping[str, Any]) -> Json:
    """Settings with changes over them, key by key and object by object.

    A mask in the place of a secret leaves the secret alone.
    """
    result = dict(current)
    for name, value in changes.items():
        before = result.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            result[name] = merged(cast("Json", before), cast("Json", value))
        elif value != SECRET_MASK:
            result[name] = value
    return result


def with_secrets_of(current: Json, given: Json) -> Json:
    """A whole configuration whose masks are replaced by the stored secrets."""
    return {
        name: with_secrets_of(cast("Json", current.get(name) or {}), cast("Json", value))
        if isinstance(value, dict)
        else (current.get(name, value) if value == SECRET_MASK else value)
        for name, value in given.items()
    }


def _masked(node: Json, secrets: frozenset[tuple[str, ...]], path: tuple[str, ...]) -> Json:
    return {
        name: SECRET_MASK
        if (*path, name) in secrets
        else (
            _masked(cast("Json", value), secrets, (*path, name))
            if isinstance(value, dict)
            else value
        )
        for name, value in node.items()
    }


def _words(error: Any, secrets: frozenset[tuple[str, ...]]) -> str:
    """What is wrong; most of the validator's own texts repeat the value, which may be a secret."""
    path = tuple(str(part) for part in error.absolute_path)
    holds_secret = any(secret[: len(path)] == path for secret in secrets)
    if holds_secret and error.validator not in ("required", "additionalProperties"):
        return f"does not fit `{error.validator}`"
    return str(error.message)
