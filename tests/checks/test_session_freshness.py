"""The calendar's half of freshness, with the clock of the sandbox's vendor."""

from collections.abc import Iterator
from datetime import datetime

import dagster as dg
import pytest
from checks_support import failed, run_checks, shared_instance, variables
from support.servers import server

from polygon_assets.defs.platform.due import cadences
from polygon_assets.defs.platform.freshness import NAME, session_freshness_checks
from polygon_assets.resources.polygon import Polygon, polygon
from polygon_assets.sandbox.layout import SandboxLayout
from polygon_assets.sandbox.market import SimulatedMarket

pytestmark = pytest.mark.xdist_group("checks_vendor")

BARS, TOPIC = (
    dg.AssetKey(["raw", "polygon", "daily_bars"]),
    dg.AssetKey(["kafka", "stocks", "gaps"]),
)
CHECKS = [session_freshness_checks([BARS, TOPIC], cadences("regular")["evening"])]
Vendor = tuple[Polygon, SimulatedMarket]


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    data = tmp_path_factory.mktemp("polygon")
    with server("polygon", data, "--symbols", "AAPL") as port:
        with variables(POLYGON_REST_URL=f"http://127.0.0.1:{port}"):
            resource = polygon()
        yield resource, SimulatedMarket(SandboxLayout(data, port))


@pytest.fixture
def instance() -> dg.DagsterInstance:
    """The instance of the checks, in which nothing was ever materialized."""
    shared_instance().wipe()
    return shared_instance()


def materialize(instance: dg.DagsterInstance, key: dg.AssetKey, *sessions: str) -> None:
    for session in sessions:
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=session))


def late(vendor: Vendor, now: str) -> set[str]:
    """The assets whose due session is missing at a moment of the market's clock."""
    resource, market = vendor
    market.set_clock(datetime.fromisoformat(now))
    found = failed(run_checks(CHECKS, {"polygon": resource}, {}))
    assert {name for _, name in found} <= {NAME}
    return {asset for asset, _ in found}


BOTH = {BARS.to_user_string(), TOPIC.to_user_string()}


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2025-11-26T18:29:00-05:00", "2025-11-25"),  # Wednesday, a minute before it is due
        ("2025-11-26T18:31:00-05:00", "2025-11-26"),
        ("2025-11-27T20:00:00-05:00", "2025-11-26"),  # Thanksgiving
        ("2025-11-28T15:31:00-05:00", "2025-11-28"),  # half day: due after 15:30
        ("2025-11-30T20:00:00-05:00", "2025-11-28"),  # Sunday
    ],
)
def test_the_due_session_and_no_other(
    vendor: Vendor, instance: dg.DagsterInstance, now: str, due: str
) -> None:
    days = ["2025-11-24", "2025-11-25", "2025-11-26", "2025-11-28", "2025-12-01"]
    materialize(instance, BARS, *(day for day in days if day != due))
    assert late(vendor, now) == BOTH
    materialize(instance, BARS, due)
    assert late(vendor, now) == {TOPIC.to_user_string()}


@pytest.mark.usefixtures("instance")
def test_says_which_session_is_due(vendor: Vendor) -> None:
    resource, market = vendor
    market.set_clock(datetime.fromisoformat("2025-11-27T20:00:00-05:00"))
    found = run_checks(CHECKS, {"polygon": resource}, {})
    for evaluation in found.values():
        assert evaluation.metadata["due_session"].value == "2025-11-26"
        assert evaluation.description == "Session 2025-11-26 is due and missing."
        assert evaluation.severity is dg.AssetCheckSeverity.ERROR


def test_an_observation_is_not_a_session(vendor: Vendor, instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(dg.AssetObservation(BARS, partition="2025-11-26"))
    materialize(instance, TOPIC, "2025-11-26")
    assert late(vendor, "2025-11-27T20:00:00-05:00") == {BARS.to_user_string()}
