"""Reconcile the two halves: the stream's day against the official daily bar."""

from collections import Counter
from datetime import date
from typing import Any

import dagster as dg

from polygon_assets.automation import FOLLOW_CORRECTIONS
from polygon_assets.code_versions import code_version
from polygon_assets.defs.reconcile.bands import (
    HIGH_LOW_BAND,
    OPEN_CLOSE_BAND,
    VERDICTS,
    VOLUME_SHARE,
    Bar,
    Comparison,
    compare,
)
from polygon_assets.defs.rollups.assets import BARS_1D
from polygon_assets.partitions import run_window
from polygon_assets.policies import session_spec
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.snowflake import Warehouse

KEY = ["reconcile", "market", "daily_bars"]
OFFICIAL = dg.AssetKey(["marts", "market", "fct_daily_bars"])

CREATE = """
CREATE TABLE IF NOT EXISTS {database}.RECONCILE.DAILY_BARS (
    SESSION_DATE DATE NOT NULL, SYMBOL VARCHAR NOT NULL, VERDICT VARCHAR NOT NULL,
    OPEN_DIFFERENCE FLOAT, HIGH_DIFFERENCE FLOAT, LOW_DIFFERENCE FLOAT, CLOSE_DIFFERENCE FLOAT,
    VOLUME_SHARE FLOAT
)
"""

_PRICES = ("open", "high", "low", "close")

ABOVE = {
    "session_date": ("session_date",),
    "symbol": ("symbol",),
    "verdict": (*_PRICES, "volume"),
    **{f"{price}_difference": (price,) for price in _PRICES},
    "volume_share": ("volume",),
}
"""Column -> the columns of both sides that it is made from, which have the same names."""

_spec = session_spec(
    KEY,
    description="How each symbol's day in the stream differs from its official bar: relative "
    "differences of open, high, low, close, and the share of the volume. One row per session and "
    "symbol.",
    kinds=["snowflake", "clickhouse", "table"],
    deps=[dg.AssetKey(BARS_1D.key), OFFICIAL],
    automation_condition=FOLLOW_CORRECTIONS,
    metadata={
        "band_open_close": OPEN_CLOSE_BAND,
        "band_high_low": HIGH_LOW_BAND,
        "band_volume_share": f"{VOLUME_SHARE[0]} to {VOLUME_SHARE[1]}",
    },
    code_version=code_version(__name__),
)


@dg.multi_asset(
    name="reconcile_daily_bars",
    specs=[_spec],
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="reconcile_daily_bars",
)
def reconcile_daily_bars(
    context: dg.AssetExecutionContext, clickhouse: ClickHouse, snowflake: Warehouse
) -> dg.MaterializeResult[Any]:
    """Compare every session of the run, and replace its rows."""
    compared: list[Comparison] = []
    for day in run_window(context.run.tags).sessions:
        rows = compare_session(day, stream_bars(clickhouse, day), official_bars(snowflake, day))
        replace_session(snowflake, day, rows)
        compared += rows
    verdicts = Counter(row.verdict for row in compared)
    shares = [row.volume_share for row in compared if row.volume_share is not None]
    return dg.MaterializeResult(
        asset_key=KEY,
        metadata={
            "dagster/partition_row_count": len(compared),
            **{verdict: verdicts[verdict] for verdict in VERDICTS},
            "mean_volume_share": sum(shares) / len(shares) if shares else 0.0,
            "widest": dg.MetadataValue.table(_widest(compared), schema=_SCHEMA),
            "dagster/column_lineage": column_lineage(),
        },
    )


def column_lineage() -> dg.TableColumnLineage:
    """The columns of both sides above each column of the comparison."""
    sides = (dg.AssetKey(BARS_1D.key), OFFICIAL)
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(side, name) for side in sides for name in above]
            for column, above in ABOVE.items()
        }
    )


def compare_session(
    session: date, stream: dict[str, Bar], official: dict[str, Bar]
) -> list[Comparison]:
    """One comparison per symbol that either side knows, by symbol.

    Raises:
        dg.Failure: One side has nothing of the session.
    """
    for side, bars in (("stream", stream), ("official bars", official)):
        if not bars:
            raise dg.Failure(f"There is nothing to compare: the {side} lack session {session}.")
    symbols = sorted(stream.keys() | official.keys())
    return [compare(symbol, stream.get(symbol), official.get(symbol)) for symbol in symbols]


def stream_bars(clickhouse: ClickHouse, session: date) -> dict[str, Bar]:
    """Symbol -> the session as the stream saw it."""
    rows = clickhouse.query(
        "SELECT symbol, open, high, low, close, volume FROM {rollups}.bars_1d "
        "WHERE session_date = {session:Date}",
        {"session": session},
    )
    return {row[0]: Bar(*row[1:]) for row in rows}


def official_bars(snowflake: Warehouse, session: date) -> dict[str, Bar]:
    """Symbol -> the official bar of the session."""
    rows = snowflake.query(
        "SELECT symbol, open, high, low, close, volume "
        f"FROM {snowflake.database}.MARTS.FCT_DAILY_BARS WHERE session_date = %s",
        [str(session)],
    )
    return {row[0]: Bar(*map(float, row[1:])) for row in rows}


def replace_session(snowflake: Warehouse, session: date, rows: list[Comparison]) -> None:
    """Replace the session's rows in one transaction."""
    table = f"{snowflake.database}.RECONCILE.DAILY_BARS"
    values = [
        (
            str(session),
            row.symbol,
            row.verdict,
            row.open_difference,
            row.high_difference,
            row.low_difference,
            row.close_difference,
            row.volume_share,
        )
        for row in rows
    ]
    with snowflake.cursor() as cursor:
        cursor.execute(CREATE.replace("{database}", str(snowflake.database)))
        cursor.execute("BEGIN")
        cursor.execute(f"DELETE FROM {table} WHERE SESSION_DATE = %s", [str(session)])
        if values:
            cursor.executemany(
                f"INSERT INTO {table} VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", values
            )
        cursor.execute("COMMIT")


_SCHEMA = dg.TableSchema(
    [
        dg.TableColumn("symbol", "string"),
        dg.TableColumn("verdict", "string"),
        dg.TableColumn("close_difference", "float"),
        dg.TableColumn("volume_share", "float"),
    ]
)


def _widest(rows: list[Comparison], most: int = 10) -> list[dg.TableRecord]:
    """The symbols whose close differs most."""
    found = sorted(
        (row for row in rows if row.close_difference is not None and row.volume_share is not None),
        key=lambda row: -abs(row.close_difference or 0.0),
    )
    return [
        dg.TableRecord(
            {
                "symbol": row.symbol,
                "verdict": row.verdict,
                "close_difference": row.close_difference or 0.0,
                "volume_share": row.volume_share or 0.0,
            }
        )
        for row in found[:most]
    ]
