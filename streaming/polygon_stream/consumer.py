"""How the sink reads from Kafka."""

import logging
from typing import Any

from confluent_kafka import KafkaException, Message

from polygon_stream.settings import KafkaSettings, SinkSettings

log = logging.getLogger(__name__)


def consumer_config(kafka: KafkaSettings, settings: SinkSettings) -> dict[str, Any]:
    """The librdkafka configuration of the sink: it commits by itself, and only batches.

    Partitions move one by one (cooperative): the others are read on during a rebalance.
    """
    config = kafka.client_config() | {
        "group.id": settings.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": settings.session_timeout_ms // 10,
        "queued.max.messages.kbytes": settings.buffer_mb * 1024 // 2,
        "fetch.message.max.bytes": 1_048_576,
        "logger": log,
    }
    if settings.group_instance:
        config["group.instance.id"] = settings.group_instance
    return config


def usable(message: Message) -> bool:
    """Whether it is a message and no event of the client.

    Raises:
        KafkaException: The client cannot go on.
    """
    error = message.error()
    if error is not None and error.fatal():
        raise KafkaException(error)
    if error is not None:
        log.warning("Kafka: %s", error)
    return error is None
