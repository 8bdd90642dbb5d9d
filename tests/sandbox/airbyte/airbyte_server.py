"""The sandbox's Airbyte as a process, with a Snowflake to load into."""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import airbyte_workspace as workspace
import pytest
import snowflake.connector

from polygon_assets.env import deployment_names
from polygon_assets.publish.publish import Change, publish
from polygon_assets.resources.airbyte import PolygonAirbyte, SyncReport

CONNECTOR = [sys.executable, str(Path(__file__).with_name("airbyte_scripted_connector.py"))]
WORKSPACE_ID = "00000000-0000-4000-8000-000000000001"
SECRET = "a-secret-of-the-tests"
KEY = "a-key-of-the-tests"
CONNECTION = "polygon_actions"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(module: str, arguments: list[str], **environment: str) -> tuple[Any, int]:
    """Start a server of the sandbox and wait until it answers; returns process and port."""
    port = free_port()
    command = [sys.executable, "-m", module, "--port", str(port), *arguments]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{module} ended instead of starting"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
        else:
            return process, port
    process.kill()
    raise AssertionError(f"{module} did not answer within 60 s")


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass
class Airbyte:
    """A running server, and what the tests ask of it."""

    folder: Path
    snowflake_port: int
    connector: list[str] = field(default_factory=lambda: list(CONNECTOR))
    environment: dict[str, str] = field(default_factory=dict)
    database: str = field(default_factory=lambda: f"T_{uuid.uuid4().hex[:12]}".upper())
    process: Any = None
    port: int = 0

    def start(self) -> None:
        arguments = ["--data", str(self.folder / "data")]
        arguments += ["--connector", shlex.join(self.connector)]
        self.process, self.port = start(
            "polygon_assets.sandbox.airbyte",
            arguments,
            **{"AIRBYTE_CLIENT_SECRET": SECRET, **self.environment},
        )

    def variables(self, **more: str) -> dict[str, str]:
        """The environment in which publishing finds this server and its neighbours."""
        return {
            "POLYGON_DEPLOYMENT": "local",
            "AIRBYTE_REST_URL": f"http://127.0.0.1:{self.port}/api/public/v1",
            "AIRBYTE_CONFIG_URL": f"http://127.0.0.1:{self.port}/api/v1",
            "AIRBYTE_CLIENT_SECRET": SECRET,
            "POLYGON_API_KEY": KEY,
            "SNOWFLAKE_PORT": str(self.snowflake_port),
            **more,
        }

    def make_workspace(self) -> None:
        """Make the tests' own definition, source, destination and connection."""
        here = {"workspaceId": WORKSPACE_ID}
        path = f"/workspaces/{WORKSPACE_ID}/definitions/declarative_sources"
        body = {"name": "scripted", "manifest": workspace.manifest()}
        definition = self.call("POST", path, body)["id"]
        configuration = {"api_key": KEY, "requests_per_minute": 6000}
        source = {"name": CONNECTION, "definitionId": definition, "configuration": configuration}
        settings = workspace.snowflake(self.snowflake_port, self.database)
        destination = {"name": "snowflake", "configuration": settings}
        ends = {
            "sourceId": self.call("POST", "/sources", source | here)["sourceId"],
            "destinationId": self.call("POST", "/destinations", destination | here)[
                "destinationId"
            ],
        }
        chosen = {"configurations": workspace.streams("splits", "dividends")}
        self.call("POST", "/connections", {"name": CONNECTION, **ends, **chosen})

    def resource(self, **settings: Any) -> PolygonAirbyte:
        """A client with no state of earlier calls."""
        defaults: dict[str, Any] = {
            "rest_api_base_url": f"http://127.0.0.1:{self.port}/api/public/v1",
            "configuration_api_base_url": f"http://127.0.0.1:{self.port}/api/v1",
            "workspace_id": WORKSPACE_ID,
            "client_id": "sandbox",
            "client_secret": SECRET,
            "database": self.database,
            "poll_interval": 0.05,
            "request_max_retries": 0,
        }
        return PolygonAirbyte(**defaults | settings)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of dagster-airbyte's own client, relative to the public API."""
        client = self.resource().get_client()
        return client._single_request(method, f"{client.rest_api_base_url}{path}", data=body)

    def raw_call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One call without a library; returns the status and the JSON answer."""
        client = self.resource().get_client()
        given = {**client.authorization_request_headers, "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers=given | headers,
            method=method,
        )
        try:
            with urllib.request.urlopen(request) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def attempt(self, job_id: int) -> dict[str, Any]:
        """A job's attempt, with its logs, as the configuration API shows it."""
        client = self.resource().get_client()
        url = f"{client.configuration_api_base_url}/jobs/get"
        return client._single_request("POST", url, data={"id": job_id})["attempts"][0]

    def connection(self, name: str = CONNECTION) -> dict[str, Any]:
        return next(
            each for each in self.call("GET", "/connections")["data"] if each["name"] == name
        )

    def script(self, lines: list[Any], **more: Any) -> Path:
        """Set what the scripted connector prints in the syncs to come."""
        path = self.folder / f"script-{uuid.uuid4().hex[:8]}.json"
        path.write_text(json.dumps({"lines": lines, **more}))
        configuration = {"configuration": {"script": str(path)}}
        self.call("PATCH", f"/sources/{self.connection()['sourceId']}", configuration)
        return path

    def sync(self, lines: list[Any], **more: Any) -> SyncReport:
        """Sync `polygon_actions` with a connector that prints these lines."""
        self.script(lines, **more)
        return self.resource().sync_window(CONNECTION, "2005-02-28", "2005-02-28")

    def choose(self, *names: str, **more: Any) -> None:
        """Change which streams the connection syncs."""
        body = {"configurations": workspace.streams(*names), **more}
        self.call("PATCH", f"/connections/{self.connection()['connectionId']}", body)

    def start_job(self) -> int:
        body = {"connectionId": self.connection()["connectionId"], "jobType": "sync"}
        return self.call("POST", "/jobs", body)["jobId"]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows from the test's own database; `{db}` in the statement is its name."""
        with snowflake_session(self.snowflake_port) as session, session.cursor() as cursor:
            cursor.execute(f"use database {self.database}")
            return cursor.execute(sql.format(db=self.database)).fetchall()

    def empty(self) -> None:
        """Drop what earlier tests left in the database."""
        with snowflake_session(self.snowflake_port) as session, session.cursor() as cursor:
            cursor.execute(f"create database if not exists {self.database}")
            for schema in ("RAW", "AIRBYTE_INTERNAL"):
                cursor.execute(f"drop schema if exists {self.database}.{schema}")

    def states(self) -> dict[str, Any]:
        """Stream name -> saved state."""
        table = "{db}.AIRBYTE_INTERNAL.STREAM_STATE"
        rows = self.query(f"select STREAM_NAME, STATE from {table}")
        return {name: json.loads(text) for name, text in rows}


@contextmanager
def published(server: Airbyte, **more: str) -> Iterator[list[Change]]:
    """The environment that points to a server, and the connector published to it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.variables(**more).items():
            patch.setenv(name, value)
        yield publish(deployment_names())


@contextmanager
def snowflake_session(port: int) -> Iterator[snowflake.connector.SnowflakeConnection]:
    session = snowflake.connector.connect(
        account="sandbox",
        user="sandbox",
        password="sandbox",
        host="127.0.0.1",
        port=port,
        protocol="http",
        session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
    )
    try:
        yield session
    finally:
        session.close()
