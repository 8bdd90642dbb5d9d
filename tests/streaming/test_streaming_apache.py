"""The stream on Apache Kafka itself: what the producer wrote is what ClickHouse holds."""

import shutil

import pytest
from polygon_stream.settings import KafkaSettings
from polygon_stream.topics import ensure_topics
from streaming_helpers import (
    ScriptedVendor,
    bar,
    frame,
    free_port,
    handshake,
    read_topic,
    start_program,
    stop_program,
    until,
    wait_until,
)
from streaming_platform import Platform, arrivals, watch_arrivals

from polygon_assets.sandbox.processes import descendants

SYMBOLS = 40
FRAMES = 200
BEFORE_THE_KILL = 60

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("apache_kafka"),
    pytest.mark.skipif(
        not (shutil.which("java") and shutil.which("mvn")),
        reason="Apache Kafka needs java and mvn on the PATH",
    ),
]
