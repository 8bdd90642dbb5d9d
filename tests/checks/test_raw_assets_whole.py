"""Every raw asset as production runs it: published connector, Airbyte, warehouse, checks."""

import json
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
import pytest
from checks_support import MONDAY, NAMES, QUIET, one_session, variables
from support.servers import server

from polygon_assets.defs.platform.freshness import NAME as SESSION_FRESHNESS
from polygon_assets.defs.raw import STREAM_TABLES, raw_assets, raw_checks
from polygon_assets.publish.publish import publish
from polygon_assets.resources.airbyte import airbyte
from polygon_assets.resources.polygon import polygon
from polygon_assets.resources.snowflake import Warehouse, warehouse
from polygon_assets.sandbox.layout import SandboxLayout
from polygon_assets.sandbox.market import SimulatedMarket

pytestmark = [pytest.mark.xdist_group("checks_whole"), pytest.mark.slow]

LATER = "2005-03-11"
BY_NAME = {one.op.name: one for one in raw_assets}
BARS = (
    "SELECT TO_DATE(TO_TIMESTAMP_NTZ(T, 3)), TICKER, O, H, L, C, V, _AIRBYTE_EXTRACTED_AT "
    "FROM {database}.RAW.DAILY_BARS WHERE TO_DATE(TO_TIMESTAMP_NTZ(T, 3)) = '" + LATER + "' "
    "ORDER BY TICKER"
)
STATE = (
    "SELECT STATE FROM {database}.AIRBYTE_INTERNAL.STREAM_STATE WHERE STREAM_NAME = 'daily_bars'"
)


@dataclass
class Platform:
    """The batch half of the sandbox, with an Airbyte workspace that was just published."""

    definitions: dg.Definitions
    snowflake: Warehouse
    vendor_port: int

    def run(self, connection: str, day: str) -> dg.ExecuteInProcessResult:
        """Materialize one session of a connection's tables, and check them."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            asset_selection=list(BY_NAME[connection].keys),
            run_config=QUIET,
            tags=one_session(day),
            raise_on_error=False,
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.snowflake.query(sql.replace("{database}", str(self.snowflake.database)))

    @contextmanager
    def fault(self, **fault: Any) -> Generator[None, None, None]:
        """A fault of the vendor while the block runs."""
        url = f"http://127.0.0.1:{self.vendor_port}/sandbox/faults"
        body = json.dumps({"count": 0, **fault}).encode()
        urllib.request.urlopen(urllib.request.Request(url, body, method="POST")).close()
        yield
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with ExitStack() as stack:
        data = tmp_path_factory.mktemp("polygon")
        vendor = stack.enter_context(server("polygon", data, "--symbols", "12"))
        snowflake = stack.enter_context(server("snowflake", tmp_path_factory.mktemp("snowflake")))
        engine = stack.enter_context(server("airbyte", tmp_path_factory.mktemp("airbyte")))
        base = f"http://127.0.0.1:{engine}/api"
        stack.enter_context(
            variables(
                POLYGON_DEPLOYMENT="local",
                POLYGON_REST_URL=f"http://127.0.0.1:{vendor}",
                SNOWFLAKE_PORT=str(snowflake),
                AIRBYTE_REST_URL=f"{base}/public/v1",
                AIRBYTE_CONFIG_URL=f"{base}/v1",
            )
        )
        clock = datetime.fromisoformat(f"{LATER}T20:00:00-05:00")
        SimulatedMarket(SandboxLayout(data, vendor)).set_clock(clock)
        house = warehouse(NAMES).process_config_and_initialize()
        house.create_schemas()
        publish(NAMES)
        resources = {"airbyte": airbyte(NAMES), "snowflake": warehouse(NAMES), "polygon": polygon()}
        definitions = dg.Definitions(raw_assets, asset_checks=raw_checks, resources=resources)
        yield Platform(definitions, house, vendor)


def test_every_connection_delivers_a_session_and_passes_its_checks(whole: Platform) -> None:
    # The tickers first: the bars are compared with them.
    for connection in sorted(BY_NAME, key=lambda name: name != "polygon_reference"):
        result = whole.run(connection, MONDAY)
        assert result.success, connection
        found = result.get_asset_check_evaluations()
        failed = [(str(one.asset_key), one.check_name) for one in found if not one.passed]
        assert failed == []
        assert SESSION_FRESHNESS not in {one.check_name for one in found}
        rows = {
            event.asset_key.path[-1]: event.materialization.metadata
            for event in result.get_asset_materialization_events()
            if event.asset_key is not None
        }
        assert set(rows) == {key.path[-1] for key in BY_NAME[connection].keys}
        for table in STREAM_TABLES:
            if table.name in rows and table.every_session:
                loaded = rows[table.name]["rows_loaded"].value
                assert loaded == rows[table.name]["rows_read"].value
                assert loaded == rows[table.name]["dagster/partition_row_count"].value
                assert loaded


def test_an_old_session_again_changes_nothing_else(whole: Platform) -> None:
    assert whole.run("polygon_bars", LATER).success
    before = whole.query(BARS), whole.query(STATE)
    assert all(before)
    assert whole.run("polygon_bars", MONDAY).success
    assert (whole.query(BARS), whole.query(STATE)) == before


def test_a_dataset_outside_the_plan_fails_alone_and_by_name(whole: Platform) -> None:
    with whole.fault(kind="not_entitled", path="/stocks/v1/short-interest"):
        result = whole.run("polygon_fundamentals", MONDAY)
    [failure] = result.get_step_failure_events()
    user = failure.step_failure_data.user_failure_data
    assert user is not None
    assert "plan does not include the dataset of short_interest" in (user.description or "")
    events = result.get_asset_materialization_events()
    names = {event.asset_key.path[-1] for event in events if event.asset_key is not None}
    assert names == {"financials", "short_volume", "news"}


def test_a_refused_date_fails_with_stream_and_reason(whole: Platform) -> None:
    with whole.fault(kind="timeframe", path="/v2/aggs"):
        result = whole.run("polygon_bars", MONDAY)
    [failure] = result.get_step_failure_events()
    user = failure.step_failure_data.user_failure_data
    assert user is not None
    assert "daily_bars: Polygon refused this date (403)" in (user.description or "")
    assert "During the sync" not in (user.description or "")
