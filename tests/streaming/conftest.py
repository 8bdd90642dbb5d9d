"""Servers shared by the tests of one worker; names of their own for each test.

They are the sandbox's, or those at TEST_KAFKA_BOOTSTRAP_SERVERS and TEST_CLICKHOUSE_URL.
"""

import uuid
from types import SimpleNamespace

import pytest
from polygon_stream.settings import TopicSettings
from streaming_helpers import MockKafka, health, wait_until
from streaming_platform import Platform, Server
from support.elsewhere import CLICKHOUSE, KAFKA, port_elsewhere


@pytest.fixture(scope="session")
def kafka_address(tmp_path_factory):
    if port := port_elsewhere(KAFKA):
        yield f"127.0.0.1:{port}"
        return
    server = Server("kafka", tmp_path_factory.mktemp("kafka")).start()
    yield f"127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory):
    if port := port_elsewhere(CLICKHOUSE):
        yield SimpleNamespace(port=port)
        return
    server = Server("clickhouse", tmp_path_factory.mktemp("clickhouse")).start()
    wait_until(lambda: health(server.port), 30, "ClickHouse")
    yield server
    server.stop()


@pytest.fixture
def platform(kafka_address, clickhouse, tmp_path):
    platform = Platform(kafka_address, clickhouse, tmp_path)
    yield platform
    platform.stop()


@pytest.fixture(scope="session")
def brokers():
    return MockKafka()


@pytest.fixture
def topics():
    """Topics of their own for each test."""
    return TopicSettings(prefix=f"{uuid.uuid4().hex[:8]}.")


@pytest.fixture
def kafka(brokers, topics):
    brokers.topics = topics
    brokers.create(topics.agg_1s, topics.agg_1m, topics.gaps, topics.dead_letter)
    return brokers
