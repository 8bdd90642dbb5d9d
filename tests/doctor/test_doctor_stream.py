"""Kafka, ClickHouse and ECS: as they should be, and each thing that can be wrong."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.admin import AclOperation
from doctor_support import ask, nobody_listens, results
from polygon_stream.schema import TICKS, apply
from polygon_stream.topics import TopicDefinition, create_topics

from polygon_assets.defs.rollups.live import create_rollups
from polygon_assets.doctor import clickhouse, ecs, kafka
from polygon_assets.doctor import clickhouse as clickhouse_module
from polygon_assets.env import Names
from polygon_assets.resources.kafka import kafka_admin
from polygon_assets.resources.platform import platform
from polygon_assets.stream_tasks import task_variables
from polygon_assets.topics import declared

SERVERS = ("kafka", "clickhouse", "ecs")

pytestmark = [pytest.mark.xdist_group("doctor"), pytest.mark.usefixtures("outside")]


# ---- Kafka


def test_kafka_as_declared(names: Names) -> None:
    platform(names).kafka.create_topics(1)
    found = ask(kafka.examine, names)
    assert results(found) == {}
    assert "1 brokers" in found["accepts us"].found
    assert found[f"topic {names.bars_topic}"].found == "4 partitions, configured as declared"
    assert found["permissions on topics"].found == "all that Dagster needs"
    assert f"permissions on group {names.consumer_group}" in found


def test_kafka_without_topics_creates_none(names: Names) -> None:
    found = ask(kafka.examine, names)
    assert results(found) == {
        f"topic {topic.name}": "problem" for topic in declared(names.topic_prefix)
    }
    assert "polygon topics apply" in found[f"topic {names.bars_topic}"].todo
    assert found["may create topics"].result == "ok"
    known = kafka_admin().list_topics(timeout=10).topics
    assert not [topic for topic in known if topic.startswith(names.topic_prefix)]


def test_kafka_topics_that_differ(names: Names) -> None:
    first, second, *others = declared(names.topic_prefix)
    narrow = TopicDefinition(first.name, 1, first.configs)
    brief = TopicDefinition(second.name, second.partitions, {"retention.ms": "1000"})
    create_topics(kafka_admin(), [narrow, brief, *others], 1)
    found = ask(kafka.examine, names)
    assert results(found) == {f"topic {first.name}": "problem", f"topic {second.name}": "warning"}
    assert "1 partitions, 4 wanted" in found[f"topic {first.name}"].found
    assert "retention.ms 1000 → " in found[f"topic {second.name}"].found


def test_kafka_that_is_away(names: Names, outside: pytest.MonkeyPatch) -> None:
    with nobody_listens() as port:
        outside.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{port}")
        found = ask(kafka.examine, names)
    assert results(found) == {"reachable": "problem"}
    assert "KAFKA_BOOTSTRAP_SERVERS" in found["reachable"].todo


def test_kafka_with_a_broken_address(names: Names, outside: pytest.MonkeyPatch) -> None:
    outside.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker")
    found = ask(kafka.examine, names)
    assert results(found) == {"settings": "problem"}
    assert "'broker'" in found["settings"].found
    assert "host:port" in found["settings"].todo


@pytest.mark.slow
def test_kafka_with_another_protocol(names: Names, outside: pytest.MonkeyPatch) -> None:
    outside.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    outside.setenv("KAFKA_API_KEY", "key")
    outside.setenv("KAFKA_API_SECRET", "nobody-sees-this")
    found = ask(kafka.examine, names)
    assert results(found) == {"accepts us": "problem"}
    assert "SSL" in found["accepts us"].found
    assert "KAFKA_SECURITY_PROTOCOL" in found["accepts us"].todo


def test_a_permission_that_lacks_is_named() -> None:
    finding = kafka._permission("topics", {"stocks.gaps": {AclOperation.DESCRIBE_CONFIGS}})
    assert (finding.result, finding.found) == (
        "problem",
        "stocks.gaps lacks DESCRIBE_CONFIGS",
    )


# ---- ClickHouse


@pytest.fixture
def migrated(names: Names, outside: pytest.MonkeyPatch) -> Any:
    store = platform(names).clickhouse
    with store.client() as client:
        apply(client, TICKS, {"database": names.clickhouse_ticks})
    create_rollups(store)
    return store


@pytest.mark.usefixtures("migrated")
def test_clickhouse_as_it_should_be(names: Names) -> None:
    found = ask(clickhouse.examine, names, probe=True)
    assert results(found) == {}
    assert found["accepts us"].found == "as default"
    assert "supported from 25.3" in found["version"].found
    assert "are applied" in found[f"migrations of {names.clickhouse_rollups}"].found
    assert "dropped" in found[f"probe of {names.clickhouse_ticks}"].found
    left = platform(names).clickhouse.query(
        "SELECT name FROM system.tables WHERE database = {d:String} AND name LIKE 'doctor%'",
        {"d": names.clickhouse_ticks},
    )
    assert left == []


def test_clickhouse_without_databases(names: Names) -> None:
    found = ask(clickhouse.examine, names, probe=True)
    assert results(found) == {
        f"database {names.clickhouse_ticks}": "problem",
        f"database {names.clickhouse_rollups}": "problem",
    }
    assert "polygon bootstrap" in found[f"database {names.clickhouse_ticks}"].todo


def test_clickhouse_with_a_migration_missing_and_one_changed(names: Names, migrated: Any) -> None:
    ticks, rollups = names.clickhouse_ticks, names.clickhouse_rollups
    with migrated.client() as client:
        for database in (ticks, rollups):
            client.command(f"CREATE TABLE {database}.kept AS {database}.schema_migrations")
            client.command(
                f"INSERT INTO {database}.kept SELECT * FROM {database}.schema_migrations"
            )
            client.command(f"TRUNCATE TABLE {database}.schema_migrations")
        client.command(
            f"INSERT INTO {ticks}.schema_migrations SELECT * FROM {ticks}.kept "
            "WHERE file NOT LIKE '009%'"
        )
        client.command(
            f"INSERT INTO {rollups}.schema_migrations SELECT file, 'other', applied_at "
            f"FROM {rollups}.kept"
        )
    found = ask(clickhouse.examine, names)
    assert results(found) == {f"migrations of {one}": "problem" for one in (ticks, rollups)}
    assert found[f"migrations of {ticks}"].found == "Not applied: 009_dead_letters.sql"
    assert "polygon migrate" in found[f"migrations of {ticks}"].todo
    assert found[f"migrations of {rollups}"].found.startswith("Changed since they were applied")


def test_clickhouse_with_a_wrong_user(names: Names, outside: pytest.MonkeyPatch) -> None:
    outside.setenv("CLICKHOUSE_USER", "nobody")
    outside.setenv("CLICKHOUSE_PASSWORD", "nobody-sees-this")
    found = ask(clickhouse.examine, names)
    assert results(found) == {"accepts us": "problem"}
    assert "CLICKHOUSE_USER" in found["accepts us"].todo
    assert "nobody-sees-this" not in str(found)


def test_clickhouse_that_is_away(names: Names, outside: pytest.MonkeyPatch) -> None:
    with nobody_listens() as port:
        outside.setenv("CLICKHOUSE_URL", f"http://127.0.0.1:{port}")
        found = ask(clickhouse.examine, names)
    assert results(found) == {"reachable": "problem"}
    assert "CLICKHOUSE_URL" in found["reachable"].todo


@pytest.mark.usefixtures("migrated")
def test_clickhouse_grants_that_lack(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def granted(_client: Any, privilege: str, where: str) -> bool:
        asked.append(where)
        return privilege not in ("INSERT", "DROP VIEW") and where != "system.parts"

    monkeypatch.setattr(clickhouse_module, "_granted", granted)
    found = ask(clickhouse.examine, names)
    ticks = f"permissions on {names.clickhouse_ticks}"
    assert found[ticks].found == "Lacks INSERT, DROP VIEW"
    assert found[ticks].todo.startswith(f"GRANT INSERT, DROP VIEW ON {names.clickhouse_ticks}.*")
    assert "system.parts" in found["permissions on system"].found


def test_an_old_clickhouse_is_a_warning() -> None:
    assert clickhouse._version("24.8.4.13").result == "warning"
    assert clickhouse._version("25.3.1.1").result == "ok"
    assert clickhouse._version("26.1").result == "ok"


# ---- ECS


@pytest.fixture
def deploy(names: Names, outside: pytest.MonkeyPatch) -> Callable[[], Any]:
    def run() -> Any:
        services = platform(names).stream_services
        services.deploy(task_variables(names))
        return services

    return run


def test_ecs_as_declared(names: Names, deploy: Callable[[], Any]) -> None:
    deploy()
    found = ask(ecs.examine, names, probe=True)
    assert results(found) == {}
    assert found["service producer"].found == "0 wanted, 0 running"
    assert found["task definition of sink"].found == "as declared"
    assert "changes nothing" in found["probe of producer"].found


def test_ecs_is_not_written_to_without_being_asked(names: Names, deploy: Callable[[], Any]) -> None:
    before = deploy().services()
    assert "--probe" in ask(ecs.examine, names)["may change services"].found
    ask(ecs.examine, names, probe=True)
    assert platform(names).stream_services.services() == before


def test_ecs_without_a_cluster(names: Names) -> None:
    found = ask(ecs.examine, names)
    assert results(found) == {f"cluster {names.ecs_cluster}": "problem"}
    assert "polygon bootstrap" in found[f"cluster {names.ecs_cluster}"].todo


def test_ecs_with_a_service_missing_and_an_old_image(
    names: Names, deploy: Callable[[], Any], outside: pytest.MonkeyPatch
) -> None:
    client: Any = deploy().client()
    client.delete_service(cluster=names.ecs_cluster, service="sink", force=True)
    outside.setenv("STREAM_IMAGE", "polygon-stream@sha256:newer")
    found = ask(ecs.examine, names)
    assert results(found) == {"service sink": "problem", "task definition of producer": "warning"}
    assert "image" in found["task definition of producer"].found


def test_ecs_that_may_run_two_producers(names: Names, deploy: Callable[[], Any]) -> None:
    client: Any = deploy().client()
    client.update_service(
        cluster=names.ecs_cluster,
        service="producer",
        deploymentConfiguration={"maximumPercent": 200, "minimumHealthyPercent": 100},
    )
    found = ask(ecs.examine, names)
    assert results(found) == {"service producer": "problem"}
    assert "one connection" in found["service producer"].todo


def test_ecs_without_credentials(names: Names, outside: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        outside.delenv(name)
    outside.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    outside.setenv("AWS_CONFIG_FILE", "/nowhere")
    found = ask(ecs.examine, names)
    assert results(found) == {"accepts us": "problem"}
    assert "AWS_ACCESS_KEY_ID" in found["accepts us"].todo


def test_ecs_that_is_away(names: Names, outside: pytest.MonkeyPatch) -> None:
    with nobody_listens() as port:
        outside.setenv("ECS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        found = ask(ecs.examine, names)
    assert results(found) == {"reachable": "problem"}
