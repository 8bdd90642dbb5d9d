"""Rollups of the second bars, rebuilt per session after the close."""

from datetime import date
from typing import Any

import dagster as dg

from polygon_assets.candles import markdown_picture
from polygon_assets.code_versions import code_version
from polygon_assets.defs.rollups.chart import most_traded
from polygon_assets.defs.rollups.rebuild import rebuild_session, require_closed
from polygon_assets.defs.rollups.rollup import SECONDS, Rollup
from polygon_assets.links import clickhouse_link
from polygon_assets.partitions import SessionWindow, run_window
from polygon_assets.policies import session_spec
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.polygon import Polygon
from polygon_assets.stored import stored_bytes

MINUTES = "{rollups}.bars_1m"

BARS_1M = Rollup("bars_1m", SECONDS, "toStartOfMinute(s.bar_start)", "One-minute bars.")
BARS_5M = Rollup("bars_5m", MINUTES, "toStartOfFiveMinutes(s.bar_start)", "Five-minute bars.")
BARS_1H = Rollup("bars_1h", MINUTES, "toStartOfHour(s.bar_start)", "One-hour bars.")
BARS_1D = Rollup(
    "bars_1d",
    MINUTES,
    "toTimeZone(toDateTime(s.session_date, 'America/New_York'), 'UTC')",
    "The session as one bar, as the stream saw it; bar_start is midnight in New York.",
)
ROLLUPS = [BARS_1M, BARS_5M, BARS_1H, BARS_1D]


def rollup_asset(rollup: Rollup) -> dg.AssetsDefinition:
    """The asset of one rollup: a run rebuilds the sessions of its window."""
    spec = session_spec(
        rollup.key,
        description=f"{rollup.description} Final after the close: rebuilt from the last version of "
        "every finer bar and swapped in at once.",
        kinds=["clickhouse", "table"],
        deps=[dg.AssetKey(rollup.source_key)],
        metadata={"sql": dg.MetadataValue.md(f"```sql\n{rollup.select}\n```")},
        code_version=code_version(__name__, rollup.select),
    )

    @dg.multi_asset(
        name=f"rollup_{rollup.name}",
        specs=[spec],
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=f"clickhouse_{rollup.name}",
    )
    def rebuild(
        context: dg.AssetExecutionContext, clickhouse: ClickHouse, polygon: Polygon
    ) -> dg.MaterializeResult[Any]:
        window = run_window(context.run.tags)
        sessions: list[date] = window.sessions
        require_closed(sessions[-1], polygon.now())
        done = [rebuild_session(clickhouse, rollup, day) for day in sessions]
        return dg.MaterializeResult(
            asset_key=spec.key,
            metadata={
                "dagster/partition_row_count": sum(one.rows for one in done),
                "dagster/table_name": f"{clickhouse.rollups}.{rollup.name}",
                "volume": sum(one.volume for one in done),
                "drift_shares": sum(one.drift for one in done),
                **_table(clickhouse, rollup, window),
                **_chart(clickhouse, rollup, sessions[-1]),
            },
        )

    return rebuild


def _table(clickhouse: ClickHouse, rollup: Rollup, window: SessionWindow) -> dict[str, Any]:
    """What the table is made from, how much room the sessions take, and where to look at them."""
    from polygon_assets.defs.rollups.lineage import rollup_lineage

    first, last = window.first, window.last
    sizes = stored_bytes(clickhouse, clickhouse.rollups, first, last)
    table = f"{{rollups}}.{rollup.name}"
    return {
        "bytes": sizes.get(rollup.name, 0),
        "dagster/column_lineage": rollup_lineage(rollup),
        **clickhouse_link(clickhouse, table, "session_date", first, last),
    }


def _chart(
    clickhouse: ClickHouse, rollup: Rollup, session: date
) -> dict[str, dg.MarkdownMetadataValue]:
    """Candles of the most traded symbol, where there are enough of them for a picture."""
    if rollup is not BARS_5M:
        return {}
    found = most_traded(clickhouse, rollup, session)
    return {"candles": dg.MetadataValue.md(markdown_picture(*found))} if found else {}


rollup_assets = [rollup_asset(rollup) for rollup in ROLLUPS]
