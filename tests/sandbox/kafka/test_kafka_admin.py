"""Administration beyond topics: configurations, deleted records, and what is not offered."""

import struct

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AclOperation,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
)
from kafka_wire import request
from test_kafka_topics import configs_of

from polygon_assets.sandbox.kafka.api import APIS

UNSUPPORTED_VERSION = 35
SET, DELETE, APPEND = AlterConfigOpType.SET, AlterConfigOpType.DELETE, AlterConfigOpType.APPEND


def alter(
    kafka, *changes: tuple[str, str | None, AlterConfigOpType], topic: str = "bars", **options
):
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    for name, value, operation in changes:
        entry = ConfigEntry(name, value, incremental_operation=operation)
        resource.add_incremental_config(entry)
    kafka.admin().incremental_alter_configs([resource], **options)[resource].result(10)


def code_of(call) -> int:
    with pytest.raises(KafkaException) as caught:
        call()
    return caught.value.args[0].code()


@pytest.mark.usefixtures("killable")
def test_configurations_change_one_by_one(kafka, until):
    kafka.create("bars", 2, **{"retention.ms": "86400000", "max.message.bytes": "5000"})
    alter(kafka, ("retention.ms", "7200000", SET))
    until(lambda: configs_of(kafka.admin(), "bars")["retention.ms"] == "7200000")
    assert configs_of(kafka.admin(), "bars")["max.message.bytes"] == "5000"
    alter(kafka, ("retention.ms", "1", SET), validate_only=True)
    assert configs_of(kafka.admin(), "bars")["retention.ms"] == "7200000"

    alter(kafka, ("max.message.bytes", None, DELETE), ("min.insync.replicas", "1", SET))
    until(lambda: configs_of(kafka.admin(), "bars")["max.message.bytes"] == "1048588")
    kafka.kill()
    kafka.start()
    configs = configs_of(kafka.admin(), "bars")
    assert (configs["retention.ms"], configs["max.message.bytes"]) == ("7200000", "1048588")


def test_a_changed_limit_applies_at_once(kafka, until):
    kafka.create("bars", 1, **{"max.message.bytes": "1000"})
    alter(kafka, ("max.message.bytes", "100000", SET))
    until(lambda: configs_of(kafka.admin(), "bars")["max.message.bytes"] == "100000")
    kafka.send("bars", [b"x" * 20_000])
    assert len(kafka.read("bars")) == 1


@pytest.mark.parametrize(
    ("change", "topic", "code"),
    [
        (("retention.ms", "soon", SET), "bars", KafkaError.INVALID_CONFIG),
        (("no.such", "1", SET), "bars", KafkaError.INVALID_CONFIG),
        (("retention.ms", "5", APPEND), "bars", KafkaError.INVALID_CONFIG),
        (("retention.ms", "5", SET), "nobody", KafkaError.UNKNOWN_TOPIC_OR_PART),
    ],
)
def test_a_change_that_cannot_be_made_is_refused(kafka, change, topic, code):
    kafka.create("bars", 1, **{"retention.ms": "86400000"})
    assert code_of(lambda: alter(kafka, change, topic=topic)) == code
    assert configs_of(kafka.admin(), "bars")["retention.ms"] == "86400000"


BARS = TopicPartition("bars", 0)


def delete(kafka, offset: int) -> int:
    """Returns: the first offset that is kept."""
    deleted = kafka.admin().delete_records([TopicPartition("bars", 0, offset)])
    return next(iter(deleted.values())).result(20).low_watermark


def first_offset(kafka) -> int:
    found = kafka.admin().list_offsets({BARS: OffsetSpec.earliest()})
    return found[BARS].result(20).offset


def test_records_are_deleted_up_to_an_offset(kafka):
    kafka.create("bars", 1, **kafka.SMALL_SEGMENTS)
    kafka.send("bars", [b"%02d" % n + b"." * 500 for n in range(40)], **{"batch.num.messages": 4})
    assert (delete(kafka, 17), first_offset(kafka)) == (17, 17)
    assert (delete(kafka, 9), first_offset(kafka)) == (17, 17)  # what is deleted stays so
    assert [m.offset() for m in kafka.read("bars")] == list(range(17, 40))
    assert code_of(lambda: delete(kafka, 41)) == KafkaError.OFFSET_OUT_OF_RANGE
    assert (delete(kafka, -1), first_offset(kafka)) == (40, 40)
    kafka.send("bars", [b"new"])
    assert [(m.offset(), m.value()) for m in kafka.read("bars")] == [(40, b"new")]


def test_deleted_records_stay_deleted_after_kill(broker):
    broker.create("bars", 1, **{"segment.bytes": "3000"})
    broker.send("bars", [b"." * 500 for _ in range(40)], **{"batch.num.messages": 4})
    files = len(list((broker.directory / "topics").rglob("*.log")))
    assert delete(broker, 17) == 17
    assert 1 < len(list((broker.directory / "topics").rglob("*.log"))) < files
    broker.kill()
    broker.start()
    assert first_offset(broker) == 17
    assert [m.offset() for m in broker.read("bars")] == list(range(17, 40))


def test_a_reader_of_deleted_records_goes_on_at_the_first_kept(kafka):
    kafka.create("bars")
    kafka.send("bars", [b"%d" % n for n in range(20)], **{"batch.num.messages": 1})
    kafka.admin().delete_records([TopicPartition("bars", 0, 12)])
    consumer = kafka.consumer()
    consumer.assign([TopicPartition("bars", 0, 3)])
    message = consumer.poll(20)
    assert (message.offset(), message.value()) == (12, b"12")
    consumer.close()


def test_requests_and_versions_that_are_not_offered(kafka):
    """The first question is answered in its oldest version; anything else ends the connection."""
    answer = request(kafka.port, 18, 99, b"\0\2x\2x\0")
    assert struct.unpack_from(">h", answer) == (UNSUPPORTED_VERSION,)
    answer = request(kafka.port, 18, 0, b"")
    count = struct.unpack_from(">i", answer, 2)[0]
    offered = {struct.unpack_from(">hhh", answer, 6 + 6 * n)[0] for n in range(count)}
    assert set(APIS) <= offered
    assert request(kafka.port, 999, 0, b"") == b""
    assert request(kafka.port, 3, 99, b"") == b""
    kafka.create("bars")


def test_a_client_knows_what_is_not_offered(broker):
    with pytest.raises(KafkaException) as caught:
        broker.admin().describe_user_scram_credentials(["u"])["u"].result(10)
    assert caught.value.args[0].code() == KafkaError._UNSUPPORTED_FEATURE


def test_an_account_is_told_what_it_may_do(kafka):
    kafka.create("bars", 1)
    admin, topics = kafka.admin(), TopicCollection(["bars"])

    def of_topic(**options) -> set[AclOperation] | None:
        found = admin.describe_topics(topics, **options)["bars"].result(10)
        return found.authorized_operations and set(found.authorized_operations)

    everything = of_topic(include_authorized_operations=True)
    assert everything is not None
    assert {AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE_CONFIGS} <= everything
    assert of_topic() is None
    group = admin.describe_consumer_groups(["sink"], include_authorized_operations=True)["sink"]
    assert AclOperation.DESCRIBE in group.result(10).authorized_operations
    cluster = admin.describe_cluster(include_authorized_operations=True).result(10)
    assert AclOperation.CREATE in cluster.authorized_operations
    assert admin.describe_cluster().result(10).authorized_operations is None
