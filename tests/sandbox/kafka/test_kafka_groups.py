"""Consumer groups: partitions are shared, commits are kept, and zombies are fenced."""

import subprocess
import sys

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import OffsetSpec


def assigned(consumer: Consumer) -> set[int]:
    consumer.consume(1000, 0.02)
    return {part.partition for part in consumer.assignment()}


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_two_members_share_the_partitions(kafka, until, strategy):
    kafka.create("bars", 6)
    settings = {"partition.assignment.strategy": strategy}
    first = kafka.consumer("sink", **settings)
    first.subscribe(["bars"])
    until(lambda: assigned(first) == set(range(6)))

    second = kafka.consumer("sink", **settings)
    second.subscribe(["bars"])
    shares: list[set[int]] = []

    def is_shared() -> bool:
        shares[:] = [assigned(first), assigned(second)]
        return [len(share) for share in shares] == [3, 3]

    until(is_shared)
    assert shares[0] | shares[1] == set(range(6))
    second.close()
    until(lambda: assigned(first) == set(range(6)))
    first.close()


MEMBER = """
import sys
from confluent_kafka import Consumer
consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "sink",
                     "session.timeout.ms": 6000, "heartbeat.interval.ms": 300})
consumer.subscribe(["bars"])
while not consumer.assignment():
    consumer.poll(0.05)
print("assigned", flush=True)
while True:
    consumer.poll(0.05)
"""


def test_the_partitions_of_a_killed_member_go_to_another(kafka, until):
    kafka.create("bars", 2)
    member = subprocess.Popen(
        [sys.executable, "-c", MEMBER, kafka.bootstrap], stdout=subprocess.PIPE, text=True
    )
    assert member.stdout is not None
    assert member.stdout.readline() == "assigned\n"
    member.kill()
    member.wait(5)
    member.stdout.close()
    other = kafka.consumer("sink")
    other.subscribe(["bars"])
    until(lambda: assigned(other) == {0, 1}, 15)
    other.close()


@pytest.mark.usefixtures("killable")
def test_commits_survive_kill_with_their_metadata(kafka):
    kafka.create("bars", 3)
    kafka.send("bars", [b"v"] * 100)
    consumer = kafka.consumer("sink")
    text = 'w:99 "quoted" ünïcode'
    for offset in range(0, 50, 10):
        consumer.commit(
            offsets=[TopicPartition("bars", 0, offset, text), TopicPartition("bars", 2, offset)],
            asynchronous=False,
        )
    kafka.kill()
    kafka.start()
    parts = [TopicPartition("bars", number) for number in range(3)]
    found = consumer.committed(parts, timeout=5)
    assert [(part.offset, part.metadata) for part in found] == [
        (40, text),
        (-1001, None),
        (40, None),
    ]
    consumer.close()


@pytest.mark.usefixtures("killable")
def test_a_consumer_goes_on_where_its_group_stopped(kafka):
    kafka.create("bars")
    kafka.send("bars", [b"%d" % number for number in range(100)])

    def read_and_commit(count: int) -> list[bytes]:
        consumer = kafka.consumer("sink")
        consumer.subscribe(["bars"])
        values = [message.value() for message in consumer.consume(count, 20)]
        consumer.commit(asynchronous=False)
        consumer.close()
        return values

    assert read_and_commit(60) == [b"%d" % number for number in range(60)]
    kafka.kill()
    kafka.start()
    assert read_and_commit(40) == [b"%d" % number for number in range(60, 100)]


def test_the_lag_of_a_group_is_true(kafka):
    kafka.create("bars", 2)
    kafka.send("bars", [b"v"] * 80)
    consumer = kafka.consumer("sink")
    consumer.commit(offsets=[TopicPartition("bars", 0, 30)], asynchronous=False)
    admin = kafka.admin()
    parts = [TopicPartition("bars", 0), TopicPartition("bars", 1)]
    asked = ConsumerGroupTopicPartitions("sink", parts)
    answer = admin.list_consumer_group_offsets([asked])["sink"].result(5)
    committed = [part.offset for part in answer.topic_partitions]
    ends = admin.list_offsets(dict.fromkeys(parts, OffsetSpec.latest()))
    assert committed == [30, -1001]
    assert [ends[part].result(5).offset for part in parts] == [80, 0]
    everything = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("sink")])
    found = everything["sink"].result(5).topic_partitions
    assert [(part.topic, part.partition, part.offset) for part in found] == [("bars", 0, 30)]
    consumer.close()


def test_a_member_of_an_old_generation_cannot_commit(broker, until):
    """The embedded broker's groups end with it; Apache Kafka's go on until the session ends."""
    broker.create("bars")
    zombie = broker.consumer("sink")
    zombie.subscribe(["bars"])
    until(lambda: assigned(zombie) == {0})
    zombie.commit(offsets=[TopicPartition("bars", 0, 5)], asynchronous=False)
    broker.kill()  # the group's membership goes with the broker
    broker.start()
    with pytest.raises(KafkaException) as caught:
        zombie.commit(offsets=[TopicPartition("bars", 0, 1)], asynchronous=False)
    assert caught.value.args[0].code() in (
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.ILLEGAL_GENERATION,
    )
    reader = broker.consumer("sink")
    assert reader.committed([TopicPartition("bars", 0)], timeout=5)[0].offset == 5
    reader.close()
    zombie.close()


def test_nobody_else_commits_while_a_group_has_members(kafka, until):
    kafka.create("bars")
    member = kafka.consumer("sink")
    member.subscribe(["bars"])
    until(lambda: assigned(member) == {0})
    stranger = kafka.consumer("sink")
    with pytest.raises(KafkaException) as caught:
        stranger.commit(offsets=[TopicPartition("bars", 0, 1)], asynchronous=False)
    assert caught.value.args[0].code() == KafkaError.UNKNOWN_MEMBER_ID
    stranger.close()
    member.close()


def test_groups_are_listed_described_and_deleted(kafka, until):
    kafka.create("bars", 2)
    admin = kafka.admin()
    consumer = kafka.consumer("sink", **{"client.id": "sink-1"})
    consumer.subscribe(["bars"])
    until(lambda: assigned(consumer) == {0, 1})
    consumer.commit(offsets=[TopicPartition("bars", 0, 1)], asynchronous=False)

    listed = admin.list_consumer_groups().result(5).valid
    assert [(g.group_id, g.state) for g in listed] == [("sink", ConsumerGroupState.STABLE)]
    described = admin.describe_consumer_groups(["sink", "nobody"])
    (member,) = described["sink"].result(5).members
    assert member.client_id == "sink-1"
    assert len(member.assignment.topic_partitions) == 2
    assert described["nobody"].result(5).state is ConsumerGroupState.DEAD

    with pytest.raises(KafkaException, match="not empty"):
        admin.delete_consumer_groups(["sink"])["sink"].result(5)
    consumer.close()
    until(
        lambda: (
            admin.describe_consumer_groups(["sink"])["sink"].result(5).state
            is ConsumerGroupState.EMPTY
        )
    )
    admin.delete_consumer_groups(["sink"])["sink"].result(5)
    assert admin.list_consumer_groups().result(5).valid == []


def test_an_instance_that_joins_again_replaces_itself(kafka, until):
    kafka.create("bars", 2)
    before = kafka.consumer("sink", **{"group.instance.id": "sink-0"})
    before.subscribe(["bars"])
    until(lambda: assigned(before) == {0, 1})
    after = kafka.consumer("sink", **{"group.instance.id": "sink-0"})
    after.subscribe(["bars"])
    until(lambda: assigned(after) == {0, 1})
    with pytest.raises(KafkaException):
        before.commit(offsets=[TopicPartition("bars", 0, 1)], asynchronous=False)
    after.commit(offsets=[TopicPartition("bars", 0, 2)], asynchronous=False)
    after.close()
    before.close()


def test_metadata_that_is_too_long_is_refused(kafka):
    kafka.create("bars")
    consumer = kafka.consumer("sink")
    with pytest.raises(KafkaException) as caught:
        consumer.commit(offsets=[TopicPartition("bars", 0, 1, "x" * 5000)], asynchronous=False)
    assert caught.value.args[0].code() == KafkaError.OFFSET_METADATA_TOO_LARGE
    consumer.close()
