"""Closed sessions: refused while open, verified, compared with the live bars, watched after."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from checks_bars import second, stored
from checks_live import Block, Extra, insert_block
from checks_support import QUIET, one_session, shared_instance, vendor

from polygon_assets.defs.rollups.assets import BARS_1D, BARS_1M, ROLLUPS, rollup_asset
from polygon_assets.defs.rollups.drift import sessions_changed_since_rebuild
from polygon_assets.defs.rollups.rebuild import (
    SessionOpenError,
    StageDiffersError,
    rebuild_session,
    require_closed,
)
from polygon_assets.defs.rollups.rollup import Rollup
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.polygon import Polygon
from polygon_assets.sessions import NotASessionError

pytestmark = pytest.mark.xdist_group("checks_clickhouse")

FULL, HALF_DAY = date(2012, 7, 5), date(2012, 11, 23)
CLOSED = datetime(2012, 7, 5, 20, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "closed"),
    [(FULL, CLOSED), (HALF_DAY, datetime(2012, 11, 23, 18, 15, 30, tzinfo=UTC))],
)
def test_a_session_is_closed_after_its_last_late_bar(day: date, closed: datetime) -> None:
    require_closed(day, closed)
    with pytest.raises(SessionOpenError, match=f"session {day} is still open: it is .*15:29 UTC"):
        require_closed(day, closed - timedelta(seconds=1))


def test_a_holiday_has_nothing_to_rebuild() -> None:
    with pytest.raises(NotASessionError):
        require_closed(date(2012, 7, 4), CLOSED)


class At(Polygon):
    """A vendor whose clock stands still."""

    clock: str = CLOSED.isoformat()

    def now(self) -> datetime:
        return datetime.fromisoformat(self.clock)


def materialize(clickhouse: ClickHouse, clock: datetime) -> dg.ExecuteInProcessResult:
    market = At(rest_url=vendor().rest_url, api_key="none", clock=clock.isoformat())
    definitions = dg.Definitions(
        assets=[rollup_asset(BARS_1M)], resources={"clickhouse": clickhouse, "polygon": market}
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        run_config=QUIET,
        partition_key=str(FULL),
        tags=one_session(str(FULL)),
        instance=shared_instance(),
        raise_on_error=False,
    )


def test_the_asset_follows_the_clock_of_the_market(ticks: ClickHouse) -> None:
    insert_block(ticks, Block([second("AAPL", FULL, 1)]))
    assert not materialize(ticks, CLOSED - timedelta(minutes=1)).success
    assert stored(ticks, "bars_1m", FULL) == {}
    done = materialize(ticks, CLOSED)
    assert done.success
    [event] = done.get_asset_materialization_events()
    told: dict[str, Any] = {
        name: value.value for name, value in event.materialization.metadata.items()
    }
    assert told["drift_shares"] == 0.0
    assert told["bytes"] > 0
    assert list(told["dagster/column_lineage"].deps_by_column) == list(one_bar(ticks))
    assert told["clickhouse"].startswith(f"{ticks.url}/play?user=default#")


def one_bar(clickhouse: ClickHouse) -> dict[str, Any]:
    """A row of the minute bars as the link shows it."""
    with clickhouse.client() as client:
        found = client.query(clickhouse.render("SELECT * FROM {rollups}.bars_1m"))
    [row] = found.named_results()
    return dict(row)


@dataclass(frozen=True)
class Wrong(Rollup):
    """A rollup whose query does not do what it should."""

    right: str = ""
    wrong: str = ""

    @property
    def select(self) -> str:
        assert self.right in super().select
        return super().select.replace(self.right, self.wrong)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("toStartOfMinute(s.bar_start)", "toStartOfHour(s.bar_start)"),  # rows
        ("WHERE", "WHERE s.volume > 1 AND"),  # shares
        ("s.vwap * s.volume", "s.close * s.volume"),  # dollars
    ],
)
def test_a_stage_that_does_not_add_up_replaces_nothing(
    ticks: ClickHouse, right: str, wrong: str
) -> None:
    bars = [second("AAPL", FULL, at, volume=at, version=at) for at in (1, 2, 61)]
    insert_block(ticks, Block(bars))
    rebuild_session(ticks, BARS_1M, FULL)
    before = stored(ticks, "bars_1m", FULL)
    rollup = Wrong(BARS_1M.name, BARS_1M.source, BARS_1M.bucket, "", right, wrong)
    with pytest.raises(StageDiffersError, match="bars_1m of session 2012-07-05 does not add up"):
        rebuild_session(ticks, rollup, FULL)
    assert stored(ticks, "bars_1m", FULL) == before


def test_a_late_correction_names_its_session_until_it_is_rebuilt(ticks: ClickHouse) -> None:
    for day in (FULL, HALF_DAY):
        insert_block(ticks, Block([second("AAPL", day, 1, version=5)]))
    assert sessions_changed_since_rebuild(ticks) == []  # never rebuilt: live
    for day in (FULL, HALF_DAY):
        for rollup in ROLLUPS:
            rebuild_session(ticks, rollup, day)
    assert sessions_changed_since_rebuild(ticks) == []
    insert_block(ticks, Block([second("AAPL", HALF_DAY, 1, volume=1.5, version=6)]))
    assert sessions_changed_since_rebuild(ticks) == [HALF_DAY]
    rebuild_session(ticks, BARS_1D, HALF_DAY)  # reads the minutes, which still lack it
    assert sessions_changed_since_rebuild(ticks) == [HALF_DAY]
    rebuild_session(ticks, BARS_1M, HALF_DAY)
    assert sessions_changed_since_rebuild(ticks) == []
    # Another partition, with lower offsets and an older receipt, is seen too.
    insert_block(ticks, Block([second("MSFT", FULL, 1, version=1)], Extra(partition=3)))
    insert_block(ticks, Block([second("MSFT", HALF_DAY, 1, version=1)], Extra(partition=3)))
    assert sessions_changed_since_rebuild(ticks) == [FULL, HALF_DAY]
    assert sessions_changed_since_rebuild(ticks, newest=1) == [HALF_DAY]
