"""Whatever arrives in whatever order: the tables are those of a rebuild from everything.

One market is built in every run of the suite; any other is a change of `SEEDS`.
"""

from pathlib import Path

import pytest
from dbt_warehouse import WITHOUT_VIEWS, Warehouse, assert_same_rows, warehouse
from random_market import LAST, steps

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("dbt_random_histories"),
    pytest.mark.timeout(1200),
]

SEEDS = [1]
SCHEMAS = ("INTERMEDIATE", "MARTS")


@pytest.mark.parametrize("seed", SEEDS)
def test_history_equals_a_full_rebuild(tmp_path: Path, seed: int) -> None:
    with warehouse(tmp_path) as wh:
        run(wh, "seed")
        for number, step in enumerate(steps(seed)):
            for table in {table for table, _ in step.rows}:
                wh.insert(table, [row for name, row in step.rows if name == table])
            run(wh, "run", *(WITHOUT_VIEWS if number else ()), window=step.window)
        incremental = {schema: wh.contents(schema) for schema in SCHEMAS}
        mark = wh.now()
        run(wh, "run", *WITHOUT_VIEWS, window=(LAST, LAST))
        assert wh.touched(mark, *SCHEMAS) == {}
        run(wh, "run", "--full-refresh", *WITHOUT_VIEWS)
        rebuilt = {schema: wh.contents(schema) for schema in SCHEMAS}
    assert len(rebuilt["MARTS"]["fct_daily_bars"]) > 200
    for schema in SCHEMAS:
        assert incremental[schema].keys() == rebuilt[schema].keys()
        for name, rows in rebuilt[schema].items():
            assert_same_rows(incremental[schema][name], rows)


def run(wh: Warehouse, *command: str, window: tuple[str, str] | None = None) -> None:
    statuses = wh.run_dbt(*command, window=window)
    assert set(statuses.values()) <= {"success", "no-op"}, statuses
