"""The functions that models may use give in the sandbox what Snowflake documents."""

from collections.abc import Iterator
from typing import Any

import pytest
from dbt_warehouse import Warehouse, warehouse
from support.allowed_functions import ALLOWED, FRAMES
from support.snowflake_functions import SNOWFLAKE_FUNCTIONS
from support.sql_guard import findings

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt_functions"), pytest.mark.timeout(1200)]

CASES = [
    (expression, wanted)
    for expressions in [*ALLOWED.values(), FRAMES]
    for expression, wanted in expressions
]


@pytest.fixture(scope="module")
def wh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with warehouse(tmp_path_factory.mktemp("functions")) as started:
        yield started


@pytest.mark.parametrize(("expression", "wanted"), CASES, ids=[case[0] for case in CASES])
def test_the_sandbox_agrees_with_snowflake(wh: Warehouse, expression: str, wanted: Any) -> None:
    sql = f"select {expression} as found"
    assert findings(sql) == []
    [(found,)] = wh.query(sql)
    assert found == (pytest.approx(wanted, rel=1e-14) if isinstance(wanted, float) else wanted)


def test_every_allowed_function_is_snowflakes() -> None:
    assert set(ALLOWED) <= SNOWFLAKE_FUNCTIONS
