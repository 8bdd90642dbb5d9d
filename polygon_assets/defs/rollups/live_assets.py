"""The live rollups as assets: views that are exact at any time of the session.

To materialize one is to apply the migrations that are missing and to record what it says of the
session: the views themselves need no run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg

from polygon_assets.code_versions import code_version
from polygon_assets.defs.rollups.live import SCHEMA, create_rollups
from polygon_assets.defs.ticks.assets import BARS_1S
from polygon_assets.links import clickhouse_link
from polygon_assets.partitions import earlier_sessions, run_window
from polygon_assets.policies import session_spec
from polygon_assets.resources.clickhouse import ClickHouse

_MIGRATIONS = [file.read_text() for file in sorted(SCHEMA.glob("*.sql"))]


@dataclass(frozen=True)
class LiveRollup:
    """A view of the rollups' database.

    Attributes:
        name: Its name.
        file: The file of ``schema/`` that defines it.
        description: What one row is.
        final: The rebuilt rollups that it reads.
        streamed: The sink's tables that it reads.
        session: ClickHouse expression for the session of a row.
        sessions_before: How many sessions before its own it reads of them; 0 = its own.
    """

    name: str
    file: str
    description: str
    final: tuple[str, ...] = ()
    streamed: tuple[str, ...] = ("bars_1s",)
    session: str = "session_date"
    sessions_before: int = 0

    @property
    def key(self) -> list[str]:
        """The asset key."""
        return ["clickhouse", "rollups", self.name]

    @property
    def spec(self) -> dg.AssetSpec:
        """The asset."""
        sql = (SCHEMA / self.file).read_text()
        earlier = earlier_sessions(self.sessions_before) if self.sessions_before else None
        final = [
            dg.AssetDep(dg.AssetKey(["clickhouse", "rollups", name]), partition_mapping=earlier)
            for name in self.final
        ]
        streamed = [dg.AssetDep(dg.AssetKey([*BARS_1S[:-1], name])) for name in self.streamed]
        return session_spec(
            self.key,
            description=f"{self.description} Live: exact after every insert of the sink.",
            kinds=["clickhouse", "view"],
            deps=[*streamed, *final],
            metadata={"sql": dg.MetadataValue.md(f"```sql\n{sql}\n```")},
            # Not its own file alone: a later migration may change any view.
            code_version=code_version(__name__, self.name, *_MIGRATIONS),
        )


_OPEN_AND_CLOSED = "Sessions under way are live, closed ones come from the final table."

LIVE_ROLLUPS = [
    *(
        LiveRollup(
            f"candles_{width}",
            "003_candles.sql",
            f"{name} candles of every session. {_OPEN_AND_CLOSED}",
            (f"bars_{width}",),
        )
        for width, name in (
            ("1m", "One-minute"),
            ("5m", "Five-minute"),
            ("1h", "One-hour"),
            ("1d", "Session"),
        )
    ),
    LiveRollup(
        "session_vwap",
        "004_session_vwap.sql",
        "VWAP and volume of a symbol's session so far, ours against the vendor's.",
    ),
    LiveRollup(
        "movers",
        "005_movers.sql",
        "Change of a symbol's last price since the open and since the previous close.",
        ("bars_1d",),
        # The previous close is at most ten days old: so many sessions.
        sessions_before=7,
    ),
    LiveRollup(
        "unusual_volume",
        "006_unusual_volume.sql",
        "A symbol's volume up to this time of day against that of its trailing sessions.",
        ("bars_5m",),
        sessions_before=20,
    ),
    LiveRollup(
        "halts_in_force",
        "007_halts_in_force.sql",
        "Symbols whose trading is halted.",
        streamed=("bars_1s", "halts"),
        session="toDate(halted_at, 'America/New_York')",
    ),
    LiveRollup(
        "staleness",
        "008_staleness.sql",
        "A symbol's silence against the rhythm of its own bars.",
    ),
    LiveRollup(
        "latency",
        "009_latency.sql",
        "Percentiles of the time from event to receipt and to queryable, per minute, with and "
        "without the feed's own delay.",
    ),
]


@dg.multi_asset(
    name="live_rollups",
    specs=[live.spec for live in LIVE_ROLLUPS],
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="clickhouse_live_rollups",
)
def live_rollups(
    context: dg.AssetExecutionContext, clickhouse: ClickHouse
) -> Iterator[dg.MaterializeResult[Any]]:
    """Apply what is missing and count what each view says of the run's sessions."""
    from polygon_assets.defs.rollups.lineage import view_lineage

    create_rollups(clickhouse)
    window = run_window(context.run.tags)
    for live in LIVE_ROLLUPS:
        key = dg.AssetKey(live.key)
        if key not in context.selected_asset_keys:
            continue
        [(rows,)] = clickhouse.query(
            f"SELECT count() FROM {{rollups}}.{live.name} "
            f"WHERE {live.session} BETWEEN {{first:Date}} AND {{last:Date}}",
            {"first": window.first, "last": window.last},
        )
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "dagster/partition_row_count": int(rows),
                "dagster/table_name": f"{clickhouse.rollups}.{live.name}",
                "dagster/column_lineage": view_lineage(live.name),
                **clickhouse_link(
                    clickhouse, f"{{rollups}}.{live.name}", live.session, window.first, window.last
                ),
            },
        )
