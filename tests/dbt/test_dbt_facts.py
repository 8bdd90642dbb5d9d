"""What Dagster tells of a model: materialized with the real dbt, against a sandbox Snowflake."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dbt_warehouse import warehouse
from real_market_data import SYMBOLS, bars_between

from polygon_assets.env import Deployment, Names
from polygon_assets.partitions import PARTITION_TAG

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt_facts"), pytest.mark.timeout(1200)]

NAMES = Names(Deployment.LOCAL, "_local")
FRIDAY, TUESDAY = "2005-02-18", "2005-02-22"
MODELS = ("staging/market/stg_daily_bars", "marts/market/fct_daily_bars")

Facts = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def tuesday(tmp_path_factory: pytest.TempPathFactory, builds: Path) -> Iterator[Facts]:
    """Metadata of each model of the second of two sessions, as Dagster keeps it."""
    assert builds.exists()
    with warehouse(tmp_path_factory.mktemp("dbt")) as wh, pytest.MonkeyPatch.context() as given:
        wh.insert("DAILY_BARS", [bar.as_raw() for bar in bars_between(FRIDAY, TUESDAY)])
        given.setenv("SNOWFLAKE_PORT", str(wh.connection.port))
        result = [materialize(day) for day in (FRIDAY, TUESDAY)][-1]
        yield {
            event.asset_key.to_user_string(): {
                name: value.value for name, value in event.materialization.metadata.items()
            }
            for event in result.get_asset_materialization_events()
            if event.asset_key is not None
        }


def materialize(day: str) -> dg.ExecuteInProcessResult:
    """One session of the bars and of what they are made from, as a run of Dagster."""
    from polygon_assets.defs.marts.assets import market_models
    from polygon_assets.resources.dbt import dbt
    from polygon_assets.resources.snowflake import warehouse as resource

    # The bars read the securities, which read all of staging; their checks are not the point.
    keys = dg.AssetSelection.assets(dg.AssetKey(MODELS[1].split("/"))).upstream()
    selection = keys - dg.AssetSelection.checks_for_assets(market_models)
    found = dg.materialize(
        [market_models],
        selection=selection,
        resources={"dbt": dbt(NAMES), "snowflake": resource(NAMES)},
        partition_key=day,
        tags={PARTITION_TAG: day},
        instance=dg.DagsterInstance.ephemeral(),
        run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
    )
    assert found.success
    return found


def test_rows_of_the_session_and_of_the_table(tuesday: Facts) -> None:
    bars = tuesday["marts/market/fct_daily_bars"]
    assert bars["dagster/partition_row_count"] == len(SYMBOLS)
    assert bars["dagster/row_count"] == 2 * len(SYMBOLS)
    assert "dagster/row_count" not in tuesday["staging/market/stg_daily_bars"]


def test_what_the_statements_did(tuesday: Facts) -> None:
    bars, view = (tuesday[name] for name in MODELS[::-1])
    assert bars["rows_written"] == len(SYMBOLS)
    assert bars["snowflake_statements"] > view["snowflake_statements"] > 1
    assert 0 < bars["snowflake_seconds"] < 60
    assert len(bars["snowflake_query_id"]) == len(view["snowflake_query_id"]) == 36
    # The sandbox does not measure them, and does not make them up.
    assert not {"bytes_scanned", "cloud_services_credits"} & bars.keys()


def test_the_last_sessions_as_a_line(tuesday: Facts) -> None:
    bars = tuesday["marts/market/fct_daily_bars"]
    encoded = bars["last_sessions"].partition("base64,")[2].removesuffix(")")
    drawing = base64.b64decode(encoded).decode()
    traded = max(bars_between(TUESDAY, TUESDAY), key=lambda bar: bar.close * bar.volume)
    assert f">{traded.symbol}, close, USD<" in drawing
    closes = [bar.close for bar in bars_between(FRIDAY, TUESDAY) if bar.symbol == traded.symbol]
    assert f"last {closes[-1]:.2f}" in drawing
    assert drawing.partition('points="')[2].partition('"')[0].count(",") == 2
    assert f">{FRIDAY}<" in drawing
    assert f">{TUESDAY}<" in drawing
    assert "last_sessions" not in tuesday["staging/market/stg_daily_bars"]


def test_columns_and_where_they_come_from(tuesday: Facts) -> None:
    bars = tuesday["marts/market/fct_daily_bars"]
    schema: dg.TableSchema = bars["dagster/column_schema"]
    types = {column.name: column.type for column in schema.columns}
    assert (types["session_date"], types["close"]) == ("date", "double")
    lineage: dg.TableColumnLineage = bars["dagster/column_lineage"]
    assert lineage.deps_by_column.keys() == types.keys()
    assert lineage.deps_by_column["close"] == [
        dg.TableColumnDep(dg.AssetKey(["staging", "market", "stg_daily_bars"]), "close")
    ]
    securities = dg.AssetKey(["marts", "market", "dim_security"])
    assert dg.TableColumnDep(securities, "security_id") in lineage.deps_by_column["security_id"]


def test_every_model_tells_its_columns(tuesday: Facts) -> None:
    models = {name for name in tuesday if "/stg_" in name or "/int_" in name or "/fct_" in name}
    assert len(models) == 8
    assert {name for name in models if "dagster/column_lineage" not in tuesday[name]} == set()
