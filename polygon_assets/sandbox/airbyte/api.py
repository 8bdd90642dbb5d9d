"""The two HTTP APIs, as far as `dagster-airbyte` and `polygon_assets.resources.airbyte` call them.

Everything else answers 404 and says what was asked: a wrong guess would hide a wrong call.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, cast

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from polygon_assets.sandbox.airbyte import answers
from polygon_assets.sandbox.airbyte.jobs import JobRunner
from polygon_assets.sandbox.airbyte.store import Job, JobRunningError, Store
from polygon_assets.sandbox.airbyte.tokens import TOKEN_SECONDS, Tokens
from polygon_assets.sandbox.airbyte.warehouse import Destination
from polygon_assets.sandbox.airbyte.workspace import DESTINATION_ID, Connection, Workspace

PUBLIC = "/api/public/v1"
CONFIG = "/api/v1"
_DEFAULT_LIMIT = 20

Json = dict[str, Any]


class Api:
    """The endpoints over one workspace."""

    def __init__(
        self,
        workspace: Workspace,
        destination: Destination,
        store: Store,
        runner: JobRunner,
        tokens: Tokens,
    ) -> None:
        self._workspace = workspace
        self._destination = destination
        self._store = store
        self._runner = runner
        self._tokens = tokens

    def application(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/healthz", self._healthz),
            Route(f"{PUBLIC}/applications/token", self._token, methods=["POST"]),
            Route(f"{PUBLIC}/workspaces/{{workspace_id}}", self._get_workspace),
            Route(f"{PUBLIC}/connections", self._list_connections),
            Route(f"{PUBLIC}/connections/{{connection_id}}", self._get_connection),
            Route(f"{PUBLIC}/sources/{{source_id}}", self._get_source),
            Route(f"{PUBLIC}/sources/{{source_id}}", self._patch_source, methods=["PATCH"]),
            Route(f"{PUBLIC}/destinations/{{destination_id}}", self._get_destination),
            Route(f"{PUBLIC}/jobs", self._list_jobs),
            Route(f"{PUBLIC}/jobs", self._create_job, methods=["POST"]),
            Route(f"{PUBLIC}/jobs/{{job_id:int}}", self._get_job),
            Route(f"{PUBLIC}/jobs/{{job_id:int}}", self._cancel_job, methods=["DELETE"]),
            Route(f"{CONFIG}/connections/get", self._config_connection, methods=["POST"]),
            Route(f"{CONFIG}/jobs/get", self._config_job, methods=["POST"]),
        ]
        application = Starlette(
            routes=routes,
            exception_handlers={HTTPException: _problem},
        )
        application.add_middleware(BaseHTTPMiddleware, dispatch=self._authorize)
        return application

    async def _authorize(
        self, request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if request.url.path not in ("/healthz", f"{PUBLIC}/applications/token"):
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not self._tokens.valid(token):
                return _problem_response(401, "unauthorized", "No valid access token was sent.")
        return await call_next(request)

    async def _healthz(self, _: Request) -> Response:
        running = [job.job_id for job in self._store.jobs() if not job.finished]
        return JSONResponse(
            {
                "status": "ok",
                "connections": [each.name for each in self._workspace.connections.values()],
                "running_jobs": running,
            }
        )

    async def _token(self, request: Request) -> Response:
        body = await _body(request)
        token = self._tokens.issue(
            str(body.get("client_id", "")), str(body.get("client_secret", ""))
        )
        if token is None:
            raise HTTPException(401, "Unknown client_id, or wrong client_secret.")
        return JSONResponse(
            {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}
        )

    async def _get_workspace(self, request: Request) -> Response:
        workspace_id = request.path_params["workspace_id"]
        if workspace_id != self._workspace.workspace_id:
            raise HTTPException(404, f"There is no workspace {workspace_id}.")
        return JSONResponse({"workspaceId": workspace_id, "name": "sandbox"})

    async def _list_connections(self, request: Request) -> Response:
        query = _query(request, {"workspaceIds"})
        connections = [
            answers.public_connection(connection, self._workspace)
            for connection in self._workspace.connections.values()
            if self._in_workspaces(query)
        ]
        return _page(request, connections)

    async def _get_connection(self, request: Request) -> Response:
        connection = self._connection(request.path_params["connection_id"])
        return JSONResponse(answers.public_connection(connection, self._workspace))

    async def _get_source(self, request: Request) -> Response:
        return self._source(request.path_params["source_id"])

    async def _patch_source(self, request: Request) -> Response:
        source_id = request.path_params["source_id"]
        self._source(source_id)
        body = await _body(request)
        changes = body.get("configuration")
        if set(body) != {"configuration"} or not isinstance(changes, dict):
            raise HTTPException(400, "Only `configuration`, an object, can be changed here.")
        self._workspace.change_configuration(source_id, cast("Json", changes))
        return self._source(source_id)

    async def _get_destination(self, request: Request) -> Response:
        destination_id = request.path_params["destination_id"]
        if destination_id != DESTINATION_ID:
            raise HTTPException(404, f"There is no destination {destination_id}.")
        return JSONResponse(answers.public_destination(self._destination, self._workspace))

    async def _list_jobs(self, request: Request) -> Response:
        query = _query(
            request, {"workspaceIds", "connectionId", "jobType", "status", "createdAtStart"}
        )
        created_after = _moment(query.get("createdAtStart"))
        jobs = [
            answers.public_job(job)
            for job in self._store.jobs()
            if self._in_workspaces(query)
            and query.get("connectionId") in (None, job.connection_id)
            and query.get("jobType") in (None, "sync")
            and query.get("status") in (None, job.status)
            and (created_after is None or job.started_at >= created_after)
        ]
        return _page(request, jobs)

    async def _create_job(self, request: Request) -> Response:
        body = await _body(request)
        if body.get("jobType") != "sync":
            raise HTTPException(
                400, f"Jobs of type {body.get('jobType')!r} are not supported here; only 'sync' is."
            )
        connection = self._connection(str(body.get("connectionId")))
        try:
            job = self._runner.start(connection)
        except JobRunningError:
            raise HTTPException(
                409, f"A sync is already running for the connection {connection.connection_id}."
            ) from None
        return JSONResponse(answers.public_job(job))

    async def _get_job(self, request: Request) -> Response:
        return JSONResponse(answers.public_job(self._job(request.path_params["job_id"])))

    async def _cancel_job(self, request: Request) -> Response:
        job = self._job(request.path_params["job_id"])
        await run_in_threadpool(self._runner.cancel, job)
        return JSONResponse(answers.public_job(self._job(job.job_id)))

    async def _config_connection(self, request: Request) -> Response:
        body = await _body(request)
        connection = self._connection(str(body.get("connectionId")))
        return JSONResponse(answers.config_connection(connection))

    async def _config_job(self, request: Request) -> Response:
        body = await _body(request)
        return JSONResponse(answers.config_job(self._job(body.get("id"))))

    def _connection(self, connection_id: str) -> Connection:
        try:
            return self._workspace.connections[connection_id]
        except KeyError:
            raise HTTPException(404, f"There is no connection {connection_id}.") from None

    def _source(self, source_id: str) -> Response:
        name = self._workspace.source_name(source_id)
        if name is None:
            raise HTTPException(404, f"There is no source {source_id}.")
        return JSONResponse(answers.public_source(source_id, name, self._workspace))

    def _job(self, job_id: object) -> Job:
        job = self._store.job(job_id) if isinstance(job_id, int) else None
        if job is None:
            raise HTTPException(404, f"There is no job {job_id}.")
        return job

    def _in_workspaces(self, query: dict[str, str]) -> bool:
        wanted = query.get("workspaceIds")
        return not wanted or self._workspace.workspace_id in wanted.split(",")


async def _body(request: Request) -> Json:
    try:
        return msgspec.json.decode(await request.body(), type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise HTTPException(400, f"The body is not a JSON object: {error}") from error


def _query(request: Request, known: set[str]) -> dict[str, str]:
    unknown = request.query_params.keys() - known - {"limit", "offset"}
    if unknown:
        raise HTTPException(400, f"Not supported here: {', '.join(sorted(unknown))}.")
    return dict(request.query_params)


def _page(request: Request, items: list[Json]) -> Response:
    """One page of a list; ``next`` is the address of the following one, or empty."""
    try:
        limit = int(request.query_params.get("limit", _DEFAULT_LIMIT))
        offset = int(request.query_params.get("offset", 0))
    except ValueError as error:
        raise HTTPException(400, f"limit and offset must be numbers: {error}") from error
    following = request.url.include_query_params(limit=limit, offset=offset + limit)
    more = offset + limit < len(items)
    page = items[offset : offset + limit]
    return JSONResponse({"data": page, "previous": "", "next": str(following) if more else ""})


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise HTTPException(400, f"createdAtStart is not a time: {error}") from error


async def _problem(request: Request, error: Exception) -> Response:
    problem = cast("HTTPException", error)
    title = {400: "bad-request", 401: "unauthorized", 409: "try-again-later"}.get(
        problem.status_code, "resource-not-found"
    )
    detail = problem.detail
    if detail in ("Not Found", "Method Not Allowed"):
        detail = f"{request.method} {request.url.path} is not part of the sandbox's Airbyte."
    status = 404 if problem.status_code == 405 else problem.status_code
    return _problem_response(status, title, detail)


def _problem_response(status: int, title: str, detail: str) -> Response:
    return JSONResponse({"status": status, "title": title, "detail": detail}, status_code=status)
