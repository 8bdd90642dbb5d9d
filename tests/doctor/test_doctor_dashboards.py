"""The doctor on dashboards that are not there; those that are served are asked in `tests/e2e`."""

import pytest
from doctor_support import ask, results

from polygon_assets.doctor import dashboards
from polygon_assets.env import PROD


def test_a_machine_without_superset_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARDS_URL", "http://127.0.0.1:9")
    found = ask(dashboards.examine, PROD)
    assert results(found) == {}
    assert "polygon up --bi" in found["reachable"].found


def test_a_server_elsewhere_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARDS_URL", "http://dashboards.invalid")
    found = ask(dashboards.examine, PROD)
    assert results(found) == {"reachable": "problem"}
    assert found["reachable"].todo == "Check DASHBOARDS_URL."
