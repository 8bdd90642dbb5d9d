"""``polygon topics apply``: topics as code, on both brokers."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from kafka_brokers import wait_until
from polygon_stream.settings import KafkaSettings, TopicSettings
from polygon_stream.topics import RETENTION_DAYS, ensure_topics
from test_kafka_topics import configs_of

from polygon_assets.cli.board import console
from polygon_assets.cli.topics import apply_topics
from polygon_assets.preflight import ServiceUnreachableError
from polygon_assets.topics import TopicsRefusedError

DAY_MS = 24 * 3600 * 1000
NAMES = [f"local.{name}" for name in RETENTION_DAYS]


@pytest.fixture
def apply(kafka, monkeypatch) -> Callable[..., tuple[int, str]]:
    """The command in this process. Returns: exit code, and what was printed."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap)

    def run(*, dry_run: bool = False, grow: bool = False) -> tuple[int, str]:
        with console.capture() as captured:
            code = apply_topics(dry_run=dry_run, grow=grow)
        return code, captured.get()

    return run


def words(output: str) -> str:
    """Without the line ends of a narrow column."""
    return " ".join(output.split())


def actions(output: str) -> list[str]:
    """The fourth column, behind a retention of two words."""
    return [line.split()[4] for line in output.splitlines() if line.startswith("local.")]


def test_every_topic_of_the_stream_is_defined():
    topics = TopicSettings(prefix="")
    names = [value for name in dir(TopicSettings) if isinstance(value := _named(topics, name), str)]
    assert sorted(names) == sorted(RETENTION_DAYS)


def _named(topics: TopicSettings, name: str) -> object:
    return getattr(topics, name) if isinstance(vars(TopicSettings).get(name), property) else None


def test_topics_are_created_once_and_then_left(kafka, apply):
    code, output = apply(dry_run=True)
    assert (code, kafka.partition_counts()) == (0, {})
    assert actions(output) == ["create"] * 7
    assert "7 of 7 would change; nothing was sent." in output

    code, output = apply()
    assert code == 0
    assert "7 of 7 changed." in output
    assert kafka.partition_counts() == dict.fromkeys(NAMES, 4)
    for name in NAMES:
        configs = configs_of(kafka.admin(), name)
        assert configs["cleanup.policy"] == "delete"
        days = RETENTION_DAYS[name.removeprefix("local.")]
        assert configs["retention.ms"] == str(days * DAY_MS)

    code, output = apply()
    assert code == 0
    assert actions(output) == ["unchanged"] * 7
    assert "0 of 7 changed." in output


def test_what_differs_is_set_and_other_settings_stay(kafka, apply):
    kafka.create("local.stocks.gaps", 4, **{"retention.ms": "1000", "max.message.bytes": "5000"})
    code, output = apply()
    assert code == 0
    assert f"retention.ms 1000 → {30 * DAY_MS}" in words(output)
    configs = configs_of(kafka.admin(), "local.stocks.gaps")
    assert configs["retention.ms"] == str(30 * DAY_MS)
    assert configs["max.message.bytes"] == "5000"
    assert actions(apply()[1]) == ["unchanged"] * 7


def test_no_topic_grows_unasked_or_shrinks(kafka, apply):
    kafka.create("local.stocks.trades", 2)
    kafka.create("local.stocks.quotes", 6)
    code, output = apply()
    assert code == 1
    assert "2 partitions, 4 wanted: left, because symbols would move" in words(output)
    assert "6 partitions, 4 wanted: none can be taken" in words(output)
    counts = kafka.partition_counts()
    assert (counts["local.stocks.trades"], counts["local.stocks.quotes"]) == (2, 6)

    code, output = apply(grow=True)
    assert "partitions 2 → 4: symbols move" in words(output)
    assert kafka.partition_counts()["local.stocks.trades"] == 4
    assert code == 1  # the other one is still too large


def test_what_is_refused_is_one_sentence(apply, monkeypatch):
    monkeypatch.setenv("KAFKA_TOPIC_REPLICATION_FACTOR", "3")
    with pytest.raises(
        TopicsRefusedError, match=r"Kafka did not change topic 'local.stocks.agg.1s'"
    ):
        apply()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    with pytest.raises(ServiceUnreachableError, match=r"Kafka does not answer at 127\.0\.0\.1:1"):
        apply()


def test_the_command_says_what_is_wrong_in_one_sentence():
    command = "from polygon_assets.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "topics", "apply", "--dry-run"],
        env=os.environ | {"KAFKA_TOPIC_MIN_INSYNC_REPLICAS": "many"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "KAFKA_TOPIC_MIN_INSYNC_REPLICAS is 'many'" in done.stderr
    assert "Traceback" not in done.stderr


def test_producer_and_sink_create_topics_by_the_same_definition(kafka):
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap)
    ensure_topics(settings, ["local.stocks.quotes", "local.stocks.gaps"], 4)
    ensure_topics(settings, ["local.stocks.quotes", "local.stocks.gaps"], 4)
    wait_until(lambda: len(kafka.partition_counts()) == 2)
    configs = configs_of(kafka.admin(), "local.stocks.quotes")
    assert configs["retention.ms"] == str(3 * DAY_MS)
