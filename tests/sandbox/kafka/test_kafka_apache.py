"""Apache Kafka in the sandbox: what it needs, and what it says where that is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from kafka_brokers import ApacheProcess

from polygon_assets.sandbox.kafka.apache import version, write_properties
from polygon_assets.sandbox.layout import (
    KAFKA_VARIABLE,
    SandboxConfigError,
    SandboxLayout,
    sandbox_layout,
)
from polygon_assets.sandbox.services import servers


def started(folder: Path, programs: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "polygon_assets.sandbox.kafka.apache"]
    return subprocess.run(
        [*command, "--port", "1", "--data", str(folder / "data")],
        env=os.environ | {"PATH": programs, "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def program(folder: Path, name: str, says: str, code: int = 0) -> None:
    script = folder / name
    script.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    script.chmod(0o755)


@pytest.mark.parametrize(
    ("java", "mvn", "words"),
    [
        (None, None, "needs Java 17 or later: install it so that `java` is on the PATH"),
        (11, None, "needs Java 17 or later; "),
        (17, None, "needs Maven: install it so that `mvn` is on the PATH"),
        (17, "no such host", "Maven could not fetch Apache Kafka"),
    ],
)
def test_what_is_missing_is_one_sentence(
    tmp_path: Path, java: int | None, mvn: str | None, words: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    if java is not None:
        program(programs, "java", f"    java.specification.version = {java}")
    if mvn is not None:
        program(programs, "mvn", mvn, code=1)
    done = started(tmp_path, str(programs))
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_it_listens_on_this_machine_only(tmp_path: Path) -> None:
    lines = write_properties(tmp_path, 12345).read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines if line)
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:12345"
    assert "0.0.0.0" not in "".join(lines)
    assert found["auto.create.topics.enable"] == "false"


def test_the_version_is_that_of_the_jars() -> None:
    assert version().startswith("4.")


def test_the_sandbox_starts_the_broker_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def module(kafka: str) -> str:
        layout = SandboxLayout(tmp_path, 18100, kafka)
        return next(one.command[2] for one in servers(layout, "1") if one.name == "kafka")

    assert module("embedded") == "polygon_assets.sandbox.kafka"
    assert module("apache") == "polygon_assets.sandbox.kafka.apache"
    monkeypatch.setenv(KAFKA_VARIABLE, "redpanda")
    with pytest.raises(SandboxConfigError, match="set it to embedded or apache"):
        sandbox_layout()


class NewCluster(ApacheProcess):
    """One that is used as soon as it answers at all: no group has a coordinator yet."""

    def _answers(self) -> bool:
        try:
            return bool(self.admin().list_topics(timeout=1).brokers)
        except KafkaException:
            return False


LAG = """
from polygon_assets.env import deployment_names
from polygon_assets.resources.kafka import kafka
resource = kafka(deployment_names()).process_config_and_initialize()
resource.create_topics()
print(sum(resource.lag().values()))
"""


@pytest.mark.slow
@pytest.mark.xdist_group("apache_kafka")
def test_the_lag_is_told_on_a_cluster_that_no_group_has_used(tmp_path: Path) -> None:
    """In a process of its own: librdkafka's admin client would end it with a segmentation fault."""
    broker = NewCluster(tmp_path)
    broker.start()
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", LAG],
            env=os.environ | {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout.strip()) == (0, "0"), done.stderr
    finally:
        broker.kill()
