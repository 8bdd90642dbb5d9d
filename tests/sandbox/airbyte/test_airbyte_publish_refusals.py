"""What `polygon connector publish` refuses, in one sentence, before it writes."""

import pytest
from airbyte_publishing import Recorder, delete, run, source
from airbyte_server import Airbyte

from polygon_assets.preflight import MissingCredentialError, ServiceUnreachableError
from polygon_assets.publish.api import PublishError

pytestmark = pytest.mark.xdist_group("airbyte")


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
