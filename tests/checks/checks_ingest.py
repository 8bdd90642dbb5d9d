"""An Airbyte whose syncs do what a test says, and what a run with it tells."""

from collections.abc import Callable
from typing import Any

import dagster as dg
from checks_raw_rows import TABLES, execute
from checks_support import QUIET, shared_instance
from checks_warehouse_cases import RAW

from polygon_assets.connections import CONNECTIONS
from polygon_assets.resources.airbyte import PolygonAirbyte, SyncReport
from polygon_assets.resources.airbyte_job import StreamCounts
from polygon_assets.resources.snowflake import Warehouse

REPORT = SyncReport(
    job_id=7,
    rows=12,
    bytes=3456,
    seconds=0.5,
    job_url="http://127.0.0.1:9/timeline",
    streams={"daily_bars": StreamCounts(read=14, loaded=13, bytes=3000)},
    notices=("WARN slow",),
)

Effect = Callable[[str, str], SyncReport]
"""What a sync of a window does to the warehouse, and what it reports."""


class ScriptedAirbyte(PolygonAirbyte):
    """Says that a sync succeeded, and does what the test says."""

    def sync_window(self, connection_name: str, first: str, last: str) -> SyncReport:
        windows.append((connection_name, first, last))
        return effects[-1](first, last)


windows: list[tuple[str, str, str]] = []
"""What Airbyte was asked for."""

effects: list[Effect] = []
"""What a sync does; the last one counts."""


def read_again(snowflake: Warehouse, first: str, last: str, *but: str) -> SyncReport:
    """The rows of a window as new as from the vendor, except for those of some tables."""
    [connection] = [one for one in CONNECTIONS if one.name == windows[-1][0]]
    for name, table in TABLES.items():
        if table.stream in connection.streams and name not in but:
            execute(
                snowflake,
                f"UPDATE {RAW}{name.upper()} SET _AIRBYTE_EXTRACTED_AT = CURRENT_TIMESTAMP() "
                f"WHERE {table.session} BETWEEN '{first}' AND '{last}'",
            )
    return REPORT


def run(
    asset: dg.AssetsDefinition,
    snowflake: Warehouse,
    tags: dict[str, str],
    only: str | None = None,
) -> dg.ExecuteInProcessResult:
    scripted = ScriptedAirbyte(
        rest_api_base_url="http://127.0.0.1:9",
        configuration_api_base_url="http://127.0.0.1:9",
        workspace_id="scripted",
        client_id="scripted",
        client_secret="scripted",
        database="POLYGON_LOCAL",
    )
    definitions = dg.Definitions([asset], resources={"airbyte": scripted, "snowflake": snowflake})
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        run_config=QUIET,
        tags=tags,
        instance=shared_instance(),
        raise_on_error=False,
        asset_selection=[dg.AssetKey(["raw", "polygon", only])] if only else None,
    )


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """Table -> metadata of its materialization."""
    found = {}
    for event in result.get_asset_materialization_events():
        assert event.asset_key is not None
        values = event.materialization.metadata
        found[event.asset_key.path[-1]] = {name: one.value for name, one in values.items()}
    return found


def failure(result: dg.ExecuteInProcessResult) -> tuple[str, Any]:
    """What the run's failure says, and the sessions that it names by table."""
    assert not result.success
    [event] = result.get_step_failure_events()
    user = event.step_failure_data.user_failure_data
    assert user is not None
    return user.description or "", user.metadata["missing_sessions"].value
