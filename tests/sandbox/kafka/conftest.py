"""A broker process for each test, and clients of it with short timeouts.

Tests with the fixture ``kafka`` are the contract: they run against the embedded broker and against
Apache Kafka. Those with ``broker`` are about the embedded one alone. Apache Kafka is started here,
or it is the one at TEST_KAFKA_BOOTSTRAP_SERVERS, which loses every topic.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka_brokers import ApacheProcess, BrokerElsewhere, BrokerProcess, wait_until
from support.elsewhere import KAFKA, port_elsewhere


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[Callable[..., BrokerProcess]]:
    """Starts brokers, with options of the command line; ends them with the test."""
    started: list[BrokerProcess] = []

    def start(*options: str) -> BrokerProcess:
        directory = tmp_path / f"broker{len(started)}"
        directory.mkdir()
        broker = BrokerProcess(directory)
        started.append(broker)
        return broker.start(*options)

    yield start
    for broker in started:
        if broker.process is not None and broker.process.poll() is None:
            broker.kill()


@pytest.fixture
def broker(brokers: Callable[..., BrokerProcess]) -> BrokerProcess:
    """A broker with default options."""
    return brokers()


@pytest.fixture(scope="session")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheProcess]:
    """Apache Kafka, started once; each test begins without topics and groups."""
    if port := port_elsewhere(KAFKA):
        elsewhere = BrokerElsewhere(port, tmp_path_factory.mktemp("elsewhere"))
        elsewhere.clear()
        yield elsewhere
        return
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"Apache Kafka needs {' and '.join(missing)} on the PATH")
    started = ApacheProcess(tmp_path_factory.mktemp("apache"))
    started.start()
    yield started
    started.kill()


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("apache", marks=[pytest.mark.slow, pytest.mark.xdist_group("apache_kafka")]),
    ]
)
def kafka(request: pytest.FixtureRequest) -> Iterator[BrokerProcess]:
    """A broker of either kind, without topics and groups."""
    if request.param == "embedded":
        yield request.getfixturevalue("broker")
        return
    apache: ApacheProcess = request.getfixturevalue("apache")
    yield apache
    apache.clear()


@pytest.fixture
def killable(kafka: BrokerProcess) -> BrokerProcess:
    """The same broker, for tests that kill it."""
    if isinstance(kafka, BrokerElsewhere):
        pytest.skip("a broker that was not started here is not killed here")
    return kafka


@pytest.fixture
def until() -> Callable[..., None]:
    """Waits until something is true."""
    return wait_until
