"""Checks on the topics of the stream, in the sandbox's Kafka."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from checks_support import NAMES, count, run_checks, variables
from confluent_kafka import Consumer, Producer, TopicPartition
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from support.servers import server

from polygon_assets.defs.ticks import checks
from polygon_assets.defs.ticks.assets import BARS_TOPIC
from polygon_assets.defs.ticks.checks import keeps_up_checks, no_dead_letters, no_gaps
from polygon_assets.defs.ticks.lag import MAX_LAG
from polygon_assets.resources.kafka import Kafka, kafka

sink_keeps_up = keeps_up_checks[tuple(BARS_TOPIC)]

pytestmark = pytest.mark.xdist_group("checks_kafka")


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker with the deployment's topics, all of them empty."""
    with server("kafka", tmp_path_factory.mktemp("kafka")) as port:
        with variables(KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{port}"):
            resource = kafka(NAMES)
        resource.create_topics(1)
        yield resource


def evaluate(check: dg.AssetChecksDefinition, resource: Kafka) -> AssetCheckEvaluation:
    [found] = run_checks([check], {"kafka": resource}, {}).values()
    return found


def send(resource: Kafka, topic: str, messages: int) -> None:
    settings: dict[str, Any] = {
        "bootstrap.servers": resource.bootstrap_servers,
        "queue.buffering.max.messages": messages + 1,
    }
    producer = Producer(settings)
    for number in range(messages):
        producer.produce(topic, b"{}", partition=number % 4)
    assert producer.flush(30) == 0


def settle(resource: Kafka, behind: int) -> None:
    """Commit for the sink, so that this many messages are left in partition 0."""
    settings = {
        "bootstrap.servers": resource.bootstrap_servers,
        "group.id": resource.consumer_group,
    }
    consumer = Consumer(settings)
    ends = resource.end_offsets(resource.bars_topic)
    ends[0] -= behind
    parts = [TopicPartition(resource.bars_topic, number, at) for number, at in ends.items()]
    consumer.commit(offsets=parts, asynchronous=False)
    consumer.close()


@pytest.mark.parametrize(
    ("check", "topic"),
    [(no_gaps, "local.stocks.gaps"), (no_dead_letters, "local.stocks.dead_letter")],
    ids=["no_gaps", "no_dead_letters"],
)
def test_a_topic_that_must_be_empty(
    topics: Kafka, check: dg.AssetChecksDefinition, topic: str
) -> None:
    empty = evaluate(check, topics)
    assert (empty.passed, count(empty, "messages")) == (True, 0)
    send(topics, topic, 3)
    found = evaluate(check, topics)
    assert (found.passed, found.severity.value, found.blocking) == (False, "WARN", False)
    assert (count(found, "messages"), count(found, "topic")) == (3, topic)


def test_sink_keeps_up_until_its_lag_is_over_the_limit(topics: Kafka) -> None:
    assert count(evaluate(sink_keeps_up, topics), "lag") == 0
    # A sink that never committed is behind by everything.
    send(topics, topics.bars_topic, MAX_LAG + 1)
    behind = evaluate(sink_keeps_up, topics)
    assert (behind.passed, behind.severity.value, behind.blocking) == (False, "ERROR", False)
    assert (count(behind, "lag"), count(behind, "limit")) == (MAX_LAG + 1, MAX_LAG)
    settle(topics, behind=7)
    caught_up = evaluate(sink_keeps_up, topics)
    assert (caught_up.passed, count(caught_up, "lag")) == (True, 7)


def test_lag_exactly_at_the_limit_passes(topics: Kafka) -> None:
    end = sum(topics.end_offsets(topics.bars_topic).values())
    assert end == MAX_LAG + 1, "the test before fills the topic"
    consumer_group = Kafka(**(topics.model_dump() | {"consumer_group": "another"}))
    consumer = Consumer({"bootstrap.servers": topics.bootstrap_servers, "group.id": "another"})
    consumer.commit(offsets=[TopicPartition(topics.bars_topic, 0, 1)], asynchronous=False)
    consumer.close()
    found = evaluate(sink_keeps_up, consumer_group)
    assert (found.passed, count(found, "lag")) == (True, MAX_LAG)


@pytest.mark.parametrize("key", [key for key in keeps_up_checks if key != tuple(BARS_TOPIC)])
def test_every_topic_of_the_market_has_its_own_lag(
    topics: Kafka, key: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MAX_LAG", 9)
    topic, check = topics.topics()[key[-1]], keeps_up_checks[key]
    assert evaluate(check, topics).passed, "an empty topic is no lag"
    send(topics, topic, 9)
    assert evaluate(check, topics).passed
    send(topics, topic, 1)
    found = evaluate(check, topics)
    assert (found.passed, count(found, "lag")) == (False, 10)
