"""Whatever arrives in whatever order: the tables are those of a rebuild from everything.

One market is built in every run of the suite; any other is a change of `SEEDS`.
"""

from pathlib import Path
from typing import Any

import pytest
from dbt_warehouse import Warehouse, assert_same_rows, warehouse
from random_market import LAST, steps

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("dbt_random_histories"),
    pytest.mark.timeout(900),
]

NOT_COMPARED = ("changed_at", "loaded_at")
"""When a row came is no content."""

SEEDS = [1]

Rows = dict[str, list[tuple[Any, ...]]]


@pytest.mark.parametrize("seed", SEEDS)
def test_history_equals_a_full_rebuild(tmp_path: Path, seed: int) -> None:
    with warehouse(tmp_path) as wh:
        run(wh, "seed")
        for step in steps(seed):
            for table in {table for table, _ in step.rows}:
                wh.insert(table, [row for name, row in step.rows if name == table])
            run(wh, "run", window=step.window)
        incremental = snapshot(wh)
        mark = wh.now()
        run(wh, "run", window=(LAST, LAST))
        assert wh.touched(mark) == {}
        run(wh, "run", "--full-refresh")
        rebuilt = snapshot(wh)
    assert len(rebuilt["marts.fct_daily_bars"]) > 200
    assert incremental.keys() == rebuilt.keys()
    for name, rows in rebuilt.items():
        assert_same_rows(incremental[name], rows)


def run(wh: Warehouse, *command: str, window: tuple[str, str] | None = None) -> None:
    statuses = wh.run_dbt(*command, window=window)
    assert set(statuses.values()) <= {"success", "no-op"}, statuses


def snapshot(wh: Warehouse) -> Rows:
    """Every table of the intermediate layer and of the marts, in the order of all its columns."""
    columns: dict[str, list[str]] = {}
    for schema, table, column in wh.query(
        "select table_schema, table_name, column_name from information_schema.columns "
        "where table_schema in ('INTERMEDIATE', 'MARTS') order by ordinal_position"
    ):
        if column.lower() not in NOT_COMPARED:
            columns.setdefault(f"{schema}.{table}".lower(), []).append(column.lower())
    return {
        name: wh.query(f"select {', '.join(names)} from {name} order by {', '.join(names)}")
        for name, names in columns.items()
    }
