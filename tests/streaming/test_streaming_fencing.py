"""Sinks that lost their partitions without knowing, and a ClickHouse that is away for long."""

import os
import signal

import psutil
import pytest
from confluent_kafka import Producer
from streaming_helpers import bar, free_port, health, stop_program, wait_until
from streaming_platform import arrivals, watch_arrivals

SCRIPT = ("tests/streaming/crashing_sink.py",)


def stopped(process) -> bool:
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


@pytest.mark.slow
@pytest.mark.parametrize("step", ["plan", "insert", "report"])
def test_a_sink_that_wakes_up_after_its_session_changes_nothing(platform, step):
    """Stopped between two steps until another sink has its partitions and has written on."""
    watch_arrivals(platform)
    platform.write([bar(f"S{n % 40}", n) for n in range(400)])
    zombie = platform.start_sink(SCRIPT, TEST_STOP_AT=step, SINK_TOPICS="agg_1s")
    wait_until(lambda: stopped(zombie))
    successor = platform.start_sink(SINK_TOPICS="agg_1s")
    wait_until(lambda: arrivals(platform)[1] == 400)
    platform.write([bar(f"S{n % 40}", n) for n in range(400, 800)])
    wait_until(lambda: arrivals(platform)[1] == 800)
    os.kill(zombie.pid, signal.SIGCONT)
    platform.write([bar(f"S{n % 40}", n) for n in range(800, 1200)])
    wait_until(lambda: arrivals(platform)[1] == 1200)
    assert stop_program(successor, 40) == 0
    platform.write([bar(f"S{n % 40}", n) for n in range(1200, 1600)])
    wait_until(lambda: arrivals(platform)[1] == 1600)  # by the one that was stopped
    assert stop_program(zombie, 40) == 0
    assert arrivals(platform) == (1600, 1600)


@pytest.mark.slow
def test_memory_stays_while_the_lag_grows(platform):
    """160 MB of messages are in Kafka and ClickHouse is away: Kafka keeps them.

    The sink is stopped while they come and then flushes late, so that it has as much as it may.
    """
    away = f"http://127.0.0.1:{free_port()}"
    port = free_port()
    settings = {"STREAM_HEALTH_PORT": str(port), "SINK_BUFFER_MB": "8", "SINK_TOPICS": "agg_1s"}
    settings |= {"SINK_FLUSH_MS": "5000", "SINK_SESSION_TIMEOUT_MS": "45000"}
    sink = platform.start_sink(CLICKHOUSE_URL=away, **settings)
    wait_until(lambda: (health(port) or (0, {}))[1].get("partitions"))
    before = psutil.Process(sink.pid).memory_info().rss
    sink.send_signal(signal.SIGSTOP)
    producer = Producer({"bootstrap.servers": platform.kafka_address})
    value = str(bar("A", 1) | {"filler": "x" * 16_000}).replace("'", '"').encode()
    for number in range(10_000):
        while True:
            try:
                producer.produce(platform.topics.agg_1s, value, str(number).encode())
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(120) == 0
    sink.send_signal(signal.SIGCONT)
    wait_until(lambda: health(port)[1]["state"] == "retrying", 120)
    failing = health(port)[1]["failing_seconds"]
    wait_until(lambda: health(port)[1]["failing_seconds"] > failing + 5)
    grown = psutil.Process(sink.pid).memory_info().rss - before
    assert grown < 60 << 20, f"{grown >> 20} MB"
    assert health(port)[1]["lag"] > 0
    assert health(port)[1]["rows"] == 0
    stop_program(sink, 60)
