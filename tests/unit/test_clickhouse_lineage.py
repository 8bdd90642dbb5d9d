"""The lineage of the rollups' columns is that of their SQL, and names what exists."""

import subprocess
import sys

import dagster as dg
import pytest
from sqlglot import exp, parse_one

from polygon_assets.columns import columns
from polygon_assets.defs.rollups.assets import ROLLUPS, rollup_assets
from polygon_assets.defs.rollups.lineage import _without_scalars, rollup_lineage, view_lineage
from polygon_assets.defs.rollups.live_assets import LIVE_ROLLUPS, live_rollups

LINEAGE = {tuple(one.key): rollup_lineage(one) for one in ROLLUPS} | {
    tuple(one.key): view_lineage(one.name) for one in LIVE_ROLLUPS
}
PARENTS = {
    spec.key: {dep.asset_key for dep in spec.deps}
    for asset in (*rollup_assets, live_rollups)
    for spec in asset.specs
}


def above(name: str, column: str) -> set[str]:
    """The columns above one, as ``table.column``."""
    found = LINEAGE["clickhouse", "rollups", name].deps_by_column[column]
    return {f"{one.asset_key.path[-1]}.{one.column_name}" for one in found}


@pytest.mark.parametrize("key", LINEAGE, ids="/".join)
def test_it_names_the_columns_that_exist_and_the_assets_above(key: tuple[str, ...]) -> None:
    found = LINEAGE[key].deps_by_column
    assert list(found) == list(columns()["/".join(key)])
    deps = [dep for one in found.values() for dep in one]
    for dep in deps:
        assert dep.column_name in columns()[dep.asset_key.to_user_string()]
    assert {dep.asset_key for dep in deps} == PARENTS[dg.AssetKey(list(key))], "no more, no fewer"


def test_every_column_but_a_count_comes_from_somewhere() -> None:
    empty = [
        f"{key[-1]}.{column}"
        for key, lineage in LINEAGE.items()
        for column, deps in lineage.deps_by_column.items()
        if not deps
    ]
    assert empty == ["latency.bars", "latency.lag"]


def test_bars_are_made_of_finer_bars() -> None:
    assert above("bars_1m", "high") == {"bars_1s.high"}
    assert above("bars_1d", "bar_start") == {"bars_1m.session_date"}
    assert above("bars_5m", "close") == {"bars_1m.bar_start", "bars_1m.close"}
    prices = {f"bars_1m.{one}" for one in ("bar_start", "close", "volume", "vwap")}
    assert above("bars_1h", "vwap") == prices


def test_a_view_inside_a_view_is_looked_through() -> None:
    assert above("candles_5m", "volume") == {"bars_5m.volume", "bars_1s.volume"}


def test_a_value_that_is_named_once_and_used_elsewhere() -> None:
    assert above("unusual_volume", "until") == {"bars_1s.bar_start"}
    assert above("staleness", "clock") == {"bars_1s.bar_start"}
    assert above("halts_in_force", "halted_seconds") == {"halts.event_at", "bars_1s.bar_start"}
    assert above("movers", "change") == {"bars_1d.close", "bars_1s.bar_start", "bars_1s.close"}


def test_values_may_use_earlier_values() -> None:
    sql = "WITH (SELECT (max(x), min(y)) FROM t) AS a, a.2 + 1 AS b SELECT b, a.1 FROM u"
    found = _without_scalars(parse_one(sql, dialect="clickhouse"))
    assert isinstance(found, exp.Query)
    assert found.sql("clickhouse") == (
        "SELECT (SELECT min(y) FROM t) + 1, (SELECT max(x) FROM t) FROM u"
    )


def test_the_assets_load_without_the_parser() -> None:
    code = (
        "import sys\n"
        "import polygon_assets.defs.rollups.assets, polygon_assets.defs.rollups.live_assets\n"
        "import polygon_assets.defs.ticks.reports\n"
        "print([name for name in sys.modules if name.startswith('sqlglot')][:3])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
