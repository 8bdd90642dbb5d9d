"""Which fields of the vendor's messages the tick tables are made from, as ClickHouse has it."""

import pytest

from polygon_assets.columns import columns
from polygon_assets.defs.ticks.assets import TABLE_KEYS
from polygon_assets.defs.ticks.lineage import tables_lineage
from polygon_assets.defs.ticks.tables import SESSION_OF
from polygon_assets.resources.clickhouse import ClickHouse

pytestmark = pytest.mark.xdist_group("checks_clickhouse")

Fields = dict[str, dict[str, set[str]]]

NOT_IN_A_MESSAGE = {"kafka_partition", "kafka_offset", "received_at"}
"""What the sink knows of a message: its place and its time in Kafka."""


@pytest.fixture
def fields(clickhouse_server: ClickHouse) -> Fields:
    """Table -> column -> the fields above it, after a look at the topic's own fields."""
    found: Fields = {}
    for key, lineage in tables_lineage(clickhouse_server).items():
        assert list(lineage.deps_by_column) == list(columns()["/".join(key)])
        for deps in lineage.deps_by_column.values():
            for dep in deps:
                assert dep.column_name in columns()[dep.asset_key.to_user_string()]
        found[key[-1]] = {
            column: {dep.column_name for dep in deps}
            for column, deps in lineage.deps_by_column.items()
        }
    return found


def test_every_table_and_every_column_of_a_message(fields: Fields) -> None:
    assert fields.keys() == {key[-1] for key in [*TABLE_KEYS, *SESSION_OF]}
    without = {
        table: {name for name, above in made.items() if not above} - NOT_IN_A_MESSAGE
        for table, made in fields.items()
    }
    # A dead letter is any bytes at all, with headers; a whole record is no field.
    assert {table: names for table, names in without.items() if names} == {
        "gaps": {"record"},
        "dead_letters": {"message", "message_key", "message_bytes"},
    }


def test_through_the_defaults_of_the_migrations(fields: Fields) -> None:
    seconds = fields["bars_1s"]
    assert seconds["session_date"] == seconds["bar_start"] == {"s"}
    assert (seconds["symbol"], seconds["high"]) == ({"sym"}, {"h"})
    assert seconds["volume"] == {"v", "dv"}, "the last migration counts the decimal string"
    assert seconds["trade_count"] == {"v", "z"}
    assert fields["halts"]["symbol"] == {"T"}, "not t, which is the time"
    assert fields["halts"]["event_at"] == {"t"}
    assert fields["quotes"]["ask_size"] == {"as"}
    assert fields["trades"]["conditions"] == {"c"}, "the parameter of a lambda is no field"
    assert fields["gaps"]["reason"] == {"reason"}
    assert fields["dead_letters"]["source_offset"] == {"offset"}
