"""The vendor, Snowflake, dbt, Dagster and the receivers of alerts."""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from doctor_support import ask, nobody_listens, results
from support.alert_receivers import SECRET_PATH, mail_server, slack_server

from polygon_assets.doctor import alerts, dagster, dbt, flat_files, snowflake, vendor, websocket
from polygon_assets.doctor.snowflake import Grant, lacking
from polygon_assets.env import PROD, Deployment, Names
from polygon_assets.resources.platform import platform
from polygon_assets.resources.snowflake import SCHEMAS

SERVERS = ("polygon", "snowflake", "ecs")
BRANCH = Names(Deployment.BRANCH, "_pr_7")

pytestmark = [pytest.mark.xdist_group("doctor"), pytest.mark.usefixtures("outside")]


# ---- the vendor


def test_the_vendor_as_it_should_be(names: Names) -> None:
    found = ask(vendor.examine, names)
    assert results(found) == {}
    assert {"accepts us", "daily bars", "second bars", "tickers", "splits"} <= found.keys()


def test_the_vendor_with_a_wrong_key(names: Names, outside: pytest.MonkeyPatch) -> None:
    outside.setenv("POLYGON_API_KEY", "nobody-sees-this")
    found = ask(vendor.examine, names)
    assert results(found) == {"accepts us": "problem"}
    assert found["accepts us"].found == "The key is refused: Unknown API Key"
    assert "POLYGON_API_KEY" in found["accepts us"].todo
    assert "nobody-sees-this" not in str(found)


@pytest.mark.parametrize(
    ("examine", "variable", "scheme"),
    [
        (vendor.examine, "POLYGON_REST_URL", "http"),
        (websocket.examine, "POLYGON_WS_URL", "ws"),
        (flat_files.examine, "FLAT_FILES_ENDPOINT_URL", "http"),
    ],
)
def test_a_door_of_the_vendor_that_is_away(
    examine: object, variable: str, scheme: str, names: Names, outside: pytest.MonkeyPatch
) -> None:
    with nobody_listens() as port:
        outside.setenv(variable, f"{scheme}://127.0.0.1:{port}")
        found = ask(examine, names)  # type: ignore[arg-type]
    assert results(found) == {"reachable": "problem"}
    assert variable in found["reachable"].todo


def test_a_credential_that_is_not_set_is_named(names: Names, outside: pytest.MonkeyPatch) -> None:
    outside.setenv("POLYGON_REST_URL", "https://api.vendor.example")
    outside.delenv("POLYGON_API_KEY")
    found = ask(vendor.examine, names)
    assert results(found) == {"settings": "problem"}
    assert "POLYGON_API_KEY is not set" in found["settings"].found


def test_a_dataset_that_the_plan_lacks_is_a_warning() -> None:
    told = vendor.BadResponse('{"status":"NOT_AUTHORIZED","message":"Upgrade your plan"}')
    finding = vendor._refused("second bars", told, "`backfill_gaps`")
    assert finding.result == "warning"
    assert finding.found == "The plan does not include it: Upgrade your plan"
    assert "backfill_gaps" in finding.todo


def test_the_websocket_is_greeted_without_a_subscription(names: Names) -> None:
    found = ask(websocket.examine, names)
    assert results(found) == {}
    assert "--probe" in found["accepts us"].found


def test_the_websocket_takes_key_and_topics(names: Names, outside: pytest.MonkeyPatch) -> None:
    platform(names).stream_services.client().create_cluster(clusterName=names.ecs_cluster)
    assert results(ask(websocket.examine, names, probe=True)) == {}
    outside.setenv("POLYGON_STREAM_CHANNELS", "B.*")
    found = ask(websocket.examine, names, probe=True)
    assert results(found) == {"accepts us": "problem"}
    assert "POLYGON_STREAM_CHANNELS" in found["accepts us"].todo
    outside.delenv("POLYGON_STREAM_CHANNELS")
    outside.setenv("POLYGON_API_KEY", "nobody-sees-this")
    found = ask(websocket.examine, names, probe=True)
    assert results(found) == {"accepts us": "problem"}
    assert "nobody-sees-this" not in str(found)


def test_the_websocket_is_not_probed_while_a_producer_may_run(
    names: Names, outside: pytest.MonkeyPatch
) -> None:
    with nobody_listens() as port:
        outside.setenv("ECS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        found = ask(websocket.examine, names, probe=True)
    assert results(found) == {"accepts us": "warning"}


def test_something_else_is_not_the_websocket(names: Names, outside: pytest.MonkeyPatch) -> None:
    address = os.environ["ECS_ENDPOINT_URL"].replace("http", "ws")
    outside.setenv("POLYGON_WS_URL", f"{address}/stocks")
    assert results(ask(websocket.examine, names)) == {"greets us": "problem"}


def test_the_flat_files(names: Names, outside: pytest.MonkeyPatch) -> None:
    assert results(ask(flat_files.examine, names)) == {}
    outside.setenv("FLAT_FILES_SECRET_ACCESS_KEY", "nobody-sees-this")
    found = ask(flat_files.examine, names)
    assert results(found) == {"accepts us": "problem"}
    assert "FLAT_FILES_ACCESS_KEY_ID" in str(found["accepts us"])
    assert "nobody-sees-this" not in str(found)


# ---- Snowflake


def test_snowflake_as_it_should_be(names: Names) -> None:
    house = platform(names).snowflake
    house.create_schemas()
    found = ask(snowflake.examine, names, probe=True)
    assert results(found) == {}
    assert "with the role SANDBOX" in found["accepts us"].found
    assert found["permissions"].found == "all that the code needs"
    assert found[f"schemas of {names.snowflake_database}"].found == ", ".join(SCHEMAS)
    left = house.query(
        f"SELECT TABLE_NAME FROM {names.snowflake_database}.INFORMATION_SCHEMA.TABLES "
        "WHERE TABLE_NAME LIKE 'DOCTOR%'"
    )
    assert left == []


def test_snowflake_without_the_database(names: Names) -> None:
    for _ in range(2):
        found = ask(snowflake.examine, names)
        assert results(found) == {f"database {names.snowflake_database}": "problem"}
        assert found["may create the database"].result == "ok"


def test_snowflake_without_a_schema(names: Names) -> None:
    house = platform(names).snowflake
    house.create_schemas()
    house.query(f"DROP SCHEMA {names.snowflake_database}.RECONCILE")
    found = ask(snowflake.examine, names)
    assert results(found) == {f"schemas of {names.snowflake_database}": "problem"}
    assert "RECONCILE" in found[f"schemas of {names.snowflake_database}"].found


def test_snowflake_with_a_role_that_may_nothing(names: Names, outside: pytest.MonkeyPatch) -> None:
    platform(names).snowflake.create_schemas()
    outside.setenv("SNOWFLAKE_ROLE", "PUBLIC")
    found = ask(snowflake.examine, names)
    assert results(found) == {"permissions": "problem"}
    assert (
        f"PUBLIC lacks USAGE ON DATABASE {names.snowflake_database}" in found["permissions"].found
    )


def test_snowflake_with_a_wrong_password(names: Names, outside: pytest.MonkeyPatch) -> None:
    outside.setenv("SNOWFLAKE_PASSWORD", "nobody-sees-this")
    found = ask(snowflake.examine, names)
    assert results(found) == {"accepts us": "problem"}
    assert "SNOWFLAKE_USER" in found["accepts us"].todo
    assert "nobody-sees-this" not in str(found)


def test_snowflake_that_is_away(names: Names, outside: pytest.MonkeyPatch) -> None:
    with nobody_listens() as port:
        outside.setenv("SNOWFLAKE_PORT", str(port))
        assert results(ask(snowflake.examine, names)) == {"reachable": "problem"}


def test_a_privilege_may_come_by_grant_or_by_ownership() -> None:
    grants = [
        Grant("USAGE", "DATABASE", "POLYGON"),
        Grant("OWNERSHIP", "SCHEMA", "POLYGON.RAW"),
        Grant("USAGE", "SCHEMA", "POLYGON.MARTS"),
        Grant("CREATE VIEW", "SCHEMA", "POLYGON.MARTS"),
    ]
    assert lacking(grants, "POLYGON", ["RAW"]) == []
    assert lacking(grants, "POLYGON", ["RAW", "MARTS"]) == ["CREATE TABLE ON SCHEMA POLYGON.MARTS"]
    assert lacking([], "POLYGON", []) == ["USAGE ON DATABASE POLYGON"]


# ---- dbt


@pytest.mark.usefixtures("builds")
def test_dbt_as_it_should_be(names: Names) -> None:
    local = Names(names.deployment, "_local")
    assert results(ask(dbt.examine, local)) == {}


def test_dbt_that_writes_elsewhere(names: Names) -> None:
    found = ask(dbt.examine, names)
    assert found["profile"].result == "problem"
    assert names.snowflake_database in found["profile"].found


def test_dbt_without_a_manifest_or_a_target(
    names: Names, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profiles = dbt.DBT_PROJECT / "target" / "doctor-profiles.yml"
    monkeypatch.setattr(dbt, "MANIFEST", dbt.DBT_PROJECT / "target" / "no-manifest.json")
    profiles.parent.mkdir(exist_ok=True)
    profiles.write_text("dbt_polygon: {outputs: {}}")
    monkeypatch.setattr(dbt, "PROFILES", profiles)
    try:
        found = ask(dbt.examine, names)
    finally:
        profiles.unlink()
    assert results(found) == {"manifest": "problem", "profile": "problem"}
    assert "dbt parse" in found["manifest"].todo


# ---- Dagster


@dg.sensor(default_status=dg.DefaultSensorStatus.RUNNING)
def watcher() -> dg.SkipReason:
    return dg.SkipReason("nothing")


REPOSITORY = dg.Definitions(sensors=[watcher]).get_repository_def()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    overrides = {
        "concurrency": {"pools": {"default_limit": 1}},
        "freshness": {"enabled": False},
    }
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=overrides) as made:
        yield made


def of_instance(instance: dg.DagsterInstance) -> dict[str, dagster.Finding]:
    return {one.check: one for one in dagster.of_instance(instance, REPOSITORY)}


def test_an_instance_without_daemons(instance: dg.DagsterInstance) -> None:
    found = of_instance(instance)
    assert results(found) == {"daemons": "problem"}
    assert "dagster-daemon run" in found["daemons"].todo


def test_an_instance_with_two_in_a_pool(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots("dbt", 2)
    found = of_instance(instance)
    assert found["pools"].found == "Other limits than 1: dbt: 2"
    with dg.DagsterInstance.ephemeral() as unlimited:
        assert dagster._pools(unlimited).result == "warning"


def test_a_sensor_that_somebody_has_stopped(instance: dg.DagsterInstance) -> None:
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.remote_origin import (
        InProcessCodeLocationOrigin,
        RemoteInstigatorOrigin,
        RemoteRepositoryOrigin,
    )
    from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(python_file="x"), "here")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "r"), "watcher")
    instance.add_instigator_state(
        InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.STOPPED)
    )
    assert of_instance(instance)["automation"].found == "Stopped: watcher"


def test_packages_are_those_that_are_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dagster._packages().result == "ok"
    monkeypatch.setattr(
        dagster.metadata, "requires", lambda _: ["dagster==1.0", "no-such-package>=2"]
    )
    found = dagster._packages()
    assert found.result == "problem"
    assert "wanted ==1.0" in found.found
    assert "no-such-package missing" in found.found


# ---- alerts


def test_nobody_is_told(names: Names) -> None:
    found = ask(alerts.examine, PROD)
    assert results(found) == {"settings": "warning"}
    assert "ALERT_SLACK_WEBHOOK_URL" in found["settings"].todo
    for other in (names, BRANCH):
        assert results(ask(alerts.examine, other)) == {}


def test_receivers_that_a_branch_deployment_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with slack_server() as slack:
        monkeypatch.setenv("ALERT_SLACK_WEBHOOK_URL", slack.url)
        found = ask(alerts.examine, BRANCH)
        assert results(found) == {}
        assert "ALERT_BRANCH_DEPLOYMENTS" in found["settings"].found
        monkeypatch.setenv("ALERT_BRANCH_DEPLOYMENTS", "true")
        assert "settings" not in ask(alerts.examine, BRANCH)


def test_receivers_are_asked_without_a_message(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slack_server() as slack, mail_server() as mail:
        monkeypatch.setenv("ALERT_SLACK_WEBHOOK_URL", slack.url)
        monkeypatch.setenv("ALERT_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("ALERT_SMTP_PORT", str(mail.port))
        monkeypatch.setenv("ALERT_SMTP_SECURITY", "none")
        found = ask(alerts.examine, names)
        assert results(found) == {"settings": "problem"}
        monkeypatch.setenv("ALERT_MAIL_FROM", "p@example.com")
        monkeypatch.setenv("ALERT_MAIL_TO", "a@example.com")
        assert results(ask(alerts.examine, names)) == {}
        assert slack.texts == []
        assert mail.mails == []
        monkeypatch.setenv("ALERT_SLACK_WEBHOOK_URL", f"{slack.url}wrong")
        monkeypatch.setenv("ALERT_SMTP_SECURITY", "starttls")
        found = ask(alerts.examine, names)
    assert results(found) == {"Slack": "problem", "e-mail": "problem"}
    assert "no_service" in found["Slack"].found
    assert SECRET_PATH not in str(found)
