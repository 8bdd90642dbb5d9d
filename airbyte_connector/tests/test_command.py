"""The installed command as the platform runs it: a process that prints messages."""

import json
from pathlib import Path
from typing import Any

import pytest
from reading import COMMAND, DAYS, command, configuration, run
from simulator import API_KEY, ODD_TICKERS, Simulator
from wire import Wire

from source_polygon.run import load_manifest

SETTINGS = {
    "api_key",
    "start_date",
    "end_date",
    "lookback_days",
    "requests_per_minute",
    "num_workers",
    "include_otc",
    "tickers",
    "corporate_actions_api",
    "trades_and_quotes",
    "base_url",
}


def test_it_prints_its_own_specification() -> None:
    printed = run([COMMAND, "spec"])
    specification = json.loads(printed.stdout.splitlines()[-1])["spec"]["connectionSpecification"]
    properties = specification["properties"]
    assert set(properties) == SETTINGS
    assert [name for name, one in properties.items() if one.get("airbyte_secret")] == ["api_key"]
    assert all(one["description"] for one in properties.values())


@pytest.fixture
def other_manifest(tmp_path: Path) -> Path:
    """A manifest in JSON that has one stream and another title."""
    other = load_manifest()
    other["spec"]["connection_specification"]["title"] = "Another connector"
    other["streams"] = other["streams"][:1]
    file = tmp_path / "other.json"
    file.write_text(json.dumps(other))
    return file


def test_another_manifest_takes_the_packaged_ones_place(
    other_manifest: Path, vendor: Simulator, tmp_path: Path
) -> None:
    printed = run([COMMAND, "spec", "--manifest-path", other_manifest])
    assert "Another connector" in printed.stdout

    config = configuration(vendor.url, end_date=DAYS[0])
    line = command(tmp_path, "read", config, "daily_bars")
    read = run([*line, "--manifest-path", other_manifest])
    assert read.returncode == 0
    assert '"type":"RECORD"' in read.stdout

    discover = [COMMAND, "discover", "--config", tmp_path / "config.json"]
    found = run([*discover, "--manifest-path", other_manifest])
    [catalog] = [one for one in map(json.loads, found.stdout.splitlines()) if "catalog" in one]
    assert [one["name"] for one in catalog["catalog"]["streams"]] == ["daily_bars"]


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    with pytest.raises(FileNotFoundError, match=r"none\.yaml"):
        load_manifest(file)
    file.write_text("- a list")
    with pytest.raises(ValueError, match=r"none\.yaml holds no manifest"):
        load_manifest(file)


def test_values_are_passed_on_as_they_are(vendor: Simulator, tmp_path: Path) -> None:
    vendor.fault("new_field", count=0)
    printed = run(
        command(tmp_path, "read", configuration(vendor.url, end_date=DAYS[0]), "daily_bars")
    )
    assert printed.returncode == 0
    bars = {
        message["record"]["data"]["ticker"]: message["record"]["data"]
        for message in map(json.loads, printed.stdout.splitlines())
        if message["type"] == "RECORD"
    }
    assert set(ODD_TICKERS) <= set(bars)
    assert bars["NAN"]["v"] % 1, "a fractional volume"
    assert {"vw", "n"}.isdisjoint(bars["NULL"])
    assert all("T" not in bar and bar["field_of_tomorrow"] for bar in bars.values())


@pytest.mark.parametrize("name", ["minute_bars", "ticker_events", "related_tickers"])
def test_odd_tickers_are_asked_for_as_they_are(
    name: str, vendor: Simulator, wire: Wire, read_stream: Any
) -> None:
    output = read_stream(name, tickers=list(ODD_TICKERS), end_date=DAYS[0])
    assert not output.errors
    asked = {part for request in wire.asked for part in request.split("?")[0].split("/")}
    assert set(ODD_TICKERS) <= asked
    stamped = {record.record.data["ticker"] for record in output.records}
    assert stamped <= set(ODD_TICKERS)
    assert stamped == set(ODD_TICKERS) or name == "related_tickers"


def test_the_key_is_never_in_an_address(vendor: Simulator, wire: Wire, read_stream: Any) -> None:
    read_stream("daily_bars", "splits", "tickers")
    assert wire.asked
    assert not any(API_KEY in request for request in wire.asked)


def test_the_key_is_never_in_the_output(vendor: Simulator, tmp_path: Path) -> None:
    vendor.fault("timeframe", "/stocks/v1/splits")
    vendor.fault("not_entitled", "/stocks/v1/dividends")
    vendor.fault("502_html", "/vX/reference/ipos")
    config = configuration(vendor.url)
    printed = run([*command(tmp_path, "read", config, "splits", "dividends", "ipos"), "--debug"])
    assert printed.returncode == 1
    assert "NOT_ENTITLED" in printed.stdout
    assert API_KEY not in printed.stdout + printed.stderr
