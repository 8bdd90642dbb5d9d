"""What the connector does when the vendor refuses, is busy, or is broken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Read, configuration, last_state
from vendor import API_KEY, BARS, DIVIDENDS, SYMBOLS, Vendor

from source_polygon.run import load_manifest

LIMIT = {"status": "ERROR", "error": "You've exceeded the maximum requests per minute."}
NOT_ENTITLED = {"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."}
TOO_OLD = {"status": "NOT_AUTHORIZED", "message": "Your plan doesn't include this data timeframe."}
COMMAND = str(Path(sys.executable).with_name("source-polygon"))


@pytest.mark.parametrize("body", [LIMIT, b""])
def test_a_rate_limit_is_waited_out(vendor: Vendor, read_stream: Read, body: object) -> None:
    vendor.faults["/stocks/v1/dividends"] = [(429, body, {"Retry-After": "1"})]
    output = read_stream("dividends", start_date="2005-02-08")
    assert not output.errors
    assert len(output.records) == len(DIVIDENDS)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_tried_again(vendor: Vendor, read_stream: Read, status: int) -> None:
    vendor.faults["/stocks/v1/dividends"] = [(status, b"<html>", {"Retry-After": "1"})]
    output = read_stream("dividends", start_date="2005-02-08")
    assert not output.errors
    assert len(output.records) == len(DIVIDENDS)


def test_a_dataset_outside_the_plan_is_skipped_with_a_notice(
    vendor: Vendor, read_stream: Read
) -> None:
    vendor.always["/stocks/v1/dividends"] = (403, NOT_ENTITLED)
    output = read_stream("dividends")
    assert not output.errors
    assert not output.records
    assert any("NOT_ENTITLED" in log.log.message for log in output.logs)


def test_a_day_outside_the_plan_fails(vendor: Vendor, read_stream: Read) -> None:
    vendor.always[BARS + "2005-02-25"] = (403, TOO_OLD)
    output = read_stream("daily_bars", expecting_exception=True)
    assert any("Polygon refused this date (403)" in str(error) for error in output.errors)
    assert last_state(output) == {"session_date": "2005-02-24T00:00:00"}


def test_a_wrong_key_fails_with_the_reason(vendor: Vendor, read_stream: Read) -> None:
    output = read_stream("daily_bars", api_key="wrong-key-987654321", expecting_exception=True)
    assert any("Polygon rejected the API key (401)" in str(error) for error in output.errors)


def test_the_key_is_never_in_an_address_or_in_the_output(vendor: Vendor, tmp_path: Path) -> None:
    vendor.always["/stocks/v1/splits"] = (404, {})
    run = run_command(vendor, tmp_path, "read", "splits", "dividends")
    assert run.returncode == 1
    assert API_KEY not in run.stdout + run.stderr
    assert not any(API_KEY in request for request in vendor.asked)


def test_values_keep_their_types(vendor: Vendor, tmp_path: Path) -> None:
    run = run_command(vendor, tmp_path, "read", "daily_bars")
    assert run.returncode == 0
    messages = [json.loads(line) for line in run.stdout.splitlines()]
    bars = {
        message["record"]["data"]["ticker"]: message["record"]["data"]
        for message in messages
        if message["type"] == "RECORD"
    }
    assert set(bars) == set(SYMBOLS)
    assert bars["NAN"]["v"] == 9099.618093
    assert bars["NAN"]["h"] == 11
    assert "vw" not in bars["AAPL"]
    assert "T" not in bars["AAPL"]
    assert bars["TRUE"]["otc"] is True
    assert isinstance(bars["TRUE"]["t"], int)


def test_every_field_says_what_it_is() -> None:
    for name, schema in load_manifest()["schemas"].items():
        for field, definition in schema["properties"].items():
            assert definition.get("description"), f"{name}.{field} has no description"


def test_every_field_is_unique_where_case_does_not_count() -> None:
    for schema in load_manifest()["schemas"].values():
        assert len({field.upper() for field in schema["properties"]}) == len(schema["properties"])


def test_the_command_prints_its_own_specification() -> None:
    run = subprocess.run([COMMAND, "spec"], capture_output=True, text=True, check=True)
    specification = json.loads(run.stdout.splitlines()[-1])["spec"]["connectionSpecification"]
    assert specification["properties"]["api_key"]["airbyte_secret"] is True
    assert set(specification["properties"]) == {
        "api_key",
        "start_date",
        "end_date",
        "lookback_days",
        "requests_per_minute",
        "num_workers",
        "include_otc",
        "base_url",
    }


def run_command(
    vendor: Vendor, folder: Path, verb: str, *streams: str
) -> subprocess.CompletedProcess[str]:
    """Run the installed command as the platform does, in a process of its own."""
    (folder / "config.json").write_text(json.dumps(configuration(vendor)))
    catalog = {
        "streams": [
            {
                "stream": {
                    "name": name,
                    "json_schema": load_manifest()["schemas"][name],
                    "supported_sync_modes": ["full_refresh", "incremental"],
                },
                "sync_mode": "incremental",
                "destination_sync_mode": "append_dedup",
            }
            for name in streams
        ]
    }
    (folder / "catalog.json").write_text(json.dumps(catalog))
    return subprocess.run(
        [COMMAND, verb, "--config", folder / "config.json", "--catalog", folder / "catalog.json"],
        capture_output=True,
        text=True,
        check=False,
    )
