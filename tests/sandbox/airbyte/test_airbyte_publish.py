"""`polygon connector publish` against the sandbox's Airbyte."""

from typing import Any

import pytest
from airbyte_publishing import DEFINITIONS, OBJECTS, Recorder, delete, found, run, source
from airbyte_server import Airbyte
from typer.testing import CliRunner

from polygon_assets.cli.main import app
from polygon_assets.connections import CONNECTIONS
from polygon_assets.publish import api as publish_api
from polygon_assets.publish.api import PublishError
from polygon_assets.publish.manifest import read_manifest

pytestmark = pytest.mark.xdist_group("airbyte")


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
