"""librdkafka's own limit, without a socket in front: a bare loop of ``produce`` or ``consume``.

``python tests/bench/stream_limit.py produce TOPIC EVENTS`` or ``consume TOPIC EVENTS`` prints
``{"events": ..., "cpu_seconds": ...}`` (Kafka from the environment).
"""

import json
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from polygon_stream.publisher import producer_config
from polygon_stream.settings import KafkaSettings

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.stream_load import event, patched, symbol

SYMBOLS = 10_000
CONSUME_MESSAGES = 5_000


def produce(topic: str, events: int) -> float:
    """Write so many second bars, keyed and timed as the producer does.

    Returns:
        CPU seconds, the delivery of the last one included.
    """
    producer = Producer(producer_config(KafkaSettings()) | {"delivery.report.only.error": True})
    start = int(time.time()) * 1000
    producer.list_topics(topic, timeout=15)
    names = [symbol(number).encode() for number in range(SYMBOLS)]
    preparing, began = 0.0, time.process_time()
    for cycle in range(-(-events // SYMBOLS)):
        # librdkafka's threads work on meanwhile, so only this thread's time is left out.
        here = time.thread_time()
        values = [patched(event(n), start + cycle * 1000, cycle + 1) for n in range(SYMBOLS)]
        preparing += time.thread_time() - here
        now = int(time.time() * 1000)
        for count, (key, value) in enumerate(zip(names, values, strict=True)):
            try:
                producer.produce(topic, value, key, timestamp=now)
            except BufferError:
                producer.poll(0.1)
                producer.produce(topic, value, key, timestamp=now)
            if count % 20 == 0:
                producer.poll(0)
    assert producer.flush(120) == 0
    return time.process_time() - began - preparing


def consume(topic: str, events: int) -> float:
    """Read so many messages, as the sink asks for them.

    Returns:
        CPU seconds.
    """
    config = KafkaSettings().client_config() | {"group.id": "limit", "enable.auto.commit": False}
    consumer = Consumer(config)
    partitions = consumer.list_topics(topic, timeout=15).topics[topic].partitions
    began, read = time.process_time(), 0
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    while read < events:
        read += len(consumer.consume(CONSUME_MESSAGES, 0.1))
    spent = time.process_time() - began
    consumer.close()
    return spent


def main() -> None:
    what, topic, count = sys.argv[1:]
    events = -(-int(count) // SYMBOLS) * SYMBOLS if what == "produce" else int(count)
    spent = {"produce": produce, "consume": consume}[what](topic, events)
    sys.stdout.write(json.dumps({"events": events, "cpu_seconds": spent}) + "\n")


if __name__ == "__main__":
    main()
