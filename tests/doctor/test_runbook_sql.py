"""The ClickHouse statements of the runbook are ones that the tables can answer."""

import re

import pytest
from polygon_stream.schema import TICKS, apply

from polygon_assets.alerts.messages import RUNBOOK
from polygon_assets.defs.rollups.live import create_rollups
from polygon_assets.env import PROJECT_ROOT, Names
from polygon_assets.resources.platform import platform

SERVERS = ("clickhouse",)

pytestmark = [pytest.mark.xdist_group("doctor"), pytest.mark.usefixtures("outside")]

STATEMENTS = re.findall(
    r"`(SELECT [^`]+ FROM (?:ticks|rollups)\.[^`]+)`", (PROJECT_ROOT / RUNBOOK).read_text()
)


def test_every_statement_is_answered(names: Names) -> None:
    assert len(STATEMENTS) >= 4
    store = platform(names).clickhouse
    with store.client() as client:
        apply(client, TICKS, {"database": store.ticks})
    create_rollups(store)
    for statement in STATEMENTS:
        ours = statement.replace(" ticks.", f" {store.ticks}.")
        assert store.query(ours.replace(" rollups.", f" {store.rollups}.")) == []
