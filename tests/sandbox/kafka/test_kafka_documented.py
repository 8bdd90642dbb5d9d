"""What the package says of itself is what the broker offers; kcat can talk to it."""

import re
import shutil
import struct
import subprocess

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewTopic
from kafka_wire import request

from polygon_assets.sandbox import kafka as package
from polygon_assets.sandbox.kafka.api import APIS
from polygon_assets.sandbox.kafka.configs import DEFAULTS

ROW = re.compile(r"^(\w+) +(\d+)-(\d+)(?:  |$)", re.MULTILINE)


def test_the_table_is_what_a_client_is_told(broker):
    stated = {name: (int(low), int(high)) for name, low, high in ROW.findall(package.__doc__ or "")}
    names = {key: api.name for key, api in APIS.items()}
    answer = request(broker.port, 18, 0, b"")
    assert struct.unpack_from(">h", answer) == (0,)
    count = struct.unpack_from(">i", answer, 2)[0]
    told = [struct.unpack_from(">hhh", answer, 6 + 6 * number) for number in range(count)]
    assert {names[key]: (low, high) for key, low, high in told} == stated


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_every_configuration_is_known_to_apache_kafka_with_that_default(kafka, name):
    """Besides the bytes that are kept, for a laptop; and what the embedded broker has fixed."""
    kafka.create("bars", 1, **{name: DEFAULTS[name]})


REFUSED = [
    ({"cleanup.policy": "compact"}, 1, KafkaError.INVALID_CONFIG),
    ({"min.insync.replicas": "2"}, 1, KafkaError.INVALID_CONFIG),
    ({}, 3, KafkaError.INVALID_REPLICATION_FACTOR),
]


@pytest.mark.parametrize(("configs", "replicas", "code"), REFUSED)
def test_what_is_not_supported_has_the_protocols_error(broker, configs, replicas, code):
    topic = NewTopic("bars", 1, replicas, config=configs)
    with pytest.raises(KafkaException) as caught:
        broker.admin().create_topics([topic])["bars"].result(10)
    assert caught.value.args[0].code() == code


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")
def test_kcat_lists_writes_and_reads(kafka):
    kafka.create("bars", 2)
    lines = [f"AAPL:{number}" for number in range(50)]

    def kcat(*arguments: str, text: str | None = None) -> str:
        command = ["kcat", "-b", kafka.bootstrap, *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    kcat("-P", "-t", "bars", "-K", ":", "-z", "lz4", text="\n".join(lines) + "\n")
    assert 'topic "bars" with 2 partitions' in kcat("-L", "-t", "bars")
    assert kcat("-C", "-t", "bars", "-K", ":", "-e", "-q").splitlines() == lines
    assert kcat("-G", "sink", "-X", "auto.offset.reset=earliest", "-c", "50", "-q", "bars")
    assert kcat("-Q", "-t", "bars:0:-1") + kcat("-Q", "-t", "bars:1:-1")
