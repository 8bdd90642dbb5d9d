"""Definitions, sources, destinations and connections: what each route takes, answers, refuses."""

import json
import stat
import time
from typing import Any

import airbyte_workspace as workspace
import pytest
from airbyte_server import KEY, WORKSPACE_ID, end

pytestmark = pytest.mark.xdist_group("airbyte")

PUBLIC = "/api/public/v1"
DEFINITIONS = f"{PUBLIC}/workspaces/{WORKSPACE_ID}/definitions/declarative_sources"
NOWHERE = "00000000-0000-4000-8000-00000000dead"
MASK = "**********"


class Made:
    """One object of each kind, made through the API."""

    def __init__(self, server: Any) -> None:
        self.server = server
        here = {"workspaceId": WORKSPACE_ID}
        self.definition = self.good(
            "POST", DEFINITIONS, {"name": "scripted", "manifest": workspace.manifest()}
        )
        self.source = self.good(
            "POST",
            f"{PUBLIC}/sources",
            {
                **here,
                "name": "bars",
                "definitionId": self.definition["id"],
                "configuration": {"api_key": KEY, "start_date": "2005-02-28", "nested": {"a": 1}},
            },
        )
        settings = workspace.snowflake(server.snowflake_port, server.database)
        self.destination = self.good(
            "POST",
            f"{PUBLIC}/destinations",
            {**here, "name": "snowflake", "configuration": settings},
        )
        self.connection = self.good("POST", f"{PUBLIC}/connections", self.connecting("bars"))

    def connecting(self, *streams: str, **more: Any) -> dict[str, Any]:
        return {
            "sourceId": self.source["sourceId"],
            "destinationId": self.destination["destinationId"],
            "configurations": workspace.streams(*streams),
            **more,
        }

    def good(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.server.raw_call(method, path, body)
        assert status in (200, 204), answer
        return answer

    def refused(self, status: int, method: str, path: str, body: Any = None) -> str:
        found, problem = self.server.raw_call(method, path, body)
        assert (found, problem["status"]) == (status, status), problem
        assert KEY not in str(problem)
        return problem["data"]["message"]


@pytest.fixture
def made(make_airbyte: Any) -> Made:
    return Made(make_airbyte())


def test_a_new_workspace_is_empty(make_airbyte: Any) -> None:
    server = make_airbyte()
    for path in (DEFINITIONS, *(f"{PUBLIC}/{kind}s" for kind in ("source", "connection"))):
        assert server.raw_call("GET", path) == (200, {"data": [], "previous": "", "next": ""})


def test_what_was_made_can_be_read(made: Made) -> None:
    definition = made.definition
    assert (definition["name"], definition["version"]) == ("scripted", 1)
    assert definition["manifest"] == workspace.manifest()
    assert made.good("GET", f"{DEFINITIONS}/{definition['id']}") == definition
    assert made.good("GET", DEFINITIONS)["data"] == [definition]

    assert made.source["configuration"] == {
        "api_key": MASK,
        "start_date": "2005-02-28",
        "nested": {"a": 1},
    }
    assert made.source["definitionId"] == definition["id"]
    assert made.good("GET", f"{PUBLIC}/sources/{made.source['sourceId']}") == made.source
    assert made.good("GET", f"{PUBLIC}/sources?workspaceIds={WORKSPACE_ID}")["data"] == [
        made.source
    ]
    assert made.good("GET", f"{PUBLIC}/sources?workspaceIds={NOWHERE}")["data"] == []

    credentials = {"auth_type": "Username and Password", "password": MASK}
    assert made.destination["configuration"]["credentials"] == credentials
    assert made.destination["destinationType"] == "snowflake"
    path = f"{PUBLIC}/destinations/{made.destination['destinationId']}"
    assert made.good("GET", path) == made.destination

    assert made.connection["configurations"]["streams"] == [
        {
            "name": "bars",
            "syncMode": "incremental_deduped_history",
            "cursorField": ["t"],
            "primaryKey": [["ticker"], ["t"]],
            "mappers": [],
        }
    ]
    assert made.connection["schedule"] == {"scheduleType": "manual"}
    assert made.connection["prefix"] == ""
    path = f"{PUBLIC}/connections/{made.connection['connectionId']}"
    assert made.good("GET", path) == made.connection


def test_a_patch_merges_and_a_put_replaces(made: Made) -> None:
    path = f"{PUBLIC}/sources/{made.source['sourceId']}"
    changes = {"start_date": "2005-03-01", "api_key": MASK, "nested": {"b": 2}}
    patched = made.good("PATCH", path, {"configuration": changes})["configuration"]
    expected = {"api_key": MASK, "start_date": "2005-03-01", "nested": {"a": 1, "b": 2}}
    assert patched == expected
    assert made.good("PATCH", path, {"name": "other"})["configuration"] == expected
    whole = {"name": "bars", "configuration": {"api_key": MASK}}
    assert made.good("PUT", path, whole)["configuration"] == {"api_key": MASK}
    path = f"{PUBLIC}/destinations/{made.destination['destinationId']}"
    patched = made.good("PATCH", path, {"configuration": {"warehouse": "BIG"}})["configuration"]
    assert patched == made.destination["configuration"] | {"warehouse": "BIG"}
    path = f"{PUBLIC}/connections/{made.connection['connectionId']}"
    changed = made.good("PATCH", path, {"prefix": "x_", "status": "inactive"})
    assert changed == made.connection | {"prefix": "x_", "status": "inactive"}
    body = {"configurations": workspace.streams("splits", mode="full_refresh_append")}
    streams = made.good("PATCH", path, body)["configurations"]["streams"]
    assert [(one["name"], one["syncMode"]) for one in streams] == [
        ("splits", "full_refresh_append")
    ]


def test_a_secret_survives_a_put_with_its_mask(made: Made) -> None:
    path = f"{PUBLIC}/destinations/{made.destination['destinationId']}"
    made.good("PUT", path, {k: made.destination[k] for k in ("name", "configuration")})
    body = {"connectionId": made.connection["connectionId"], "jobType": "sync"}
    # The sync fails for want of a script; the login must not be what it fails at.
    job = made.good("POST", f"{PUBLIC}/jobs", body)["jobId"]
    while made.good("GET", f"{PUBLIC}/jobs/{job}")["status"] == "running":
        pass
    assert "KeyError" in str(made.server.attempt(job)["attempt"]["failureSummary"])


def test_a_definition_counts_its_versions(made: Made) -> None:
    path = f"{DEFINITIONS}/{made.definition['id']}"
    changed = made.good("PUT", path, {"manifest": workspace.manifest(version="7.40.0")})
    assert (changed["version"], changed["manifest"]["version"]) == (2, "7.40.0")


def test_what_is_in_use_stays(made: Made) -> None:
    definition = f"{DEFINITIONS}/{made.definition['id']}"
    source = f"{PUBLIC}/sources/{made.source['sourceId']}"
    destination = f"{PUBLIC}/destinations/{made.destination['destinationId']}"
    connection = f"{PUBLIC}/connections/{made.connection['connectionId']}"
    assert "is used by bars" in made.refused(409, "DELETE", definition)
    for path in (source, destination):
        assert "is used by bars -> snowflake" in made.refused(409, "DELETE", path)
    for path in (connection, source, destination, definition):
        made.good("DELETE", path)
        made.refused(404, "GET", path)


def test_everything_survives_a_restart_and_is_private(made: Made) -> None:
    server = made.server
    file = server.folder / "data" / "airbyte.sqlite"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    server.process.kill()
    end(server.process)
    server.start()
    assert made.good("GET", DEFINITIONS)["data"] == [made.definition]
    assert made.good("GET", f"{PUBLIC}/sources")["data"] == [made.source]
    assert made.good("GET", f"{PUBLIC}/destinations")["data"] == [made.destination]
    assert made.good("GET", f"{PUBLIC}/connections")["data"] == [made.connection]


def test_lists_come_in_pages(made: Made) -> None:
    for name in ("two", "three"):
        body = {"name": name, "workspaceId": WORKSPACE_ID, "configuration": {"api_key": "k"}}
        made.good("POST", f"{PUBLIC}/sources", {**body, "definitionId": made.definition["id"]})
    first = made.good("GET", f"{PUBLIC}/sources?limit=2")
    assert [one["name"] for one in first["data"]] == ["bars", "two"]
    assert "offset=2" in first["next"]
    rest = made.good("GET", f"{PUBLIC}/sources?limit=2&offset=2")
    assert ([one["name"] for one in rest["data"]], rest["next"]) == (["three"], "")
    assert "limit" in made.refused(400, "GET", f"{PUBLIC}/sources?limit=-1")


def test_streams_are_compared_with_the_manifest(made: Made) -> None:
    path = f"{PUBLIC}/connections"

    def reason(*streams: dict[str, Any]) -> str:
        body = {**made.connecting(), "configurations": {"streams": list(streams)}}
        return made.refused(400, "POST", path, body)

    bars = {"name": "bars", "syncMode": "incremental_deduped_history"}
    text = reason({**bars, "name": "quotes"})
    assert "Invalid stream found: quotes" in text
    assert "splits, dividends, bars, news" in text
    assert "Duplicate stream" in reason(bars, bars)
    text = reason({**bars, "syncMode": "full_refresh_overwrite"})
    assert "Cannot set sync mode to full_refresh_overwrite for stream bars" in text
    assert "already defined by source" in reason({**bars, "cursorField": ["c"]})
    assert "pre-defined" in reason({**bars, "primaryKey": [["t"]]})
    connection = f"{path}/{made.connection['connectionId']}"
    text = made.refused(400, "PATCH", connection, {"configurations": workspace.streams("x")})
    assert "Invalid stream found: x" in text
    assert made.good("GET", connection) == made.connection


def test_wrong_bodies_are_refused_with_the_reason(made: Made) -> None:
    sources, connections = f"{PUBLIC}/sources", f"{PUBLIC}/connections"
    body = {"name": "x", "workspaceId": WORKSPACE_ID, "configuration": {"api_key": KEY}}
    declared = {**body, "definitionId": made.definition["id"]}
    assert "definitionId is missing" in made.refused(400, "POST", sources, body)
    assert "secretId" in made.refused(400, "POST", sources, {**declared, "secretId": "s"})
    assert "no definition" in made.refused(404, "POST", sources, {**body, "definitionId": NOWHERE})
    assert NOWHERE in made.refused(404, "POST", sources, {**declared, "workspaceId": NOWHERE})
    text = made.refused(422, "POST", sources, {**declared, "configuration": {}})
    assert "'api_key' is a required property" in text
    wrong = {"api_key": KEY, "start_date": "soon", "requests_per_minute": 9000}
    text = made.refused(422, "POST", sources, {**declared, "configuration": wrong})
    assert "$.start_date: 'soon' does not match" in text
    assert "$.requests_per_minute" in text
    text = made.refused(422, "POST", sources, {**declared, "configuration": {"api_key": 5}})
    assert text.endswith("$.api_key: does not fit `type`")
    text = made.refused(
        400, "POST", connections, made.connecting(schedule={"scheduleType": "cron"})
    )
    assert "cron" in text
    text = made.refused(400, "POST", connections, made.connecting(status="sleepy"))
    assert "sleepy" in text
    assert "no source" in made.refused(
        404, "POST", connections, made.connecting() | {"sourceId": NOWHERE}
    )
    assert "not a manifest" in made.refused(
        422, "POST", DEFINITIONS, {"name": "x", "manifest": {"streams": 5}}
    )
    assert "not fit" in made.refused(400, "POST", f"{PUBLIC}/jobs", {"jobType": "reset"})


def test_destinations_other_than_snowflake_are_refused(made: Made) -> None:
    path = f"{PUBLIC}/destinations"
    settings = workspace.snowflake(1, "D")
    body = {"name": "x", "workspaceId": WORKSPACE_ID}

    def reason(status: int, **changes: Any) -> str:
        configuration = {**settings, **changes}
        return made.refused(status, "POST", path, {**body, "configuration": configuration})

    assert "'postgres'" in reason(400, destinationType="postgres")
    assert "'x' was unexpected" in reason(422, x=1)
    assert "$.host" in reason(422, host="")
    text = reason(422, credentials={"password": KEY, "private_key": KEY})
    assert text.endswith("$.credentials: does not fit `oneOf`")


def test_a_paused_connection_does_not_sync(made: Made) -> None:
    identity = made.connection["connectionId"]
    made.good("PATCH", f"{PUBLIC}/connections/{identity}", {"status": "inactive"})
    body = {"connectionId": identity, "jobType": "sync"}
    assert "inactive" in made.refused(409, "POST", f"{PUBLIC}/jobs", body)


def test_the_job_runs_the_manifest_of_its_definition(make_airbyte: Any) -> None:
    server = make_airbyte()
    server.make_workspace()
    path = server.script([])
    job = server.start_job()
    while server.call("GET", f"/jobs/{job}")["status"] == "running":
        pass
    given = json.loads(path.with_name(f"{path.name}.manifest").read_text())
    assert given == workspace.manifest()
    catalog = json.loads(path.with_name(f"{path.name}.catalog").read_text())
    assert [stream["stream"]["name"] for stream in catalog["streams"]] == ["splits", "dividends"]


def test_a_deleted_connection_takes_its_job_with_it(make_airbyte: Any) -> None:
    server = make_airbyte()
    server.make_workspace()
    server.script([], seconds=60)
    job = server.start_job()
    path = f"{PUBLIC}/connections/{server.connection()['connectionId']}"
    assert server.raw_call("DELETE", path) == (204, None)
    # A job that has just begun is asked only when its tables are prepared.
    while server.call("GET", f"/jobs/{job}")["status"] == "running":
        time.sleep(0.05)
    assert server.call("GET", f"/jobs/{job}")["status"] == "cancelled"
    assert server.call("GET", "/connections")["data"] == []
