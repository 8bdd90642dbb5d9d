"""The scripts of .ci that `.ci/run` does not call: run here, on servers of the test's own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from delivery.smoke import running
from delivery.workflow_files import GITHUB, ROOT
from support.elsewhere import CLICKHOUSE, KAFKA, port_elsewhere
from support.program import Program, free_port, wait_for
from support.servers import server
from support.stream_programs import BROKERS

from polygon_assets.env import deployment_names
from polygon_assets.resources.ecs import stream_services
from polygon_assets.stream_tasks import task_variables

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/polygon-stream@sha256:" + "5" * 64


def run(
    *command: str, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def test_the_parts_of_the_tests_are_all_of_them() -> None:
    """The last part leaves out what the others have, so only their folders can be wrong."""
    script = (ROOT / ".ci" / "tests").read_text()
    parts = dict(re.findall(r"^(\w+)=\((.*)\)$", script, re.MULTILINE))
    folders = [folder for part in parts.values() for folder in part.split()]
    assert len(folders) == len(set(folders)) > 6
    assert all((ROOT / folder).is_dir() for folder in folders)
    for part in parts:
        assert f'"${{{part}[@]}}"' in script.partition("others=")[2]
    workflow = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text())
    matrix = workflow["jobs"]["tests"]["strategy"]["matrix"]
    assert set(matrix["part"]) == {*parts, "rest"}
    assert run(".ci/tests", "none").returncode == 2


@pytest.fixture
def ecs(tmp_path: Path) -> Iterator[str]:
    """The address of a sandbox's ECS without a cluster."""
    with server("ecs", tmp_path / "ecs") as port:
        yield f"http://127.0.0.1:{port}"


def settings(ecs: str) -> str:
    """The variable SETTINGS of the environment `production`."""
    return f"ECS_ENDPOINT_URL={ecs}\nPOLYGON_DEPLOYMENT=prod\nAWS_ACCESS_KEY_ID=any"


def test_a_new_image_reaches_the_services(ecs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = dict(line.split("=", 1) for line in settings(ecs).splitlines())
    secret = {"AWS_SECRET_ACCESS_KEY": "thing"}
    with monkeypatch.context() as production:
        for name, value in (given | secret).items():
            production.setenv(name, value)
        names = deployment_names()
        # What `polygon bootstrap` does about ECS.
        services = stream_services(names).process_config_and_initialize()
        services.deploy(task_variables(names))
    done = run(".ci/with-settings", "roll", IMAGE, SETTINGS=settings(ecs), **secret)
    assert done.returncode == 0, done.stderr
    client: Any = services.client()
    found = client.describe_services(cluster="polygon", services=["producer", "sink"])["services"]
    assert len(found) == 2
    for service in found:
        definition = client.describe_task_definition(taskDefinition=service["taskDefinition"])
        (container,) = definition["taskDefinition"]["containerDefinitions"]
        assert container["image"] == IMAGE


def test_without_settings_the_script_says_so() -> None:
    done = run(".ci/with-settings", "roll", IMAGE, SETTINGS="")
    assert done.returncode != 0
    assert "SETTINGS: is not set: the variables of the deployment" in done.stderr


@pytest.mark.slow
def test_the_smoke_of_an_image_lives_through_a_session() -> None:
    """Without an image: the same programs, from this environment."""
    done = run(sys.executable, "tests/delivery/smoke.py")
    assert done.returncode == 0, done.stdout + done.stderr
    sent, written, stored = re.findall(r"([\d,]+) (?:events|in Kafka|bars)", done.stdout)
    assert sent == written
    assert int(stored.replace(",", "")) > 10_000


def test_a_program_that_does_not_start_fails_the_smoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `docker` that knows no image."""
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 'no such image' >&2\nexit 125\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(RuntimeError, match="the sink ended with 125"), running("sink", "none", {}):
        pass


SOME = (
    "tests/sandbox/kafka/test_kafka_topics.py",
    "tests/sandbox/clickhouse/test_clickhouse_tables.py",
    "tests/streaming/test_streaming_sink.py::test_the_columns_of_a_bar",
)


def lists_topics(address: str) -> bool:
    try:
        AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=2)
    except KafkaException:
        return False
    return True


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Apache Kafka and a ClickHouse that somebody else has started."""
    if not (shutil.which("java") and shutil.which("mvn")):
        pytest.skip("Apache Kafka needs java and mvn on the PATH")
    port = free_port()
    arguments = ["-m", BROKERS["apache"], "--port", str(port), "--data", str(tmp_path / "kafka")]
    kafka = Program("Kafka", arguments, {}, tmp_path / "kafka.log").start()
    try:
        with server("clickhouse", tmp_path / "clickhouse") as clickhouse:
            address = f"127.0.0.1:{port}"
            wait_for(lambda: kafka.must_run() and lists_topics(address), "Apache Kafka", 120)
            yield {KAFKA: address, CLICKHOUSE: f"http://127.0.0.1:{clickhouse}"}
    finally:
        kafka.stop()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.xdist_group("apache_kafka")
def test_the_contracts_run_on_servers_elsewhere(elsewhere: dict[str, str]) -> None:
    done = run(".ci/services", *SOME, timeout=500, **elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) > 15
    assert "skipped" not in done.stdout


def test_without_addresses_the_contracts_are_not_run() -> None:
    done = run(".ci/services", **{KAFKA: "", CLICKHOUSE: ""})
    assert done.returncode != 0
    assert f"{KAFKA}: is not set" in done.stderr


@pytest.mark.parametrize("address", ["broker.example.com:9092", "10.0.0.1:9092", "127.0.0.1"])
def test_only_a_server_of_this_machine_is_emptied(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KAFKA, address)
    with pytest.raises(ValueError, match=r"they take one on 127\.0\.0\.1 only"):
        port_elsewhere(KAFKA)
    monkeypatch.setenv(KAFKA, "127.0.0.1:9092")
    assert port_elsewhere(KAFKA) == 9092
    monkeypatch.setenv(CLICKHOUSE, "http://127.0.0.1:8123")
    assert port_elsewhere(CLICKHOUSE) == 8123
