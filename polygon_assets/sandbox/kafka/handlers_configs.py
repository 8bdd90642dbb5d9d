"""Requests about configurations: describe those of topics, and change them."""

from typing import NamedTuple

from polygon_assets.sandbox.kafka.broker import Broker, Request
from polygon_assets.sandbox.kafka.configs import DEFAULTS
from polygon_assets.sandbox.kafka.errors import ErrorCode, RequestRefused
from polygon_assets.sandbox.kafka.protocol import Writer

_TOPIC_RESOURCE = 2
_BROKER_RESOURCE = 4
_FROM_TOPIC = 1
_FROM_DEFAULT = 5


class _Resource(NamedTuple):
    kind: int
    name: str
    names: list[str] | None


async def describe_configs(broker: Broker, request: Request) -> Writer:
    """The configurations of topics; the broker itself has none that can be read."""
    body = request.body
    resources = body.array(
        lambda: _Resource(body.int8(), body.string(), body.nullable_array(body.string))
    )
    body.boolean()  # synonyms wanted: there are none
    out = request.answer().int32(0)

    def describe(resource: _Resource) -> None:
        code, message, own = ErrorCode.NONE, None, dict[str, str]()
        values = dict[str, str]()
        try:
            if resource.kind == _TOPIC_RESOURCE:
                own = broker.catalog.topic(resource.name).configs
                values = _default_configs(broker) | own
            elif resource.kind != _BROKER_RESOURCE:
                raise RequestRefused(
                    ErrorCode.INVALID_REQUEST, "only topics and brokers have configurations"
                )
        except RequestRefused as error:
            code, message = error.code, str(error)
        out.int16(code).string(message).int8(resource.kind).string(resource.name)
        shown = [n for n in values if resource.names is None or n in resource.names]
        out.array(shown, lambda name: _write_config(out, name, values[name], name in own))

    return out.array(resources, describe)


def _default_configs(broker: Broker) -> dict[str, str]:
    return DEFAULTS | {"retention.bytes": str(broker.catalog.retention_bytes)}


def _write_config(out: Writer, name: str, value: str, is_own: bool) -> None:
    out.string(name).string(value).boolean(False)
    out.int8(_FROM_TOPIC if is_own else _FROM_DEFAULT).boolean(False).array([], out.string)


class _Alteration(NamedTuple):
    kind: int
    name: str
    changes: list[tuple[str, int, str | None]]


async def incremental_alter_configs(broker: Broker, request: Request) -> Writer:
    """Set or delete configurations of topics; those that are not named stay."""
    body = request.body
    resources = body.array(
        lambda: _Alteration(
            body.int8(),
            body.string(),
            body.array(lambda: (body.string(), body.int8(), body.nullable_string())),
        )
    )
    validate_only = body.boolean()
    out = request.answer().int32(0)

    def alter(resource: _Alteration) -> None:
        code, message = ErrorCode.NONE, None
        try:
            if resource.kind != _TOPIC_RESOURCE:
                raise RequestRefused(
                    ErrorCode.INVALID_REQUEST, "only topics have configurations that can change"
                )
            broker.catalog.alter_configs(
                resource.name, resource.changes, validate_only=validate_only
            )
        except RequestRefused as error:
            code, message = error.code, str(error)
        out.int16(code).string(message).int8(resource.kind).string(resource.name)

    return out.array(resources, alter)
