"""The two APIs, through dagster-airbyte's own client."""

import time
from typing import Any

import dagster as dg
import pytest
from airbyte_messages import good, split, state
from dagster_airbyte import AirbyteWorkspace

pytestmark = pytest.mark.xdist_group("airbyte")


def wait_for_state(airbyte: Any, job_id: int, wanted: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        job = airbyte.call("GET", f"/jobs/{job_id}")
        if job["status"] == wanted:
            return job
        time.sleep(0.05)
    raise AssertionError(f"job {job_id} is {job['status']}, not {wanted}")


def test_dagster_airbyte_loads_the_workspace(airbyte: Any) -> None:
    airbyte.choose("splits", "bars", prefix="symbol_")
    workspace = AirbyteWorkspace(
        rest_api_base_url=f"http://127.0.0.1:{airbyte.port}/api/public/v1",
        configuration_api_base_url=f"http://127.0.0.1:{airbyte.port}/api/v1",
        workspace_id="00000000-0000-4000-8000-000000000001",
        client_id="sandbox",
        client_secret=airbyte.resource().client_secret,
        max_items_per_page=1,
    )
    specs = {spec.key.to_user_string(): spec for spec in workspace.load_asset_specs()}
    assert set(specs) == {"symbol_splits", "symbol_bars"}
    metadata = specs["symbol_bars"].metadata
    assert metadata["dagster/table_name"] == f"{airbyte.database}.RAW.bars"
    assert metadata["dagster-airbyte/connection_name"] == "polygon_actions"
    columns = {column.name: column.type for column in metadata["dagster/column_schema"].columns}
    assert set(columns) == {"ticker", "t", "c", "v", "otc"}


def test_a_wrong_secret_is_refused(airbyte: Any) -> None:
    with pytest.raises(dg.Failure, match="applications/token"):
        airbyte.resource(client_secret="guess").sync_window(
            "polygon_actions", "2005-02-28", "2005-02-28"
        )


@pytest.mark.parametrize("token", ["", "Bearer x", "Bearer 9999999999.00", "Basic c2E6c2E="])
def test_a_call_needs_a_token(airbyte: Any, token: str) -> None:
    status, problem = airbyte.raw_call("GET", "/api/public/v1/connections", Authorization=token)
    assert status == 401
    assert problem["title"] == "unauthorized"


def test_what_is_not_supported_says_so(airbyte: Any) -> None:
    status, problem = airbyte.raw_call("GET", "/api/public/v1/streams")
    assert status == 404
    assert (
        problem["data"]["message"]
        == "GET /api/public/v1/streams is not part of the sandbox's Airbyte."
    )
    status, problem = airbyte.raw_call("GET", "/api/public/v1/jobs?tagIds=1")
    assert status == 400
    assert "tagIds" in problem["data"]["message"]


def test_an_unknown_connection_is_named_with_those_that_exist(airbyte: Any) -> None:
    with pytest.raises(dg.Failure, match=r"'nope'.*polygon_actions"):
        airbyte.resource().sync_window("nope", "2005-02-28", "2005-02-28")
    with pytest.raises(ValueError, match="ends before it starts"):
        airbyte.resource().sync_window("polygon_actions", "2005-03-01", "2005-02-28")


def test_a_connection_of_another_deployment_is_refused(airbyte: Any) -> None:
    airbyte.script(good([]))
    with pytest.raises(dg.Failure, match=f"fills the database {airbyte.database}, .* POLYGON_PR_7"):
        airbyte.resource(database="POLYGON_PR_7").sync_window(
            "polygon_actions", "2005-02-28", "2005-02-28"
        )
    with pytest.raises(dg.Failure, match="Airbyte is off in branch deployments"):
        airbyte.resource(database="").sync_window("polygon_actions", "2005-02-28", "2005-02-28")
    assert airbyte.call("GET", "/jobs?limit=1")["data"] == []


def test_the_window_reaches_the_source(airbyte: Any) -> None:
    airbyte.sync(good([]))
    source = airbyte.call("GET", f"/sources/{airbyte.connection()['sourceId']}")
    window = {key: source["configuration"][key] for key in ("start_date", "end_date")}
    assert window == {"start_date": "2005-02-28", "end_date": "2005-02-28"}
    assert source["configuration"]["lookback_days"] == 36500


def test_one_job_at_a_time(airbyte: Any) -> None:
    airbyte.script([], seconds=60)
    job_id = airbyte.start_job()
    with pytest.raises(dg.Failure, match="already running"):
        airbyte.resource().sync_window("polygon_actions", "2005-02-28", "2005-02-28")
    with pytest.raises(dg.Failure, match="Max retries"):
        airbyte.start_job()
    assert airbyte.call("DELETE", f"/jobs/{job_id}")["status"] == "cancelled"
    airbyte.script(good([]))
    wait_for_state(airbyte, airbyte.start_job(), "succeeded")


def test_cancelling_keeps_nothing_of_what_was_not_committed(airbyte: Any) -> None:
    airbyte.sync(good([split(1)], value=1))
    path = airbyte.script([split(2), state("splits", 2, 1)], seconds=60)
    job_id = airbyte.start_job()
    pid = path.with_name(f"{path.name}.pid")
    while not pid.exists():
        time.sleep(0.05)
    started = time.monotonic()
    assert airbyte.call("DELETE", f"/jobs/{job_id}")["status"] == "cancelled"
    assert time.monotonic() - started < 5
    assert airbyte.query("select ID from {db}.RAW.SPLITS") == [("S1",)]
    assert airbyte.states()["splits"] == {"at": 1}


def test_a_sync_that_takes_too_long_is_cancelled(airbyte: Any) -> None:
    airbyte.script([], seconds=60)
    with pytest.raises(dg.Failure, match="Timeout"):
        airbyte.resource(poll_timeout=1).sync_window("polygon_actions", "2005-02-28", "2005-02-28")
    latest = airbyte.call("GET", "/jobs?limit=1")["data"]
    assert [job["status"] for job in latest] == ["cancelled"]
