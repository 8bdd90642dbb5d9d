"""Pages, failures in mid-stream, and what a following sync makes of them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.manifest_migrations.migration_handler import ManifestMigrationHandler
from reading import (
    BARS,
    DAYS,
    Read,
    Record,
    command,
    configuration,
    key,
    last_state,
    records,
)
from simulator import SYMBOLS, Simulator
from wire import Wire

from source_polygon.run import load_manifest

PAGES = "/v3/reference/tickers?cursor="


def small_pages() -> dict[str, Any]:
    """The manifest with five tickers to a page instead of a thousand."""
    text, usual = json.dumps(load_manifest()), "'limit': 1000, 'sort': 'ticker'"
    assert text.count(usual) == 1
    return json.loads(text.replace(usual, "'limit': 5, 'sort': 'ticker'"))


def keys(output: Any, name: str = "tickers") -> list[tuple[Any, ...]]:
    return sorted(key(name, record) for record in records(output))


@pytest.mark.parametrize("migrated", [False, True], ids=["as it is", "migrated by the Builder"])
def test_tickers_come_page_by_page_listed_and_delisted(
    migrated: bool, wire: Wire, read_stream: Read
) -> None:
    used = small_pages()
    if migrated:
        used = dict(ManifestMigrationHandler(used).apply_migrations())
    window = {"start_date": "2005-03-01", "end_date": "2005-03-03"}
    output = read_stream("tickers", manifest=used, **window)
    days = ("2005-03-01", "2005-03-02", "2005-03-03")
    assert keys(output) == sorted(
        (day, symbol, symbol != "ZZAE" or day == "2005-03-01") for day in days for symbol in SYMBOLS
    )
    assert len(wire.paths(PAGES)) == 2 * len(days)
    # A later page is the vendor's cursor alone.
    assert all("&" not in request and "None" not in request for request in wire.paths(PAGES))


def test_later_pages_are_asked_for_on_our_own_host(
    vendor: Simulator, wire: Wire, read_stream: Read
) -> None:
    def page(symbol: str, **more: str) -> tuple[int, Any]:
        results = [{"ticker": symbol, "active": True}]
        return 200, {"status": "OK", "count": 1, "results": results, **more}

    there = "https://api.polygon.io:443/v3/reference/tickers?cursor=page-2"
    wire.answers["active=true"] = page("NA", next_url=there)
    wire.answers["cursor=page-2"] = page("NULL")
    output = read_stream("tickers", end_date=DAYS[0])
    assert keys(output) == [(DAYS[0], "NA", True), (DAYS[0], "NULL", True)]
    assert wire.hosts == {vendor.url.removeprefix("http://")}


def test_the_host_by_default_is_the_vendors(wire: Wire, read_stream: Read) -> None:
    wire.answers[BARS] = (200, {"status": "OK", "resultsCount": 0})
    assert not read_stream("daily_bars", base_url=None).errors
    assert wire.hosts == {"api.massive.com"}


def test_a_failure_on_a_later_page_keeps_the_day(wire: Wire, read_stream: Read) -> None:
    complete = keys(read_stream("tickers", manifest=small_pages()))
    wire.answers[PAGES] = (400, {"status": "ERROR", "error": "no"})
    output = read_stream("tickers", manifest=small_pages(), expecting_exception=True)
    assert output.errors
    assert 0 < len(output.records) < len(complete)

    wire.answers.clear()
    resumed = read_stream(
        "tickers", manifest=small_pages(), state=last_state(output), lookback_days=0
    )
    assert sorted({*keys(output), *keys(resumed)}) == complete


def test_a_killed_sync_goes_on_where_its_last_state_is(
    vendor: Simulator, tmp_path: Path, read_stream: Read
) -> None:
    since = {"start_date": "2005-01-03", "num_workers": 2}
    complete = _bars(records(read_stream("daily_bars", **since)))
    config = configuration(vendor.url, **since)

    vendor.fault("slow", BARS + "2005-02-1", count=0, seconds=2)
    killed, state = [], None
    with subprocess.Popen(
        command(tmp_path, "read", config, "daily_bars"), stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout or []:
            message = json.loads(line)
            if message["type"] == "RECORD":
                killed.append(message["record"]["data"])
            if message["type"] == "STATE" and '"2005-02-0' in line:
                state = message["state"]
                break
        process.kill()
    vendor.clear_faults()

    reached = state["stream"]["stream_state"]
    resumed = read_stream("daily_bars", state=reached, lookback_days=0, **since)
    assert _bars(killed) < complete
    assert len(resumed.records) < len(complete)
    assert _bars(killed) | _bars(records(resumed)) == complete


def _bars(found: list[Record]) -> set[tuple[Any, ...]]:
    return {tuple(sorted(bar.items())) for bar in found}
