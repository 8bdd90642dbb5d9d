"""schema_drift: new fields of the vendor, fields without a column, columns that are empty now."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
from checks_raw_rows import TABLES, execute, insert
from checks_support import (
    MONDAY,
    TUESDAY,
    checks_on,
    count,
    failed,
    keys_of,
    one_session,
    run_checks,
    variables,
)
from checks_support import vendor as unconnected
from checks_warehouse_cases import fill
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from polygon.exceptions import BadResponse
from support.servers import server

from polygon_assets.defs.raw import raw_checks
from polygon_assets.raw.drift import SCHEMA_DRIFT, declared_fields, sent_fields
from polygon_assets.resources.polygon import Polygon, polygon
from polygon_assets.resources.snowflake import Warehouse
from polygon_assets.sandbox.layout import SandboxLayout
from polygon_assets.sandbox.market import SimulatedMarket

pytestmark = pytest.mark.xdist_group("checks_snowflake")

MARKET_EVENING = "2005-03-15T20:00:00-05:00"


class NewField(Polygon):
    """A vendor that sends one field that nobody knows, wherever a record may stand."""

    def sample(self, path: str, parameters: Mapping[str, str]) -> Any:
        return {"brand_new": 1, "results": [{"brand_new": 1}]}


class Refusing(Polygon):
    """A vendor that refuses every request."""

    def sample(self, path: str, parameters: Mapping[str, str]) -> Any:
        raise BadResponse('{"status":"NOT_AUTHORIZED","message":"You are not entitled"}')


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Polygon]:
    """The simulated vendor, two weeks after Monday."""
    data = tmp_path_factory.mktemp("polygon")
    with server("polygon", data, "--symbols", "12") as port:
        SimulatedMarket(SandboxLayout(data, port)).set_clock(datetime.fromisoformat(MARKET_EVENING))
        with variables(POLYGON_REST_URL=f"http://127.0.0.1:{port}"):
            yield polygon()


def drift(
    snowflake: Warehouse, vendor: Polygon, name: str, day: str = MONDAY
) -> AssetCheckEvaluation:
    """The evaluation of the check; no other may fail."""
    asset = "/".join(TABLES[name].key)
    resources = {"snowflake": snowflake, "polygon": vendor}
    found = run_checks(checks_on(asset, raw_checks), resources, one_session(day))
    assert failed(found) <= {(asset, SCHEMA_DRIFT)}
    return found[asset, SCHEMA_DRIFT]


def test_a_new_field_is_a_warning_for_every_table(snowflake: Warehouse) -> None:
    fill(snowflake)
    resources = {"snowflake": snowflake, "polygon": unconnected(NewField)}
    wanted = {("/".join(table.key), SCHEMA_DRIFT) for table in TABLES.values()}
    checks = [one for one in raw_checks if keys_of([one]) & wanted]
    found = run_checks(checks, resources, one_session(MONDAY))
    assert failed(found) == wanted
    for key in wanted:
        evaluation = found[key]
        assert (evaluation.severity.value, evaluation.blocking) == ("WARN", False)
        new = evaluation.metadata["new_fields"].value
        assert isinstance(new, list)
        assert "brand_new" in new


@pytest.mark.parametrize("name", TABLES)
def test_the_simulated_vendor_has_the_fields_of_the_schema(simulated: Polygon, name: str) -> None:
    day = datetime.fromisoformat(MONDAY).date()
    sent = sent_fields(simulated, TABLES[name], day)
    assert sent, "the sample has no record"
    assert sent <= declared_fields(TABLES[name].stream)


def test_a_column_that_is_empty_now_has_vanished(snowflake: Warehouse) -> None:
    insert(snowflake, "ticker_details")
    table = "{database}.RAW.TICKER_DETAILS"
    execute(
        snowflake,
        f"UPDATE {table} SET NAME = 'a', CIK = '1', PHONE_NUMBER = 'x'",
        f"UPDATE {table} SET PHONE_NUMBER = NULL WHERE TICKER > 'FB'",  # seldom there anyway
        f"UPDATE {table} SET CIK = NULL, PHONE_NUMBER = NULL WHERE SESSION_DATE = '{TUESDAY}'",
    )
    evaluation = drift(snowflake, unconnected(NewField), "ticker_details", TUESDAY)
    assert evaluation.metadata["vanished_columns"].value == ["CIK"]
    assert evaluation.metadata["compared_sessions"].value == [TUESDAY, MONDAY]
    evaluation = drift(snowflake, unconnected(NewField), "ticker_details", MONDAY)
    assert evaluation.metadata["vanished_columns"].value == []
    insert(snowflake, "ticker_details")


def test_a_field_without_a_column_is_named(snowflake: Warehouse) -> None:
    insert(snowflake, "ticker_types")
    execute(snowflake, "ALTER TABLE {database}.RAW.TICKER_TYPES DROP COLUMN LOCALE")
    evaluation = drift(snowflake, unconnected(), "ticker_types")
    assert evaluation.metadata["fields_without_column"].value == ["LOCALE"]
    assert count(evaluation) == 1
    execute(snowflake, "ALTER TABLE {database}.RAW.TICKER_TYPES ADD COLUMN LOCALE VARCHAR")
    assert drift(snowflake, unconnected(), "ticker_types").passed


def test_a_vendor_that_refuses_is_a_warning_with_its_words(snowflake: Warehouse) -> None:
    insert(snowflake, "splits")
    evaluation = drift(snowflake, unconnected(Refusing), "splits")
    assert not evaluation.passed
    assert "did not show a sample of splits" in (evaluation.description or "")
    assert "not entitled" in (evaluation.description or "")


def test_the_vendors_own_fault_is_found(snowflake: Warehouse, simulated: Polygon) -> None:
    insert(snowflake, "exchanges")
    evaluation = drift(snowflake, simulated, "exchanges")
    assert evaluation.passed
    assert count(evaluation, "fields_in_sample") != 0


def test_a_rate_limit_is_waited_out(simulated: Polygon) -> None:
    body = json.dumps({"kind": "429", "count": 5, "path": "/v3/reference/exchanges"}).encode()
    url = f"{simulated.rest_url}/sandbox/faults"
    urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=10).close()
    day = datetime.fromisoformat(MONDAY).date()
    assert "mic" in sent_fields(simulated, TABLES["exchanges"], day)
