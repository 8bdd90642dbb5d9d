"""What Snowflake's query history says of a model, and the lineage of its columns."""

from typing import Any

import dagster as dg
import pytest
from dagster_dbt import DagsterDbtTranslator
from sqlglot.errors import SqlglotError

from polygon_assets.defs.marts.facts import Statement, cost
from polygon_assets.defs.marts.lineage import column_lineage


def statement(kind: str, rows: int | None = None, **more: Any) -> Statement:
    facts: dict[str, Any] = {"milliseconds": 500, "bytes_scanned": None, "credits": None}
    return Statement(f"id-of-{kind}", kind, rows, **(facts | more))


def test_an_incremental_run_wrote_what_it_inserted() -> None:
    made = [
        statement("CREATE_TABLE_AS_SELECT", 1),
        statement("DELETE", 7),
        statement("INSERT", 20),
        statement("COMMIT"),
    ]
    assert cost(made, row_count=1000) == {
        "rows_written": 20,
        "snowflake_query_id": "id-of-INSERT",
        "snowflake_seconds": 2.0,
        "snowflake_statements": 4,
    }


def test_a_table_that_is_made_was_written_whole() -> None:
    found = cost([statement("CREATE_TABLE_AS_SELECT", 1), statement("ALTER")], row_count=1000)
    assert found["rows_written"] == 1000
    assert found["snowflake_query_id"] == "id-of-CREATE_TABLE_AS_SELECT"


def test_bytes_and_credits_are_summed_where_the_history_has_them() -> None:
    made = [
        statement("SELECT", 1, bytes_scanned=100, credits=0.25),
        statement("CREATE_VIEW", bytes_scanned=24),
    ]
    found = cost(made, row_count=None)
    assert (found["bytes_scanned"], found["cloud_services_credits"]) == (124, 0.25)
    assert "rows_written" not in found


def test_a_model_without_statements_in_the_history_tells_nothing() -> None:
    assert cost([], row_count=10) == {}
    assert cost([statement("SELECT", 1)], row_count=10) == {}


MANIFEST = {
    "nodes": {
        "model.p.bars": {
            "resource_type": "model",
            "name": "bars",
            "fqn": ["p", "bars"],
            "config": {},
            "relation_name": "DB.MARTS.bars",
            "columns": {"day": {}, "symbol": {}, "close": {}},
        },
        "model.p.sums": {
            "resource_type": "model",
            "name": "sums",
            "relation_name": '"DB"."MARTS"."SUMS"',
            "columns": {"symbol": {}, "total": {}, "factor": {}, "written_at": {}},
            "depends_on": {"nodes": ["model.p.bars", "source.p.raw.factors"]},
        },
    },
    "sources": {
        "source.p.raw.factors": {
            "resource_type": "source",
            "name": "factors",
            "source_name": "raw",
            "fqn": ["p", "raw", "factors"],
            "config": {},
            "relation_name": "DB.RAW.FACTORS",
            "columns": {},
        }
    },
}
SQL = """
with joined as (
    select b.*, f.factor
    from OTHER_DB.MARTS.bars as b
    left join OTHER_DB.RAW.FACTORS as f on b.symbol = f.symbol
)
select
    joined.symbol,
    sum(joined.close * joined.factor) as total,
    max(joined.factor) as factor,
    current_timestamp() as written_at
from joined
left join OTHER_DB.MARTS.SUMS as stored on joined.symbol = stored.symbol
group by joined.symbol
"""


def test_lineage_goes_through_the_query_to_the_assets_above() -> None:
    found = column_lineage(MANIFEST, "model.p.sums", SQL, DagsterDbtTranslator())
    bars, factors = dg.AssetKey(["bars"]), dg.AssetKey(["raw", "factors"])
    assert found.deps_by_column == {
        "symbol": [dg.TableColumnDep(bars, "symbol")],
        "total": [dg.TableColumnDep(bars, "close"), dg.TableColumnDep(factors, "factor")],
        "factor": [dg.TableColumnDep(factors, "factor")],
        "written_at": [],
    }


def test_a_query_that_cannot_be_read_is_an_error_of_its_kind() -> None:
    with pytest.raises(SqlglotError):
        column_lineage(MANIFEST, "model.p.sums", "selekt 1 from", DagsterDbtTranslator())
