"""What is acknowledged stays: after kill -9, lost answers, torn writes and damage."""

import os
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from kafka_wire import batch, new_producer, produce


def log_file(broker) -> Path:
    """The newest segment of partition 0 of the only topic."""
    return max((broker.directory / "topics").glob("*/0/*.log"))


@pytest.mark.usefixtures("killable")
def test_kill_in_the_middle_of_an_idempotent_producer_loses_and_repeats_nothing(kafka):
    kafka.create("bars", 4)
    producer = kafka.producer(
        **{
            "enable.idempotence": True,
            "compression.type": "lz4",
            "batch.num.messages": 100,
            "retry.backoff.ms": 20,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 100,
        }
    )
    acknowledged: list[int] = []
    errors: list[str] = []
    restarts = threading.Event()

    def delivered(error, message) -> None:
        if error is not None:
            errors.append(str(error))
        else:
            acknowledged.append(int(message.value()))

    def kill_and_restart() -> None:
        for _ in range(4):
            time.sleep(0.25)
            kafka.kill()
            kafka.start()
        restarts.set()

    killer = threading.Thread(target=kill_and_restart)
    killer.start()
    sent = 0
    while not restarts.is_set():
        for _ in range(100):
            producer.produce("bars", b"%d" % sent, partition=sent % 4, on_delivery=delivered)
            sent += 1
        producer.poll(0.005)
        while len(producer) > 20_000:
            producer.poll(0.05)
    killer.join()
    assert producer.flush(20) == 0
    assert errors == []
    assert sorted(acknowledged) == list(range(sent))

    copies = Counter(int(message.value()) for message in kafka.read("bars", 4))
    assert set(copies) == set(range(sent))
    assert set(copies.values()) == {1}


DYING = """
import os, sys
from polygon_assets.sandbox.kafka import handlers_data
from polygon_assets.sandbox.kafka.__main__ import main
answers = []
write_answer = handlers_data._write_appended
def die_before_the_fifth_answer(*arguments):
    answers.append(1)
    if len(answers) == 5:
        os._exit(9)
    return write_answer(*arguments)
handlers_data._write_appended = die_before_the_fifth_answer
sys.exit(main())
"""


def test_death_between_storing_and_answering_makes_no_second_copy(broker, until):
    broker.create("bars")
    broker.stop()
    healthy, broker.program = broker.program, ["-c", DYING]
    broker.start()
    producer = broker.producer(
        **{
            "enable.idempotence": True,
            "batch.num.messages": 10,
            "retry.backoff.ms": 20,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 50,
        }
    )
    for number in range(600):
        producer.produce("bars", b"%d" % number, partition=0)
    deaths = 0
    for _ in range(4):
        until(lambda: producer.poll(0.01) >= 0 and broker.process.poll() is not None)
        deaths += broker.process.returncode == 9
        broker.start()
    broker.kill()
    broker.program = healthy
    broker.start()
    assert producer.flush(10) == 0
    assert deaths == 4
    assert [m.value() for m in broker.read("bars")] == [b"%d" % number for number in range(600)]


FULL_DISK = """
import resource, sys
from polygon_assets.sandbox.kafka.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
sys.exit(main())
"""


def test_a_full_disk_refuses_records_and_keeps_the_others(broker):
    broker.create("bars")
    broker.stop()
    healthy, broker.program = broker.program, ["-c", FULL_DISK]
    broker.start()
    stored: list[bytes] = []
    refused: list[bytes] = []

    def delivered(error, message) -> None:
        (refused if error else stored).append(message.value())

    producer = broker.producer(**{"message.timeout.ms": 1500, "batch.num.messages": 1})
    for number in range(30):
        producer.produce("bars", b"%02d" % number + b"." * 998, on_delivery=delivered, partition=0)
    producer.flush(10)
    assert len(stored) == 18
    assert len(refused) == 12
    assert "cannot write" in broker.log
    assert [message.value() for message in broker.read("bars")] == stored
    broker.kill()
    broker.program = healthy
    broker.start()
    broker.send("bars", [b"room again"])
    assert [m.value() for m in broker.read("bars")] == [*stored, b"room again"]
    assert "cut" not in broker.log


def test_a_batch_that_comes_again_after_a_stop_is_known(broker):
    broker.create("bars")
    producer = new_producer(broker.port)
    first = batch([b"0"], producer=producer, epoch=0, sequence=0)
    assert produce(broker.port, "bars", first) == (0, 0)
    broker.stop()
    broker.start()
    assert produce(broker.port, "bars", first) == (0, 0)
    assert [m.value() for m in broker.read("bars")] == [b"0"]


@pytest.mark.parametrize("cut", [1, 60, 200])
def test_a_torn_write_is_cut_off_and_the_log_goes_on(broker, cut):
    broker.create("bars")
    broker.send("bars", [b"a" * 300] * 3, **{"batch.num.messages": 1})
    broker.kill()
    path = log_file(broker)
    os.truncate(path, path.stat().st_size - cut)
    broker.start()
    assert "cut " in broker.log
    assert [m.offset() for m in broker.read("bars")] == [0, 1]
    broker.send("bars", [b"new"])
    assert [(m.offset(), m.value()[:3]) for m in broker.read("bars")][2:] == [(2, b"new")]


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"garbage" * 100])
def test_bytes_that_are_no_batch_are_cut_off(broker, tail):
    broker.create("bars")
    broker.send("bars", [b"a"])
    broker.kill()
    path = log_file(broker)
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(tail)
    broker.start()
    assert f"cut {len(tail)} bytes" in broker.log
    assert path.stat().st_size == size


def test_a_last_batch_that_fails_its_checksum_is_cut_off(broker):
    broker.create("bars")
    broker.send("bars", [b"a" * 300] * 3, **{"batch.num.messages": 1})
    broker.kill()
    path = log_file(broker)
    data = bytearray(path.read_bytes())
    data[-50] ^= 1
    path.write_bytes(data)
    broker.start()
    assert [m.offset() for m in broker.read("bars")] == [0, 1]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_damaged_batch_with_good_ones_behind_it_stops_the_start(broker, end):
    broker.create("bars")
    broker.send("bars", [b"a" * 300] * 3, **{"batch.num.messages": 1})
    getattr(broker, end)()
    path = log_file(broker)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    sentence = broker.refused()
    assert f"{path} is damaged at byte {len(data) // 3}" in sentence
    assert path.read_bytes() == data


def test_damage_after_a_stop_is_no_unfinished_write(broker):
    broker.create("bars")
    broker.send("bars", [b"a" * 300] * 3, **{"batch.num.messages": 1})
    broker.stop()
    path = log_file(broker)
    data = bytearray(path.read_bytes())
    data[-50] ^= 1
    path.write_bytes(data)
    assert f"{path} is damaged at byte" in broker.refused()


def test_damage_before_the_tail_stops_the_start(broker):
    broker.create("bars", **{"segment.bytes": "1024"})
    broker.send("bars", [b"a" * 700] * 4, **{"batch.num.messages": 1})
    broker.stop()
    first = min((broker.directory / "topics").glob("*/0/*.log"))
    os.truncate(first, 100)
    sentence = broker.refused()
    assert str(first) in sentence
    assert "damaged" in sentence
    assert first.stat().st_size == 100


@pytest.mark.parametrize("index", [None, b'{"size": 1}'])
def test_a_missing_or_bad_index_is_made_again(broker, index):
    broker.create("bars", **{"segment.bytes": "2000"})
    values = [b"%d" % number + b"." * 500 for number in range(20)]
    broker.send("bars", values, **{"batch.num.messages": 1})
    broker.stop()
    files = list((broker.directory / "topics").rglob("*.index"))
    assert len(files) > 3
    for file in files:
        if index is None:
            file.unlink()
        else:
            file.write_bytes(index)
    broker.start()
    assert [message.value() for message in broker.read("bars")] == values
    assert "cut" not in broker.log


def test_an_unfinished_commit_is_cut_off_and_the_journal_stays_small(broker):
    broker.create("bars")
    consumer = broker.consumer("sink")
    for offset in range(50):
        consumer.commit(offsets=[TopicPartition("bars", 0, offset)], asynchronous=False)
    broker.kill()
    journal = broker.directory / "offsets.jsonl"
    assert len(journal.read_bytes().splitlines()) == 50
    with journal.open("ab") as file:
        file.write(b'["sink",[["bars",0,99')
    broker.start()
    assert "unfinished commit" in broker.log
    assert journal.read_bytes() == b'["sink",[["bars",0,49,""]]]\n'
    assert consumer.committed([TopicPartition("bars", 0)], timeout=5)[0].offset == 49
    consumer.close()


def test_every_append_can_be_flushed_to_the_disk(brokers):
    broker = brokers("--fsync")
    broker.create("bars")
    broker.send("bars", [b"%d" % number for number in range(100)])
    broker.kill()
    broker.start("--fsync")
    assert [m.value() for m in broker.read("bars")] == [b"%d" % number for number in range(100)]
