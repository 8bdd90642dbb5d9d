"""The raw tables that Airbyte fills: what they say of themselves fits connector and connections."""

import pytest

from polygon_assets.connections import CONNECTIONS
from polygon_assets.defs.raw import STREAM_TABLES, raw_assets
from polygon_assets.publish.manifest import read_manifest, read_streams
from polygon_assets.raw.table import StreamTable

STREAMS = read_streams(read_manifest())
ONE_BAR_A_DAY = {"daily_bars", "symbol_day_bars"}
"""Their rows are unique by session and ticker, which is more than their key says."""


def by_name(table: StreamTable) -> str:
    return table.name


@pytest.mark.parametrize("table", STREAM_TABLES, ids=by_name)
def test_unique_by_is_the_key_of_the_stream(table: StreamTable) -> None:
    names = tuple(one.strip('"').lower() for one in table.unique_by)
    key = STREAMS[table.stream].primary_key
    if table.name in ONE_BAR_A_DAY:
        assert table.unique_by == (key[0].upper(), table.session)
    else:
        assert sorted(names) == sorted(key)


def test_every_stream_of_a_connection_has_its_table() -> None:
    wanted = {c.name: {c.table(stream) for stream in c.streams} for c in CONNECTIONS}
    assert {one.op.name: {key.path[-1] for key in one.keys} for one in raw_assets} == wanted
    tables = {table.name: table.stream for table in STREAM_TABLES}
    assert tables == {c.table(stream): stream for c in CONNECTIONS for stream in c.streams}


def test_paths_of_requests_belong_to_one_table_of_a_connection() -> None:
    values = {"session": "2005-02-28", "ticker": "BRK.B"}
    paths = {table.stream: table.path.format(**values) for table in STREAM_TABLES}
    for connection in CONNECTIONS:
        tables = [table for table in STREAM_TABLES if table.stream in connection.streams]
        for table in tables:
            found = [one.name for one in tables if one.is_path(paths[table.stream])]
            assert found == [table.name]


def test_requests_are_at_least_the_slices_and_the_pages() -> None:
    tables = {table.name: table for table in STREAM_TABLES}
    assert tables["daily_bars"].requests_at_least(days=4, rows=40_000) == 4
    assert tables["tickers"].requests_at_least(days=1, rows=30_001) == 31
    assert tables["tickers"].requests_at_least(days=1, rows=10) == 2
    assert tables["splits"].requests_at_least(days=366, rows=0) == 1
    assert tables["ticker_details"].requests_at_least(days=1, rows=3) == 3
