"""The HTTP side: AWS JSON 1.1 over one POST route."""

import asyncio
import contextlib
import json
import logging
import signal
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from polygon_assets.sandbox.ecs.actions import EcsActions
from polygon_assets.sandbox.ecs.errors import EcsError
from polygon_assets.sandbox.ecs.scheduler import Scheduler
from polygon_assets.sandbox.ecs.state import State
from polygon_assets.sandbox.ecs.tasks import Slowness
from polygon_assets.sandbox.web_pages import OwnPagesOnly

log = logging.getLogger(__name__)

_TARGET = "AmazonEC2ContainerServiceV20141113."
STOP_SECONDS = 1.8


def build_app(folder: Path, state: State, slowness: Slowness) -> Starlette:
    """The server for the state of one data directory."""
    scheduler = Scheduler(folder, state, slowness)
    actions = EcsActions(folder, state, scheduler)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        reconciling = asyncio.create_task(scheduler.run())
        reconciling.add_done_callback(_report_failure)
        yield
        reconciling.cancel()
        await scheduler.runner.stop_all(STOP_SECONDS)

    async def act(request: Request) -> Response:
        target = request.headers.get("x-amz-target", "")
        try:
            if not target.startswith(_TARGET):
                raise EcsError("UnknownOperationException", f"Unknown X-Amz-Target {target!r}.")
            fields = _fields(await request.body())
            answer = await actions.find(target.removeprefix(_TARGET))(fields)
        except EcsError as error:
            return _error(error)
        return Response(msgspec.json.encode(answer), media_type="application/x-amz-json-1.1")

    async def healthz(_: Request) -> Response:
        running = sum(task.alive for task in scheduler.runner.all())
        services = {
            f"{service.cluster}/{service.name}": service.desired_count
            for service in state.services
            if service.status == "ACTIVE"
        }
        return JSONResponse({"status": "ok", "tasks": running, "services": services})

    return Starlette(
        routes=[Route("/", act, methods=["POST"]), Route("/healthz", healthz)],
        middleware=[Middleware(OwnPagesOnly)],
        lifespan=lifespan,
    )


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body or b"{}")
    except ValueError as error:
        raise EcsError("SerializationException", f"The request is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise EcsError("SerializationException", "The request is not a JSON object.")
    return fields


def _error(error: EcsError) -> Response:
    return Response(
        msgspec.json.encode({"__type": error.kind, "message": error.message}),
        status_code=400,
        media_type="application/x-amz-json-1.1",
        headers={"x-amzn-errortype": error.kind},
    )


def _report_failure(reconciling: asyncio.Task[None]) -> None:
    if not reconciling.cancelled() and reconciling.exception() is not None:
        log.error("the service scheduler failed", exc_info=reconciling.exception())
        signal.raise_signal(signal.SIGTERM)  # half a server helps nobody
