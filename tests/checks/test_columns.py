"""The columns that the assets show are those of the engines, the connector and the stream."""

import pytest
from columns_made import columns_of_everything, text

from polygon_assets.columns import FILE
from polygon_assets.resources.clickhouse import ClickHouse

pytestmark = pytest.mark.xdist_group("checks_clickhouse")


def test_the_file_tells_every_column(clickhouse_server: ClickHouse) -> None:
    assert FILE.read_text() == text(columns_of_everything(clickhouse_server)), (
        "a table has changed: uv run python tests/checks/columns_made.py"
    )
