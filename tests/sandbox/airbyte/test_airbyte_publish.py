"""`polygon connector publish` against the sandbox's Airbyte."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airbyte_server import WORKSPACE_ID, Airbyte
from typer.testing import CliRunner

from polygon_assets.cli.main import app
from polygon_assets.connections import CONNECTIONS
from polygon_assets.env import deployment_names
from polygon_assets.preflight import MissingCredentialError, ServiceUnreachableError
from polygon_assets.publish import api as publish_api
from polygon_assets.publish.api import PublishError
from polygon_assets.publish.manifest import read_manifest
from polygon_assets.publish.publish import Change, publish

pytestmark = pytest.mark.xdist_group("airbyte")

DEFINITIONS = f"/workspaces/{WORKSPACE_ID}/definitions/declarative_sources"
OBJECTS = 2 + 2 * len(CONNECTIONS)


class Recorder:
    """The requests that publishing sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []

    def writes(self) -> list[tuple[str, str, Any]]:
        return [one for one in self.sent if one[0] != "GET" and "token" not in one[1]]


@pytest.fixture
def server(make_airbyte: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Airbyte:
    """An empty workspace, and the environment that points to it."""
    found: Airbyte = make_airbyte()
    for name, value in found.variables().items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    recorder = Recorder()
    send = publish_api._send

    def recorded(request: urllib.request.Request) -> Any:
        body = json.loads(request.data) if request.data else None  # type: ignore[arg-type]
        recorder.sent.append((request.get_method(), request.full_url, body))
        return send(request)

    monkeypatch.setattr(publish_api, "_send", recorded)
    yield recorder
    assert all(url.startswith("http://127.0.0.1") for _, url, _ in recorder.sent)


def run(**options: bool) -> list[Change]:
    return publish(deployment_names(), **options)


def found(changes: list[Change], action: str) -> dict[str, tuple[str, ...]]:
    return {f"{one.kind} {one.name}": one.details for one in changes if one.action == action}


def source(server: Airbyte, name: str) -> dict[str, Any]:
    return next(one for one in server.call("GET", "/sources")["data"] if one["name"] == name)


def delete(server: Airbyte, connection: dict[str, Any]) -> None:
    path = f"/api/public/v1/connections/{connection['connectionId']}"
    assert server.raw_call("DELETE", path)[0] == 204


def test_an_empty_workspace_gets_everything(server: Airbyte) -> None:
    changes = run()
    assert len(changes) == OBJECTS
    assert {change.action for change in changes} == {"create"}
    [definition] = server.call("GET", DEFINITIONS)["data"]
    assert definition["manifest"] == read_manifest()
    [destination] = server.call("GET", "/destinations")["data"]
    configuration = destination["configuration"]
    assert (configuration["database"], configuration["schema"]) == ("POLYGON_LOCAL", "RAW")
    assert configuration["host"] == f"http://127.0.0.1:{server.snowflake_port}"
    connections = {one["name"]: one for one in server.call("GET", "/connections")["data"]}
    assert list(connections) == [one.name for one in CONNECTIONS]
    for wanted in CONNECTIONS:
        connection = connections[wanted.name]
        streams = connection["configurations"]["streams"]
        assert [one["name"] for one in streams] == list(wanted.streams)
        assert {one["syncMode"] for one in streams} == {"incremental_deduped_history"}
        assert all(one["primaryKey"] and one["cursorField"] for one in streams)
        assert connection["prefix"] == wanted.table_prefix
        assert connection["sourceId"] == source(server, wanted.name)["sourceId"]
    settings = source(server, "polygon_bars")["configuration"]
    assert settings["start_date"] == "2003-09-10"
    assert settings["tickers"] == ["AAPL", "IBM", "MSFT"]
    assert settings["api_key"] == "**********"


def test_a_second_run_writes_nothing(server: Airbyte, requests: Recorder) -> None:
    run()
    requests.sent.clear()
    changes = run()
    assert {change.action for change in changes} == {"unchanged"}
    assert not any(change.details for change in changes)
    assert requests.writes() == []


def test_a_dry_run_only_reads(server: Airbyte, requests: Recorder) -> None:
    changes = run(dry_run=True)
    assert [change.action for change in changes] == ["create"] * OBJECTS
    assert requests.writes() == []
    run()
    delete(server, server.connection("polygon_bars"))
    requests.sent.clear()
    assert list(found(run(dry_run=True), "create")) == ["connection polygon_bars"]
    assert requests.writes() == []


def test_what_someone_changed_is_repaired_and_said(server: Airbyte, requests: Recorder) -> None:
    run()
    connection = server.connection("polygon_actions")
    streams = [
        {"name": "splits", "syncMode": "incremental_append"},
        {"name": "news", "syncMode": "incremental_deduped_history"},
    ]
    server.call(
        "PATCH",
        f"/connections/{connection['connectionId']}",
        {"configurations": {"streams": streams}, "status": "inactive", "prefix": "mine_"},
    )
    other = source(server, "polygon_reference")
    server.call(
        "PATCH",
        f"/sources/{other['sourceId']}",
        {"configuration": {"requests_per_minute": 5, "extra": "kept"}},
    )
    requests.sent.clear()
    changes = found(run(), "update")
    assert set(changes["connection polygon_actions"]) == {
        "prefix: mine_ -> nothing",
        "status: inactive -> active",
        "+ dividends",
        "+ ipos",
        "- news",
        "splits.syncMode: incremental_append -> incremental_deduped_history",
    }
    assert changes["source polygon_reference"] == ("requests_per_minute: 5 -> 6000",)
    assert len(changes) == 2
    assert [(method, body) for method, url, body in requests.writes() if "/sources/" in url] == [
        ("PATCH", {"configuration": {"requests_per_minute": 6000}})
    ]
    restored = server.connection("polygon_actions")
    assert restored == connection
    assert source(server, "polygon_reference")["configuration"]["extra"] == "kept"
    assert {change.action for change in run()} == {"unchanged"}


def test_the_window_belongs_to_dagster(server: Airbyte) -> None:
    run()
    window = {"start_date": "2005-02-28", "end_date": "2005-02-28", "lookback_days": 36500}
    path = f"/sources/{source(server, 'polygon_bars')['sourceId']}"
    server.call("PATCH", path, {"configuration": window})
    assert {change.action for change in run()} == {"unchanged"}
    settings = source(server, "polygon_bars")["configuration"]
    assert {name: settings[name] for name in window} == window


def test_secrets_are_sent_again_only_when_asked(
    server: Airbyte, requests: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    monkeypatch.setenv("POLYGON_API_KEY", "a-new-key-of-the-tests")
    requests.sent.clear()
    assert {change.action for change in run()} == {"unchanged"}
    changes = run(update_secrets=True)
    updated = found(changes, "update")
    assert len(updated) == 1 + len(CONNECTIONS)
    assert updated["source polygon_bars"] == ("api_key (secret)",)
    assert updated["destination polygon_snowflake"] == ("credentials.password (secret)",)
    assert "a-new-key-of-the-tests" not in str(changes)
    sent = [body for _, url, body in requests.writes() if "/sources/" in url]
    assert sent == [{"configuration": {"api_key": "a-new-key-of-the-tests"}}] * len(CONNECTIONS)


def test_a_new_manifest_is_a_new_version(
    server: Airbyte, requests: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    manifest = read_manifest() | {"description": "Another one."}
    monkeypatch.setattr("polygon_assets.publish.wanted.read_manifest", lambda: manifest)
    requests.sent.clear()
    assert found(run(), "update") == {"definition source-polygon": ("manifest",)}
    assert [method for method, _, _ in requests.writes()] == ["PUT"]
    [definition] = server.call("GET", DEFINITIONS)["data"]
    assert (definition["version"], definition["manifest"]) == (2, manifest)


def test_a_private_key_replaces_the_password(
    server: Airbyte, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    pem = "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n"
    monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY", pem)
    assert list(found(run(), "update")) == ["destination polygon_snowflake"]
    [destination] = server.call("GET", "/destinations")["data"]
    assert destination["configuration"]["credentials"] == {
        "auth_type": "Key Pair Authentication",
        "private_key": "**********",
    }
    assert {change.action for change in run()} == {"unchanged"}


def test_several_objects_of_one_name_are_refused_before_anything_is_written(
    server: Airbyte, requests: Recorder
) -> None:
    run()
    first = source(server, "polygon_bars")
    body = {name: first[name] for name in ("name", "workspaceId", "definitionId")}
    server.call(
        "POST", "/sources", {**body, "configuration": {"api_key": "k", "start_date": "2005-02-28"}}
    )
    requests.sent.clear()
    with pytest.raises(PublishError, match=r"Several sources .* same name: polygon_bars"):
        run()
    assert requests.writes() == []


def test_a_workspace_of_another_deployment_is_refused(
    server: Airbyte, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    monkeypatch.setenv("POLYGON_DEPLOYMENT", "prod")
    with pytest.raises(PublishError, match="writes to POLYGON_LOCAL, not to POLYGON:"):
        run()


def test_a_connection_with_other_ends_is_refused(server: Airbyte) -> None:
    run()
    connection = server.connection("polygon_bars")
    delete(server, connection)
    body = {
        "name": "polygon_bars",
        "sourceId": source(server, "polygon_actions")["sourceId"],
        "destinationId": connection["destinationId"],
    }
    server.call("POST", "/connections", body)
    with pytest.raises(PublishError, match="polygon_bars joins another source"):
        run()


def test_a_source_of_another_connector_is_refused(server: Airbyte) -> None:
    server.make_workspace()
    with pytest.raises(PublishError, match="polygon_actions is not one of the definition"):
        run()


@pytest.mark.parametrize(
    ("variables", "error", "sentence"),
    [
        ({"AIRBYTE_CLIENT_SECRET": "x"}, PublishError, "check AIRBYTE_CLIENT_ID and"),
        ({"AIRBYTE_WORKSPACE_ID": "w"}, PublishError, "check AIRBYTE_WORKSPACE_ID"),
        ({"AIRBYTE_REST_URL": "http://127.0.0.1:9/v1"}, ServiceUnreachableError, "AIRBYTE_REST"),
        (
            {"POLYGON_DEPLOYMENT": "branch", "DAGSTER_CLOUD_PULL_REQUEST_ID": "7"},
            PublishError,
            "Airbyte is off in branch deployments",
        ),
        (
            {"AIRBYTE_REST_URL": "https://api.airbyte.com/v1"},
            PublishError,
            "api.airbyte.com cannot reach http://127.0.0.1:18100",
        ),
        (
            {"POLYGON_REST_URL": "https://api.massive.com", "POLYGON_API_KEY": ""},
            MissingCredentialError,
            "POLYGON_API_KEY is not set",
        ),
        ({"CONNECTOR_REQUESTS_PER_MINUTE": "60000"}, PublishError, r"\(422\).*requests_per_minute"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    server: Airbyte,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    error: type[Exception],
    sentence: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(error, match=sentence) as raised:
        run()
    assert "\n" not in str(raised.value)


def test_a_run_that_broke_off_is_finished_by_the_next(
    server: Airbyte, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = publish_api.AirbyteApi.write
    left = 5

    def failing(self: Any, *arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise PublishError("broken off")
        return write(self, *arguments)

    monkeypatch.setattr(publish_api.AirbyteApi, "write", failing)
    with pytest.raises(PublishError):
        run()
    left = 1_000
    actions = [change.action for change in run()]
    assert actions.count("unchanged") == 5
    assert actions.count("create") == OBJECTS - 5


def test_the_command_prints_the_plan(server: Airbyte) -> None:
    # The console is bound to the terminal of the process, so only the exit code is seen here.
    assert CliRunner().invoke(app, ["connector", "publish", "--dry-run"]).exit_code == 0
    assert server.call("GET", "/connections")["data"] == []
    assert CliRunner().invoke(app, ["connector", "publish"]).exit_code == 0
    assert len(server.call("GET", "/connections")["data"]) == len(CONNECTIONS)
