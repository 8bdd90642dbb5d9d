"""The repository's own connector, published, from the simulated vendor to the warehouse."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from airbyte_server import KEY, end, published, start

from polygon_assets.publish.manifest import MANIFEST_FILE, read_manifest, read_streams
from polygon_assets.sandbox.airbyte.catalog import discovered
from polygon_assets.sandbox.airbyte.connector import default_command

REPOSITORY = Path(__file__).resolve().parents[3]
COMMAND = default_command(REPOSITORY)
FIRST, LAST = "2005-02-22", "2005-03-01"
SESSIONS = 6
DAY = "to_date(to_timestamp_ntz(T, 3))"

pytestmark = [pytest.mark.xdist_group("airbyte"), pytest.mark.slow]


@pytest.fixture(scope="module")
def vendor_url(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = tmp_path_factory.mktemp("polygon")
    process, port = start(
        "polygon_assets.sandbox.polygon",
        ["--data", str(data), "--symbols", "12"],
        POLYGON_API_KEY=KEY,
    )
    yield f"http://127.0.0.1:{port}"
    end(process)


@pytest.fixture
def platform(make_airbyte: Callable[..., Any], vendor_url: str) -> Any:
    server = make_airbyte(connector=COMMAND, database="POLYGON_LOCAL")
    server.empty()
    with published(server, POLYGON_REST_URL=vendor_url):
        yield server


def counts(platform: Any, table: str, day: str = "SESSION_DATE") -> dict[str, int]:
    rows = platform.query(f"select {day}, count(*) from {{db}}.RAW.{table} group by 1 order by 1")
    return {str(found): count for found, count in rows}


def test_the_catalog_is_what_the_connector_discovers(tmp_path: Path) -> None:
    config = {"api_key": KEY, "start_date": "2005-02-28", "trades_and_quotes": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    run = subprocess.run(
        [*COMMAND, "discover", "--config", str(tmp_path / "config.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    messages = [json.loads(line) for line in run.stdout.splitlines()]
    [catalog] = [each["catalog"] for each in messages if each["type"] == "CATALOG"]
    ours = read_streams(read_manifest(MANIFEST_FILE))
    assert [stream["name"] for stream in catalog["streams"]] == list(ours)
    for found in catalog["streams"]:
        expected = discovered(ours[found["name"]])
        assert {key: found[key] for key in expected} == expected


def test_every_session_arrives_and_a_repeated_window_changes_nothing(platform: Any) -> None:
    airbyte = platform.resource()
    report = airbyte.sync_window("polygon_bars", FIRST, LAST)
    bars = counts(platform, "DAILY_BARS", DAY)
    assert len(bars) == SESSIONS
    assert report.rows == sum(bars.values())
    once = platform.query("select TICKER, O, C, V, T from {db}.RAW.DAILY_BARS")
    airbyte.sync_window("polygon_bars", FIRST, LAST)
    again = platform.query("select TICKER, O, C, V, T from {db}.RAW.DAILY_BARS")
    assert sorted(once, key=str) == sorted(again, key=str)
    # An older window after a newer one: the state is ahead, the window is read all the same.
    airbyte.sync_window("polygon_bars", "2005-02-18", "2005-02-18")
    assert list(counts(platform, "DAILY_BARS", DAY)) == ["2005-02-18", *bars]


def test_reference_and_actions_arrive(platform: Any) -> None:
    airbyte = platform.resource()
    airbyte.sync_window("polygon_reference", "2005-02-28", "2005-03-01")
    assert list(counts(platform, "TICKERS")) == ["2005-02-28", "2005-03-01"]
    assert list(counts(platform, "EXCHANGES")) == ["2005-02-28", "2005-03-01"]
    airbyte.sync_window("polygon_actions", "2005-02-01", "2005-03-01")
    splits = platform.query("select TICKER, SPLIT_FROM, SPLIT_TO from {db}.RAW.SPLITS")
    assert ("AAPL", 1.0, 2.0) in splits
    assert ("IBM",) in platform.query("select TICKER from {db}.RAW.DIVIDENDS")


def test_the_symbols_bars_have_tables_with_a_prefix(platform: Any) -> None:
    platform.resource().sync_window("polygon_symbol_bars", "2005-02-28", "2005-02-28")
    rows = platform.query("select distinct TICKER from {db}.RAW.SYMBOL_MINUTE_BARS order by 1")
    assert rows == [("AAPL",), ("IBM",), ("MSFT",)]
    assert platform.query("select count(*) from {db}.RAW.SYMBOL_DAY_BARS") == [(3,)]


def test_a_wrong_key_fails_with_the_connectors_words(
    make_airbyte: Callable[..., Any], vendor_url: str
) -> None:
    platform = make_airbyte(connector=COMMAND, database="POLYGON_LOCAL")
    variables = {"POLYGON_REST_URL": vendor_url, "POLYGON_API_KEY": "wrong"}
    with (
        published(platform, **variables),
        pytest.raises(dg.Failure, match="Polygon rejected the API key"),
    ):
        platform.resource().sync_window("polygon_bars", FIRST, LAST)
