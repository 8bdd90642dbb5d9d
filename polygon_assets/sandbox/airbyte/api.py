"""The two HTTP APIs, as far as `dagster-airbyte` and `polygon connector publish` call them.

Everything else answers 404 and says what was asked: a wrong guess would hide a wrong call.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from polygon_assets.sandbox.airbyte import answers
from polygon_assets.sandbox.airbyte.bodies import NewJob, page, read_body, read_query
from polygon_assets.sandbox.airbyte.jobs import JobRunner
from polygon_assets.sandbox.airbyte.objects import Connection
from polygon_assets.sandbox.airbyte.problems import (
    RefusedError,
    answer_problem,
    answer_unknown_route,
)
from polygon_assets.sandbox.airbyte.routes_objects import ObjectRoutes
from polygon_assets.sandbox.airbyte.store import Job, JobRunningError, Store
from polygon_assets.sandbox.airbyte.tokens import TOKEN_SECONDS, Tokens
from polygon_assets.sandbox.airbyte.workspace import Workspace
from polygon_assets.sandbox.web_pages import OwnPagesOnly

PUBLIC = "/api/public/v1"
CONFIG = "/api/v1"

Json = dict[str, Any]


class Api:
    """The endpoints over one workspace."""

    def __init__(
        self, workspace: Workspace, store: Store, runner: JobRunner, tokens: Tokens
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._runner = runner
        self._tokens = tokens

    def application(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/healthz", self._healthz),
            Route(f"{PUBLIC}/applications/token", self._token, methods=["POST"]),
            Route(f"{PUBLIC}/workspaces/{{workspace_id}}", self._get_workspace),
            *ObjectRoutes(self._workspace, self._runner).routes(PUBLIC),
            Route(f"{PUBLIC}/jobs", self._list_jobs),
            Route(f"{PUBLIC}/jobs", self._create_job, methods=["POST"]),
            Route(f"{PUBLIC}/jobs/{{job_id:int}}", self._get_job),
            Route(f"{PUBLIC}/jobs/{{job_id:int}}", self._cancel_job, methods=["DELETE"]),
            Route(f"{CONFIG}/connections/get", self._config_connection, methods=["POST"]),
            Route(f"{CONFIG}/jobs/get", self._config_job, methods=["POST"]),
        ]
        application = Starlette(
            routes=routes,
            exception_handlers={RefusedError: answer_problem, HTTPException: answer_unknown_route},
        )
        application.add_middleware(BaseHTTPMiddleware, dispatch=self._authorize)
        application.add_middleware(OwnPagesOnly)
        return application

    async def _authorize(
        self, request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if request.url.path not in ("/healthz", f"{PUBLIC}/applications/token"):
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not self._tokens.valid(token):
                return RefusedError(401, "No valid access token was sent.").answer()
        return await call_next(request)

    async def _healthz(self, _: Request) -> Response:
        running = [job.job_id for job in self._store.jobs() if not job.finished]
        connections = [one.name for one in self._workspace.all(Connection)]
        return JSONResponse({"status": "ok", "connections": connections, "running_jobs": running})

    async def _token(self, request: Request) -> Response:
        body = await read_body(request, dict[str, Any])
        token = self._tokens.issue(
            str(body.get("client_id", "")), str(body.get("client_secret", ""))
        )
        if token is None:
            raise RefusedError(401, "Unknown client_id, or wrong client_secret.")
        return JSONResponse(
            {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}
        )

    async def _get_workspace(self, request: Request) -> Response:
        workspace_id = request.path_params["workspace_id"]
        self._workspace.require(workspace_id)
        return JSONResponse({"workspaceId": workspace_id, "name": "sandbox"})

    async def _list_jobs(self, request: Request) -> Response:
        query = read_query(
            request, "workspaceIds", "connectionId", "jobType", "status", "createdAtStart"
        )
        created_after = _moment(query.get("createdAtStart"))
        asked = query.get("workspaceIds")
        here = not asked or self._workspace.workspace_id in asked.split(",")
        jobs = [
            answers.public_job(job)
            for job in self._store.jobs()
            if here
            and query.get("connectionId") in (None, job.connection_id)
            and query.get("jobType") in (None, "sync")
            and query.get("status") in (None, job.status)
            and (created_after is None or job.started_at >= created_after)
        ]
        return page(request, jobs)

    async def _create_job(self, request: Request) -> Response:
        body = await read_body(request, NewJob)
        connection = self._workspace.get(Connection, body.connection_id)
        if connection.status != "active":
            raise RefusedError(409, f"The connection {connection.name} is {connection.status}.")
        try:
            job = self._runner.start(connection)
        except JobRunningError:
            raise RefusedError(
                409, f"A sync is already running for the connection {connection.id}."
            ) from None
        return JSONResponse(answers.public_job(job))

    async def _get_job(self, request: Request) -> Response:
        return JSONResponse(answers.public_job(self._job(request.path_params["job_id"])))

    async def _cancel_job(self, request: Request) -> Response:
        job = self._job(request.path_params["job_id"])
        await run_in_threadpool(self._runner.cancel, job.job_id)
        return JSONResponse(answers.public_job(self._job(job.job_id)))

    async def _config_connection(self, request: Request) -> Response:
        body = await read_body(request, dict[str, Any])
        connection = self._workspace.get(Connection, str(body.get("connectionId")))
        known = self._workspace.known_streams(connection.source_id)
        return JSONResponse(answers.config_connection(connection, known))

    async def _config_job(self, request: Request) -> Response:
        body = await read_body(request, dict[str, Any])
        return JSONResponse(answers.config_job(self._job(body.get("id"))))

    def _job(self, job_id: object) -> Job:
        job = self._store.job(job_id) if isinstance(job_id, int) else None
        if job is None:
            raise RefusedError(404, f"There is no job {job_id}.")
        return job


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RefusedError(400, f"createdAtStart is not a time: {error}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
