"""Snowflake's HTTP protocol, as far as the connectors need it."""

import gzip
import json
import logging
from typing import Any

import duckdb
from fakesnow.transforms import SERVER_VERSION
from snowflake.connector.errors import Error
from sqlglot import exp
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from polygon_assets.sandbox.snowflake.answers import run_statement
from polygon_assets.sandbox.snowflake.logins import Credentials, Sessions
from polygon_assets.sandbox.snowflake.names import stored
from polygon_assets.sandbox.snowflake.session import Session, Warehouse
from polygon_assets.sandbox.snowflake.storage import data_bytes
from polygon_assets.sandbox.snowflake.uploads import BUCKET_PATH, Upload
from polygon_assets.sandbox.web_pages import OwnPagesOnly

_log = logging.getLogger(__name__)

Json = dict[str, Any]

WRONG_LOGIN = "390100"
LOGIN_FAILED = "390201"
SESSION_UNKNOWN = "390112"
LOGIN_AGAIN = "390114"
INTERNAL_ERROR = "000603"


class SnowflakeServer:
    """The routes, over one warehouse."""

    def __init__(self, warehouse: Warehouse, credentials: Credentials) -> None:
        """Serve a warehouse to one user."""
        self.warehouse = warehouse
        self.credentials = credentials
        self.sessions = Sessions()

    def app(self) -> Starlette:
        """The application for an ASGI server."""
        post = ["POST"]
        return Starlette(
            middleware=[Middleware(OwnPagesOnly)],
            routes=[
                Route("/healthz", self.health),
                Route("/session/v1/login-request", self.login, methods=post),
                Route("/session/token-request", self.renew, methods=post),
                Route("/session/heartbeat", self.heartbeat, methods=post),
                Route("/session", self.end_session, methods=post),
                Route("/queries/v1/query-request", self.query, methods=post),
                Route("/queries/v1/abort-request", self.abort, methods=post),
                Route("/monitoring/queries/{query_id}", self.query_status),
                Route("/telemetry/send", self.ignore, methods=post),
                Route(BUCKET_PATH + "/{path:path}", self.upload, methods=["PUT"]),
                Route("/{path:path}", self.unknown, methods=["GET", "POST", "PUT", "DELETE"]),
            ],
        )

    def interrupt(self) -> None:
        """Stop every running statement."""
        for session in self.sessions:
            session.duck.interrupt()

    async def health(self, _request: Request) -> Response:
        """Facts for the supervisor."""
        size = await run_in_threadpool(data_bytes, self.warehouse.data)
        return JSONResponse({"status": "ok", "sessions": len(self.sessions), "data_bytes": size})

    async def login(self, request: Request) -> Response:
        """Open a session for a user with the right password."""
        data: Json = (await _body(request))["data"]
        authenticator = str(data.get("AUTHENTICATOR") or "SNOWFLAKE").upper()
        if authenticator not in ("SNOWFLAKE", "USERNAME_PASSWORD_MFA"):
            return _failure(
                WRONG_LOGIN,
                f"Authenticator {authenticator} is not supported by the sandbox's Snowflake: "
                "log in with user and password.",
            )
        if not self.credentials.accept(str(data.get("LOGIN_NAME")), str(data.get("PASSWORD"))):
            return _failure(WRONG_LOGIN, "Incorrect username or password was specified.")
        try:
            session = await run_in_threadpool(self._open_session, request, data)
        except duckdb.Error as error:
            # An HTTP error would be repeated until the client's login timeout.
            return _failure(LOGIN_FAILED, f"The session's database cannot be opened: {error}")
        return _success(
            {
                "token": self.sessions.add(session),
                "masterToken": "not renewable",
                "serverVersion": SERVER_VERSION,
                "parameters": [
                    {"name": "AUTOCOMMIT", "value": session.autocommits},
                    {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600},
                    {"name": "CLIENT_TELEMETRY_ENABLED", "value": False},
                    # 0: bound arrays stay in the request instead of being staged first.
                    {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
                ],
                "sessionInfo": {
                    "databaseName": session.database,
                    "schemaName": session.schema,
                    "warehouseName": session.context["CURRENT_WAREHOUSE"],
                    "roleName": session.context["CURRENT_ROLE"],
                },
            }
        )

    def _open_session(self, request: Request, data: Json) -> Session:
        given = request.query_params
        user = str(data.get("LOGIN_NAME")).upper()
        parameters: Json = data.get("SESSION_PARAMETERS") or {}
        session = self.warehouse.connect(
            _stored_name(given.get("databaseName")),
            _stored_name(given.get("schemaName")),
            autocommit=bool(parameters.get("AUTOCOMMIT", True)),
            context={
                "CURRENT_USER": user,
                "CURRENT_ROLE": _stored_name(given.get("roleName")) or "PUBLIC",
                "CURRENT_WAREHOUSE": _stored_name(given.get("warehouse")) or "",
                "CURRENT_ACCOUNT": str(data.get("ACCOUNT_NAME") or "SANDBOX").upper(),
                "CURRENT_ACCOUNT_NAME": str(data.get("ACCOUNT_NAME") or "SANDBOX").upper(),
                "CURRENT_REGION": "SANDBOX",
            },
        )
        session.query_tag = str(parameters.get("QUERY_TAG") or "")
        return session

    async def query(self, request: Request) -> Response:
        """Run one statement. A failure is a SQL error: the connector retries HTTP errors."""
        session = self._session(request)
        if session is None:
            return _failure(SESSION_UNKNOWN, "Session no longer exists. New login required.")
        body = await _body(request)
        base_url = f"{request.url.scheme}://{request.url.netloc}"
        try:
            answer = await run_in_threadpool(run_statement, session, body, base_url)
        except Error as error:
            return _failure(f"{error.errno or 0:06d}", error.raw_msg or "", error.sqlstate)
        except duckdb.InterruptException:
            return _failure("000604", "SQL execution canceled", "57014")
        except Exception as error:  # noqa: BLE001 - else the client repeats it for ever
            _log.exception("statement failed: %s", body.get("sqlText"))
            text = f"SQL execution internal error in the sandbox: {type(error).__name__}: {error}"
            return _failure(INTERNAL_ERROR, text, "XX000")
        return _success(answer)

    async def abort(self, request: Request) -> Response:
        """Stop a session's running statement."""
        session = self._session(request)
        if session is not None:
            session.duck.interrupt()
        return _success(None)

    async def query_status(self, request: Request) -> Response:
        """Statements are finished when they are answered."""
        session = self._session(request)
        known = session is not None and request.path_params["query_id"] in session.results_cache
        return _success({"queries": [{"status": "SUCCESS"}] if known else []})

    async def heartbeat(self, request: Request) -> Response:
        """Tell a client whether its session is still there."""
        if self._session(request) is None:
            return _failure(SESSION_UNKNOWN, "Session no longer exists. New login required.")
        return _success(None)

    async def renew(self, _request: Request) -> Response:
        """Sessions end with the server: a client has to log in again."""
        return _failure(
            LOGIN_AGAIN, "Authentication token has expired.  The user must authenticate again."
        )

    async def end_session(self, request: Request) -> Response:
        """End a session when its client closes the connection."""
        if request.query_params.get("delete"):
            await run_in_threadpool(self.sessions.end, _token(request))
        return _success(None)

    async def upload(self, request: Request) -> Response:
        """Take a file that PUT sends."""
        try:
            upload = Upload(self.warehouse.data, request.path_params["path"])
        except ValueError:
            return Response(status_code=400)
        try:
            async for chunk in request.stream():
                await run_in_threadpool(upload.write, chunk)
            await run_in_threadpool(upload.finish, self.warehouse.duck.cursor())
        finally:
            upload.abandon()
        return Response()

    async def ignore(self, _request: Request) -> Response:
        """Take the client's telemetry and forget it."""
        return _success(None)

    async def unknown(self, request: Request) -> Response:
        """Name what the sandbox does not have."""
        asked = f"{request.method} {request.url.path}"
        return JSONResponse(
            {"success": False, "code": "390404", "message": f"Not supported: {asked}"},
            status_code=404,
        )

    def _session(self, request: Request) -> Session | None:
        return self.sessions.get(_token(request))


async def _body(request: Request) -> Json:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body)


def _token(request: Request) -> str:
    """From ``Snowflake Token="..."``."""
    return request.headers.get("Authorization", "").partition('"')[2].rstrip('"')


def _stored_name(given: str | None) -> str | None:
    if not given:
        return None
    is_quoted = given.startswith('"') and given.endswith('"')
    return stored(exp.to_identifier(given.strip('"'), quoted=is_quoted))


def _success(data: Json | None) -> Response:
    return JSONResponse({"data": data, "code": None, "message": None, "success": True})


def _failure(code: str, message: str, sqlstate: str | None = None) -> Response:
    data = {"errorCode": code, "sqlState": sqlstate}
    return JSONResponse({"data": data, "code": code, "message": message, "success": False})
