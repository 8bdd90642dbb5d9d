"""Rebuild one session of a rollup: idempotent, atomic, safe to repeat after a crash."""

import math
import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from polygon_assets.defs.rollups.drift import remember, see_seconds
from polygon_assets.defs.rollups.rollup import SECONDS, Rollup
from polygon_assets.defs.ticks.control import LATE_BARS
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.sessions import session as session_of

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

STAGE = "__stage_"

RELATIVE_ERROR = 1e-9
"""Sums of the same products in another order differ by rounding only."""

REBUILD = {
    # A stage table that is new for every run has no memory of earlier blocks, so no row of the
    # session can be taken for a duplicate of an earlier attempt.
    "async_insert": 0,
    "insert_deduplicate": 0,
    "deduplicate_insert_select": "disable",
    # ClickHouse compiles an expression that it has seen several times, and the compiled one may
    # round its last bit differently: the same session would give other numbers later.
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
}


@dataclass(frozen=True)
class Totals:
    """Sums over the bars of one session."""

    rows: int
    volume: float
    dollars: float


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild did.

    Attributes:
        rows: Bars of the session now.
        volume: Their shares.
        rows_before: Bars of the session before the rebuild.
        drift: Shares now minus shares before: what the rebuild corrected.
    """

    rows: int
    volume: float
    rows_before: int
    drift: float


class NothingToRollUpError(RuntimeError):
    """The finer table has no rows for the session."""


class SessionOpenError(RuntimeError):
    """The session is not over on the market's clock."""


class StageDiffersError(RuntimeError):
    """The new bars of a session do not add up to the finer ones; nothing was replaced."""


def require_closed(day: date, now: datetime) -> None:
    """Refuse a session that may still receive bars.

    Args:
        day: The session.
        now: The market's clock, UTC.

    Raises:
        SessionOpenError: The last late bar of the session is not due yet.
        NotASessionError: The exchange does not trade on that day.
    """
    over = session_of(day).close_at + LATE_BARS
    if now < over:
        raise SessionOpenError(
            f"session {day} is still open: it is {now:%Y-%m-%d %H:%M:%S} UTC on the market's "
            f"clock, and late bars may come until {over:%Y-%m-%d %H:%M:%S} UTC. "
            "Its live bars are in the views candles_1m to candles_1d; rebuild it after that time."
        )


def rebuild_session(clickhouse: ClickHouse, rollup: Rollup, session: date) -> Rebuilt:
    """Replace the session's bars by ones computed from the finer table.

    The session must be over (:func:`require_closed`): rows that arrive during the rebuild may be
    missed, and make the session appear in :func:`sessions_changed_since_rebuild`.

    Raises:
        NothingToRollUpError: The finer table has no rows for the session.
        StageDiffersError: The stage does not add up to the finer table.
    """
    target = clickhouse.render(f"{{rollups}}.{rollup.name}")
    stage = f"{target}{STAGE}{uuid.uuid4().hex[:8]}"
    _drop_leftovers(clickhouse, rollup)
    with clickhouse.client() as client:
        seen = see_seconds(clickhouse, session)
        before = _totals(client, target, session)
        client.command(f"CREATE TABLE {stage} AS {target}")
        try:
            client.command(
                f"INSERT INTO {stage} {clickhouse.render(rollup.select)}",
                parameters={"session": session},
                settings=REBUILD,
            )
            after = _totals(client, stage, session)
            _verify(client, clickhouse, rollup, session, after)
            client.command(f"ALTER TABLE {target} REPLACE PARTITION '{session}' FROM {stage}")
        finally:
            client.command(f"DROP TABLE IF EXISTS {stage} SYNC")
    remember(clickhouse, rollup.name, session, after.rows, seen)
    drift = after.volume - before.volume if before.rows else 0.0
    return Rebuilt(after.rows, after.volume, before.rows, drift)


def _verify(
    client: "Client", clickhouse: ClickHouse, rollup: Rollup, session: date, stage: Totals
) -> None:
    """Compare the stage with the finer table: bars, shares, dollars."""
    source = clickhouse.render(rollup.source)
    if stage.rows == 0:
        raise NothingToRollUpError(
            f"{source} has no bars for session {session}: stream or backfill the session first."
        )
    final = "FINAL" if rollup.source == SECONDS else ""
    bars = f"uniqExact(s.symbol, {rollup.bucket})"
    base = _totals(client, f"{source} AS s {final}", session, bars)
    same = stage.rows == base.rows and all(
        math.isclose(one, other, rel_tol=RELATIVE_ERROR)
        for one, other in ((stage.volume, base.volume), (stage.dollars, base.dollars))
    )
    if not same:
        raise StageDiffersError(
            f"the rebuilt {rollup.name} of session {session} does not add up to {source}: "
            f"{stage} against {base}. Nothing was replaced; is the sink still writing the session?"
        )


def _drop_leftovers(clickhouse: ClickHouse, rollup: Rollup) -> None:
    """Drop the stage tables of killed rebuilds; one rebuild of a rollup runs at a time."""
    found = clickhouse.query(
        "SELECT name FROM system.tables "
        "WHERE database = {database:String} AND startsWith(name, {prefix:String})",
        {"database": clickhouse.rollups, "prefix": f"{rollup.name}{STAGE}"},
    )
    with clickhouse.client() as client:
        for (name,) in found:
            client.command(f"DROP TABLE IF EXISTS {clickhouse.rollups}.{name} SYNC")


def _totals(client: "Client", table: str, session: date, bars: str = "count()") -> Totals:
    sql = (
        f"SELECT {bars}, toFloat64(sum(toDecimal128(volume, 9))), "
        "toFloat64(sum(toDecimal128(vwap * volume, 18))) "
        f"FROM {table} WHERE session_date = {{session:Date}}"
    )
    found = client.query(sql, parameters={"session": session}, settings=REBUILD)
    rows, volume, dollars = found.result_rows[0]
    return Totals(int(rows), float(volume), float(dollars))
