"""What clients may send, and what is refused: unknown fields and values of the wrong kind."""

from typing import Any, Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polygon_assets.sandbox.airbyte.problems import RefusedError

Json = dict[str, Any]

_DEFAULT_LIMIT = 20

SyncMode = Literal[
    "full_refresh_overwrite",
    "full_refresh_overwrite_deduped",
    "full_refresh_append",
    "incremental_append",
    "incremental_deduped_history",
]


class Body(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A JSON object with these fields and no others."""


class NewDefinition(Body):
    """POST of a declarative source definition."""

    name: str
    manifest: Json


class ChangedDefinition(Body):
    """PUT of a declarative source definition."""

    manifest: Json


class NewActor(Body):
    """POST of a source or a destination."""

    name: str
    workspace_id: str
    configuration: Json
    definition_id: str | None = None


class WholeActor(Body):
    """PUT of a source or a destination: everything is replaced."""

    name: str
    configuration: Json


class ChangedActor(Body):
    """PATCH of a source or a destination: the configuration is merged, key by key."""

    name: str | None = None
    configuration: Json | None = None


class StreamConfiguration(Body):
    """How one stream is synced. Empty cursor and key mean the source's own."""

    name: str
    sync_mode: SyncMode | None = None
    cursor_field: list[str] = []
    primary_key: list[list[str]] = []
    mappers: list[Json] = []


class StreamConfigurations(Body):
    """The streams of a connection."""

    streams: list[StreamConfiguration] = []


class Schedule(Body):
    """When a connection syncs: only when it is asked to. The sandbox has no scheduler."""

    schedule_type: Literal["manual"]


SchemaUpdates = Literal["ignore", "disable_connection", "propagate_columns", "propagate_fully"]


class NewConnection(Body):
    """POST of a connection."""

    source_id: str
    destination_id: str
    name: str | None = None
    configurations: StreamConfigurations | None = None
    schedule: Schedule | None = None
    namespace_definition: Literal["destination"] = "destination"
    prefix: str = ""
    status: Literal["active", "inactive"] = "active"
    non_breaking_schema_updates_behavior: SchemaUpdates = "ignore"


class ChangedConnection(Body):
    """PATCH of a connection: what is not given stays."""

    name: str | None = None
    configurations: StreamConfigurations | None = None
    schedule: Schedule | None = None
    namespace_definition: Literal["destination"] | None = None
    prefix: str | None = None
    status: Literal["active", "inactive"] | None = None
    non_breaking_schema_updates_behavior: SchemaUpdates | None = None


class NewJob(Body):
    """POST of a job."""

    connection_id: str
    job_type: Literal["sync"]


BodyType = TypeVar("BodyType")


async def read_body(request: Request, kind: type[BodyType]) -> BodyType:
    """Read the request's JSON body.

    Raises:
        RefusedError: It is not JSON, lacks a field, or holds an unknown field or a wrong value.
    """
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.MsgspecError as error:
        raise RefusedError(400, f"The body does not fit {request.url.path}: {error}") from error


def read_query(request: Request, *known: str) -> dict[str, str]:
    """Read the parameters of a list, apart from its page.

    Raises:
        RefusedError: A parameter is not one of those that are known here.
    """
    unknown = request.query_params.keys() - {*known, "limit", "offset"}
    if unknown:
        raise RefusedError(400, f"Not supported here: {', '.join(sorted(unknown))}.")
    return {name: request.query_params[name] for name in known if name in request.query_params}


def page(request: Request, items: list[Json]) -> Response:
    """One page of a list; ``next`` is the address of the following one, or empty."""
    limit = _number(request, "limit", _DEFAULT_LIMIT)
    offset = _number(request, "offset", 0)
    following = request.url.include_query_params(limit=limit, offset=offset + limit)
    more = offset + limit < len(items)
    shown = items[offset : offset + limit]
    return JSONResponse({"data": shown, "previous": "", "next": str(following) if more else ""})


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdigit():
        raise RefusedError(400, f"{name} must be a number that is not negative, not {text!r}.")
    return int(text)
