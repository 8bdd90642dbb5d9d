"""`polygon doctor airbyte`: an empty workspace, a published one, and what somebody changed."""

import pytest
from airbyte_publishing import run
from airbyte_server import Airbyte

from polygon_assets.doctor.airbyte import examine
from polygon_assets.doctor.findings import Finding
from polygon_assets.env import Deployment, Names, deployment_names

pytestmark = pytest.mark.xdist_group("airbyte")

KINDS = ("definitions", "sources", "destinations", "connections")


def ask(names: Names | None = None) -> dict[str, Finding]:
    found = examine(names or deployment_names(), probe=False)
    return {one.check: one for one in found}


def bad(found: dict[str, Finding]) -> dict[str, str]:
    return {check: one.result for check, one in found.items() if one.result != "ok"}


def test_a_workspace_before_and_after_publishing(server: Airbyte) -> None:
    found = ask()
    assert bad(found) == dict.fromkeys(KINDS, "problem")
    assert "polygon_bars" in found["connections"].found
    assert "polygon connector publish" in found["connections"].todo
    run()
    assert bad(ask()) == {}
    connection = server.connection("polygon_actions")
    path = f"/connections/{connection['connectionId']}"
    server.call("PATCH", path, {"status": "inactive"})
    found = ask()
    assert bad(found) == {"connections": "warning"}
    assert "polygon_actions" in found["connections"].found


@pytest.mark.usefixtures("server")
def test_a_wrong_secret_a_wrong_workspace_and_a_wrong_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as changed:
        changed.setenv("AIRBYTE_CLIENT_SECRET", "nobody-sees-this")
        found = ask()
        assert bad(found) == {"accepts us": "problem"}
        assert "AIRBYTE_CLIENT_SECRET" in found["accepts us"].todo
        assert "nobody-sees-this" not in str(found)
    with monkeypatch.context() as changed:
        changed.setenv("AIRBYTE_WORKSPACE_ID", "00000000-0000-4000-8000-000000000009")
        assert "AIRBYTE_WORKSPACE_ID" in ask()["accepts us"].todo
    with monkeypatch.context() as changed:
        changed.setenv("AIRBYTE_REST_URL", "http://127.0.0.1:1/api/public/v1")
        assert bad(ask()) == {"reachable": "problem"}


@pytest.mark.usefixtures("server")
def test_the_second_api_is_asked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    address = "http://127.0.0.1:1/api/v1"
    monkeypatch.setenv("AIRBYTE_CONFIG_URL", address)
    assert "AIRBYTE_CONFIG_URL" in ask()["configuration API"].todo


def test_a_branch_needs_no_workspace() -> None:
    found = ask(Names(Deployment.BRANCH, "_pr_7"))
    assert bad(found) == {}
    assert "branch" in found["accepts us"].found
