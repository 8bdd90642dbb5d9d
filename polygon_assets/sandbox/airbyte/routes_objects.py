"""The routes of definitions, sources, destinations and connections (public API)."""

from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from polygon_assets.sandbox.airbyte import answers
from polygon_assets.sandbox.airbyte.bodies import (
    ChangedActor,
    ChangedConnection,
    ChangedDefinition,
    Json,
    NewActor,
    NewConnection,
    NewDefinition,
    WholeActor,
    page,
    read_body,
    read_query,
)
from polygon_assets.sandbox.airbyte.jobs import JobRunner
from polygon_assets.sandbox.airbyte.objects import (
    Connection,
    Definition,
    Destination,
    Kind,
    Source,
)
from polygon_assets.sandbox.airbyte.workspace import Workspace

Endpoint = Callable[[Request], Awaitable[Response]]


class ObjectRoutes:
    """What a client can make, read, change and remove."""

    def __init__(self, workspace: Workspace, runner: JobRunner) -> None:
        self._workspace = workspace
        self._runner = runner

    def routes(self, public: str) -> list[Route]:
        """The routes below the public API's path."""
        definitions = f"{public}/workspaces/{{workspace}}/definitions/declarative_sources"
        return [
            *_collection(definitions, self._list_definitions, self._create_definition),
            *_item(
                definitions,
                GET=self._get_definition,
                PUT=self._put_definition,
                DELETE=self._delete_definition,
            ),
            *_collection(f"{public}/sources", self._list_sources, self._create_source),
            *_item(
                f"{public}/sources",
                GET=self._get_source,
                PATCH=self._patch_source,
                PUT=self._put_source,
                DELETE=self._delete_source,
            ),
            *_collection(
                f"{public}/destinations", self._list_destinations, self._create_destination
            ),
            *_item(
                f"{public}/destinations",
                GET=self._get_destination,
                PATCH=self._patch_destination,
                PUT=self._put_destination,
                DELETE=self._delete_destination,
            ),
            *_collection(f"{public}/connections", self._list_connections, self._create_connection),
            *_item(
                f"{public}/connections",
                GET=self._get_connection,
                PATCH=self._patch_connection,
                DELETE=self._delete_connection,
            ),
        ]

    # definitions

    async def _list_definitions(self, request: Request) -> Response:
        self._workspace.require(request.path_params["workspace"])
        read_query(request)
        found = self._workspace.all(Definition)
        shown = [answers.public_definition(one) for one in found]
        return JSONResponse({"data": shown, "previous": "", "next": ""})

    async def _create_definition(self, request: Request) -> Response:
        self._workspace.require(request.path_params["workspace"])
        body = await read_body(request, NewDefinition)
        return JSONResponse(answers.public_definition(self._workspace.create_definition(body)))

    async def _get_definition(self, request: Request) -> Response:
        return JSONResponse(answers.public_definition(self._definition(request)))

    async def _put_definition(self, request: Request) -> Response:
        definition = self._definition(request)
        body = await read_body(request, ChangedDefinition)
        changed = self._workspace.change_definition(definition, body.manifest)
        return JSONResponse(answers.public_definition(changed))

    async def _delete_definition(self, request: Request) -> Response:
        definition = self._definition(request)
        self._workspace.delete_definition(definition)
        return JSONResponse(answers.public_definition(definition))

    def _definition(self, request: Request) -> Definition:
        self._workspace.require(request.path_params["workspace"])
        return self._asked(request, Definition)

    # sources

    async def _list_sources(self, request: Request) -> Response:
        return page(request, [self._show_source(one) for one in self._listed(request, Source)])

    async def _create_source(self, request: Request) -> Response:
        body = await read_body(request, NewActor)
        return JSONResponse(self._show_source(self._workspace.create_source(body)))

    async def _get_source(self, request: Request) -> Response:
        return JSONResponse(self._show_source(self._asked(request, Source)))

    async def _patch_source(self, request: Request) -> Response:
        return await self._change_source(request, ChangedActor)

    async def _put_source(self, request: Request) -> Response:
        return await self._change_source(request, WholeActor)

    async def _change_source(
        self, request: Request, kind: type[ChangedActor] | type[WholeActor]
    ) -> Response:
        source = self._asked(request, Source)
        changed = self._workspace.change_source(source, await read_body(request, kind))
        return JSONResponse(self._show_source(changed))

    async def _delete_source(self, request: Request) -> Response:
        self._workspace.delete_source(self._asked(request, Source))
        return Response(status_code=204)

    def _show_source(self, source: Source) -> Json:
        definition = self._workspace.definition_of(source)
        return answers.public_source(source, definition, self._workspace.workspace_id)

    # destinations

    async def _list_destinations(self, request: Request) -> Response:
        found = self._listed(request, Destination)
        return page(request, [self._show_destination(one) for one in found])

    async def _create_destination(self, request: Request) -> Response:
        body = await read_body(request, NewActor)
        return JSONResponse(self._show_destination(self._workspace.create_destination(body)))

    async def _get_destination(self, request: Request) -> Response:
        return JSONResponse(self._show_destination(self._asked(request, Destination)))

    async def _patch_destination(self, request: Request) -> Response:
        return await self._change_destination(request, ChangedActor)

    async def _put_destination(self, request: Request) -> Response:
        return await self._change_destination(request, WholeActor)

    async def _change_destination(
        self, request: Request, kind: type[ChangedActor] | type[WholeActor]
    ) -> Response:
        destination = self._asked(request, Destination)
        body = await read_body(request, kind)
        changed = self._workspace.change_destination(destination, body)
        return JSONResponse(self._show_destination(changed))

    async def _delete_destination(self, request: Request) -> Response:
        self._workspace.delete_destination(self._asked(request, Destination))
        return Response(status_code=204)

    def _show_destination(self, destination: Destination) -> Json:
        return answers.public_destination(destination, self._workspace.workspace_id)

    # connections

    async def _list_connections(self, request: Request) -> Response:
        found = self._listed(request, Connection)
        return page(request, [self._show_connection(one) for one in found])

    async def _create_connection(self, request: Request) -> Response:
        body = await read_body(request, NewConnection)
        return JSONResponse(self._show_connection(self._workspace.create_connection(body)))

    async def _get_connection(self, request: Request) -> Response:
        return JSONResponse(self._show_connection(self._asked(request, Connection)))

    async def _patch_connection(self, request: Request) -> Response:
        connection = self._asked(request, Connection)
        body = await read_body(request, ChangedConnection)
        changed = self._workspace.change_connection(connection, body)
        return JSONResponse(self._show_connection(changed))

    async def _delete_connection(self, request: Request) -> Response:
        connection = self._asked(request, Connection)
        await run_in_threadpool(self._runner.cancel_of, connection.id)
        self._workspace.delete_connection(connection)
        return Response(status_code=204)

    def _show_connection(self, connection: Connection) -> Json:
        return answers.public_connection(connection, self._workspace.workspace_id)

    def _asked(self, request: Request, kind: type[Kind]) -> Kind:
        return self._workspace.get(kind, request.path_params["identity"])

    def _listed(self, request: Request, kind: type[Kind]) -> list[Kind]:
        query = read_query(request, "workspaceIds", "includeDeleted")
        asked = query.get("workspaceIds")
        here = not asked or self._workspace.workspace_id in asked.split(",")
        return self._workspace.all(kind) if here else []


def _collection(path: str, listing: Endpoint, create: Endpoint) -> list[Route]:
    return [Route(path, listing), Route(path, create, methods=["POST"])]


def _item(path: str, **endpoints: Endpoint) -> list[Route]:
    return [
        Route(f"{path}/{{identity}}", endpoint, methods=[method])
        for method, endpoint in endpoints.items()
    ]
