"""Topics: created, grown, described and deleted through the admin client."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic


def error_of(future) -> tuple[str, str]:
    with pytest.raises(KafkaException) as caught:
        future.result(5)
    error = caught.value.args[0]
    return error.name(), error.str()


def folders_of_topics(broker) -> list[Path]:
    """The embedded broker's folders; Apache Kafka has none of that name."""
    return list((broker.directory / "topics").glob("*"))


def configs_of(admin: AdminClient, topic: str) -> dict[str, str]:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    found = admin.describe_configs([resource])[resource].result(5)
    return {name: entry.value for name, entry in found.items()}


def test_a_topic_is_created_grown_and_deleted(kafka, until):
    admin = kafka.admin()
    assert kafka.partition_counts() == {}
    kafka.create("local.stocks.agg.1s", 4)

    grown = admin.create_partitions([NewPartitions("local.stocks.agg.1s", 6)])
    grown["local.stocks.agg.1s"].result(5)
    until(lambda: kafka.partition_counts() == {"local.stocks.agg.1s": 6})
    shrunk = admin.create_partitions([NewPartitions("local.stocks.agg.1s", 2)])
    assert error_of(shrunk["local.stocks.agg.1s"])[0] == "INVALID_PARTITIONS"

    admin.delete_topics(["local.stocks.agg.1s"])["local.stocks.agg.1s"].result(5)
    until(lambda: kafka.partition_counts() == {})
    again = admin.delete_topics(["local.stocks.agg.1s"])
    assert error_of(again["local.stocks.agg.1s"])[0] == "UNKNOWN_TOPIC_OR_PART"
    assert folders_of_topics(kafka) == []


def test_configurations_are_kept_and_described(broker):
    broker.create("bars", 1, **{"retention.ms": "86400000"})
    broker.kill()
    broker.start("--retention-bytes", "5000000")
    configs = configs_of(broker.admin(), "bars")
    assert configs["retention.ms"] == "86400000"
    assert configs["retention.bytes"] == "5000000"
    assert configs["cleanup.policy"] == "delete"


def test_a_bad_name_is_refused_and_touches_nothing(kafka):
    for name in ["../escape", "a/b", ".", "..", "with space", "x" * 250, "ü"]:
        future = kafka.admin().create_topics([NewTopic(name, 1, 1)])[name]
        assert error_of(future)[0] == "TOPIC_EXCEPTION"
    assert folders_of_topics(kafka) == []


UNFIT_TOPICS = [
    (NewTopic("bars", 1, 1), "TOPIC_ALREADY_EXISTS", "already exists"),
    (NewTopic("new", 0, 1), "INVALID_PARTITIONS", "0 partitions"),
    (NewTopic("new", 1, 3), "INVALID_REPLICATION_FACTOR", "one broker"),
    (NewTopic("new", 1, 1, config={"retention.ms": "soon"}), "INVALID_CONFIG", "number"),
    (NewTopic("new", 1, 1, config={"no.such": "1"}), "INVALID_CONFIG", "no.such"),
]
BEYOND_THE_EMBEDDED = [
    (NewTopic("new", 5000, 1), "INVALID_PARTITIONS", "5000"),
    (NewTopic("new", 1, 1, config={"cleanup.policy": "compact"}), "INVALID_CONFIG", "delete"),
]


def test_what_cannot_be_created_has_a_code_of_its_own(kafka):
    kafka.create("bars")
    for topic, name, _ in UNFIT_TOPICS:
        code, _ = error_of(kafka.admin().create_topics([topic])[topic.topic])
        assert code == name
    assert kafka.partition_counts() == {"bars": 1}


def test_what_cannot_be_created_says_why(broker):
    broker.create("bars")
    for topic, name, words in UNFIT_TOPICS + BEYOND_THE_EMBEDDED:
        code, message = error_of(broker.admin().create_topics([topic])[topic.topic])
        assert code == name
        assert words in message
    assert broker.partition_counts() == {"bars": 1}


def test_a_dry_run_creates_nothing(kafka):
    admin = kafka.admin()
    admin.create_topics([NewTopic("bars", 2, 1)], validate_only=True)["bars"].result(5)
    assert kafka.partition_counts() == {}


def test_a_name_that_is_used_again_starts_empty(kafka, until):
    kafka.create("bars")
    kafka.send("bars", [b"old"] * 10)
    consumer = kafka.consumer()
    bars = TopicPartition("bars", 0)
    consumer.commit(offsets=[TopicPartition("bars", 0, 7, "text")], asynchronous=False)
    admin = kafka.admin()
    admin.delete_topics(["bars"])["bars"].result(5)
    kafka.create("bars")
    # Apache Kafka answers before the new partition has a leader and the old offsets are forgotten.
    until(lambda: watermarks(consumer, bars) == (0, 0))
    until(lambda: consumer.committed([bars], timeout=5)[0].offset == -1001)
    consumer.close()


def watermarks(consumer: Consumer, partition: TopicPartition) -> tuple[int, int] | None:
    """First and next offset; None while the partition has no leader that knows it."""
    try:
        return consumer.get_watermark_offsets(partition, timeout=5)
    except KafkaException as error:
        if error.args[0].name() != "NOT_LEADER_FOR_PARTITION":
            raise
        return None


def test_topics_are_not_created_by_asking_for_them(kafka):
    topic = kafka.admin().list_topics("nobody.made.this", timeout=5).topics["nobody.made.this"]
    assert topic.error.name() == "UNKNOWN_TOPIC_OR_PART"
    assert kafka.partition_counts() == {}


def test_topics_are_created_by_asking_where_that_is_turned_on(brokers):
    broker = brokers("--auto-create-partitions", "3")
    broker.send("made.on.demand", [b"1"])
    assert broker.partition_counts() == {"made.on.demand": 3}


def test_a_created_topic_survives_kill_and_unfinished_changes_are_removed(broker):
    broker.create("bars", 2)
    broker.kill()
    leftover = broker.directory / "topics" / "half-deleted-0123456789ab"
    leftover.mkdir()
    broker.start()
    assert broker.partition_counts() == {"bars": 2}
    assert not leftover.exists()
    assert str(leftover) in broker.log


def test_topics_without_their_list_are_not_thrown_away(broker):
    broker.create("bars")
    broker.stop()
    (broker.directory / "meta.json").unlink()
    assert "meta.json is missing" in broker.refused()
    assert len(list((broker.directory / "topics").iterdir())) == 1
    (broker.directory / "meta.json").write_text("{}")
    assert "meta.json cannot be read" in broker.refused()
