"""Records: what is produced is what is read, whatever the codec, and where each one lies."""

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

FIRST = 1_109_601_000_000  # 2005-02-28, milliseconds
KEEP = {"retention.ms": "-1"}  # such records are older than any topic's default allows


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_records_come_back_as_they_were_sent(kafka, codec):
    kafka.create("bars", **KEEP)
    is_idempotent = codec not in ("none", "snappy")
    producer = kafka.producer(**{"compression.type": codec, "enable.idempotence": is_idempotent})
    sent = []
    for number in range(3000):
        record = (b"AAPL", b'{"ev":"A","v":%d}' % number, FIRST + number)
        sent.append(record)
        producer.produce(
            "bars", record[1], record[0], 0, timestamp=record[2], headers=[("n", b"%d" % number)]
        )
        if number % 500 == 0:
            producer.flush(5)
    assert producer.flush(10) == 0
    received = kafka.read("bars")
    assert [(m.key(), m.value(), m.timestamp()[1]) for m in received] == sent
    assert [m.offset() for m in received] == list(range(3000))
    assert received[17].headers() == [("n", b"17")]


def test_records_are_the_same_after_a_restart(broker):
    broker.create("bars", **{"segment.bytes": "20000"})
    values = [b"%06d" % number + b"." * 1000 for number in range(200)]
    broker.send("bars", values, **{"batch.num.messages": 7})
    assert len(list((broker.directory / "topics").rglob("*.log"))) > 5
    before = [(m.offset(), m.value()) for m in broker.read("bars")]
    assert before == list(enumerate(values))
    broker.kill()
    broker.start()
    assert [(m.offset(), m.value()) for m in broker.read("bars")] == before


def test_reading_may_begin_at_any_offset(kafka):
    kafka.create("bars", **kafka.SMALL_SEGMENTS)
    kafka.send("bars", [b"%03d" % n + b"." * 100 for n in range(60)], **{"batch.num.messages": 7})
    consumer = kafka.consumer(**{"fetch.wait.max.ms": 20})
    for offset in range(0, 60, 3):
        consumer.assign([TopicPartition("bars", 0, offset)])
        message = consumer.poll(5)
        assert (message.offset(), message.value()[:3]) == (offset, b"%03d" % offset)
    consumer.close()


def test_a_batch_larger_than_the_reader_asked_for_is_read(kafka):
    kafka.create("bars")
    kafka.send("bars", [b"a" * 300_000, b"b" * 300_000])
    consumer = kafka.consumer(**{"fetch.message.max.bytes": 1000, "fetch.max.bytes": 1_000_512})
    consumer.assign([TopicPartition("bars", 0, 0)])
    assert [len(m.value()) for m in consumer.consume(2, 5)] == [300_000, 300_000]
    consumer.close()


def test_watermarks_and_offsets_are_true(kafka):
    kafka.create("bars", 2)
    kafka.send("bars", [b"v"] * 250)
    consumer = kafka.consumer()
    assert consumer.get_watermark_offsets(TopicPartition("bars", 0), timeout=5) == (0, 250)
    assert consumer.get_watermark_offsets(TopicPartition("bars", 1), timeout=5) == (0, 0)
    latest = kafka.admin().list_offsets({TopicPartition("bars", 0): OffsetSpec.latest()})
    assert [future.result(5).offset for future in latest.values()] == [250]
    with pytest.raises(KafkaException):
        consumer.get_watermark_offsets(TopicPartition("bars", 2), timeout=1)
    consumer.close()


def test_an_offset_is_found_by_time(kafka):
    kafka.create("bars", **KEEP, **kafka.SMALL_SEGMENTS)
    producer = kafka.producer()
    for minute in range(60):
        producer.produce("bars", b"v" * 100, b"k", 0, timestamp=FIRST + minute * 60_000)
        producer.flush(5)  # one batch each: batches are the unit that is searched
    consumer = kafka.consumer()

    def since(timestamp: int) -> int:
        return consumer.offsets_for_times([TopicPartition("bars", 0, timestamp)], timeout=5)[
            0
        ].offset

    assert since(FIRST) == 0
    assert since(FIRST + 30 * 60_000) == 30
    assert since(FIRST + 30 * 60_000 + 1) == 31
    assert since(FIRST + 60 * 60_000) == -1
    consumer.close()


def test_reading_waits_for_records(kafka):
    kafka.create("bars")
    consumer = kafka.consumer(**{"fetch.wait.max.ms": 4000})
    consumer.assign([TopicPartition("bars", 0, 0)])
    assert consumer.poll(1) is None
    kafka.send("bars", [b"late"])
    message = consumer.poll(1)  # well before the four seconds of the waiting fetch are over
    assert message is not None
    assert message.value() == b"late"
    consumer.close()


def test_records_without_acknowledgement_are_stored(kafka):
    kafka.create("bars")
    kafka.send("bars", [b"v"] * 20, acks=0)
    kafka.send("bars", [b"w"])  # by another connection, after those of the first
    assert {m.value() for m in kafka.read("bars")} >= {b"w"}


def test_a_batch_over_the_limit_is_refused(kafka):
    kafka.create("bars", **{"max.message.bytes": "1000"})
    errors = []
    producer = kafka.producer()
    producer.produce("bars", b"x" * 2000, on_delivery=lambda error, _: errors.append(error))
    producer.flush(5)
    assert [error.code() for error in errors] == [KafkaError.MSG_SIZE_TOO_LARGE]


def test_transactions_are_refused_at_once(broker):
    producer = broker.producer(**{"transactional.id": "t"})
    with pytest.raises(KafkaException, match="transactions are not supported by this broker"):
        producer.init_transactions(5)


def test_old_segments_go_by_size(broker, until):
    broker.create("bars", **{"segment.bytes": "10000", "retention.bytes": "30000"})
    broker.send("bars", [b"x" * 4000] * 30, **{"batch.num.messages": 1})
    broker.stop()
    broker.start()
    consumer = broker.consumer()
    bars = TopicPartition("bars", 0)
    until(lambda: consumer.get_watermark_offsets(bars, timeout=5)[0] > 0)
    low, high = consumer.get_watermark_offsets(bars, timeout=5)
    assert high == 30
    assert low >= 20
    assert "retention.bytes is 30000" in broker.log
    consumer.assign([TopicPartition("bars", 0, 3)])  # gone: reads on from the earliest
    assert consumer.poll(5).offset() == low
    consumer.close()


def test_old_segments_go_by_age_and_offsets_go_on(broker, until):
    broker.create("bars", **{"retention.ms": "100"})
    broker.send("bars", [b"x"] * 30)
    broker.stop()
    broker.start()
    consumer = broker.consumer()
    bars = TopicPartition("bars", 0)
    until(lambda: consumer.get_watermark_offsets(bars, timeout=5) == (30, 30))
    broker.kill()
    broker.start()
    broker.send("bars", [b"y"])
    assert [(m.offset(), m.value()) for m in broker.read("bars")] == [(30, b"y")]
    consumer.close()


def test_a_record_is_as_old_as_its_timestamp(broker, until):
    """As in Apache Kafka: a replay with the times of the past needs a retention to match."""
    broker.create("forgotten", 1, **{"retention.ms": "86400000"})
    broker.create("kept", 1, **KEEP)
    producer = broker.producer()
    for topic in ("forgotten", "kept"):
        producer.produce(topic, b"v", partition=0, timestamp=FIRST)
    assert producer.flush(20) == 0
    broker.stop()
    broker.start()
    consumer = broker.consumer()

    def marks(topic: str) -> tuple[int, int]:
        return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)

    until(lambda: marks("forgotten") == (1, 1))
    assert marks("kept") == (0, 1)
    consumer.close()
