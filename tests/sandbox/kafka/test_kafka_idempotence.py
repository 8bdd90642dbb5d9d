"""Batches that come twice, out of order, damaged, or from a producer that was replaced."""

import time

import pytest
from kafka_wire import batch, new_producer, produce

DUPLICATES_KNOWN = 5
CORRUPT = 2
INVALID_TIMESTAMP = 32
OUT_OF_ORDER = 45
INVALID_PRODUCER_EPOCH = 47
INVALID_RECORD = 87


@pytest.fixture
def bars(kafka):
    """A broker with the topic bars, and the id of a producer that wrote ten records to it."""
    kafka.create("bars")
    producer = new_producer(kafka.port)
    for number in range(10):
        records = batch([b"%d" % number], producer=producer, epoch=0, sequence=number)
        assert produce(kafka.port, "bars", records) == (number, 0)
    return kafka, producer


def values(kafka) -> list[bytes]:
    return [message.value() for message in kafka.read("bars")]


TEN = [b"%d" % number for number in range(10)]


def test_a_batch_that_comes_again_is_answered_and_not_stored(bars):
    kafka, producer = bars
    for number in range(10 - DUPLICATES_KNOWN, 10):
        again = batch([b"%d" % number], producer=producer, epoch=0, sequence=number)
        assert produce(kafka.port, "bars", again) == (number, 0)
    assert values(kafka) == TEN


@pytest.mark.parametrize("sequence", [3, 11])
def test_a_batch_out_of_order_is_refused(bars, sequence):
    kafka, producer = bars
    records = batch([b"wrong"], producer=producer, epoch=0, sequence=sequence)
    assert produce(kafka.port, "bars", records) == (-1, OUT_OF_ORDER)
    assert values(kafka) == TEN


def test_a_new_epoch_begins_at_zero_and_ends_the_old_one(bars):
    kafka, producer = bars

    def send(epoch: int, sequence: int) -> tuple[int, int]:
        records = batch([b"new"], producer=producer, epoch=epoch, sequence=sequence)
        return produce(kafka.port, "bars", records)

    assert send(1, 10) == (-1, OUT_OF_ORDER)
    assert send(1, 0) == (10, 0)
    assert send(0, 10) == (-1, INVALID_PRODUCER_EPOCH)
    assert send(1, 1) == (11, 0)
    assert values(kafka) == [*TEN, b"new", b"new"]


@pytest.mark.usefixtures("killable")
def test_a_batch_that_comes_again_after_kill_is_known(bars):
    kafka, producer = bars
    kafka.kill()
    kafka.start()
    again = batch([b"9"], producer=producer, epoch=0, sequence=9)
    assert produce(kafka.port, "bars", again) == (9, 0)
    gap = batch([b"11"], producer=producer, epoch=0, sequence=11)
    assert produce(kafka.port, "bars", gap) == (-1, OUT_OF_ORDER)
    assert values(kafka) == TEN


def test_a_batch_that_was_damaged_on_its_way_is_refused(bars):
    kafka, producer = bars
    good = batch([b"10"], producer=producer, epoch=0, sequence=10)
    damaged = [
        (batch([b"10"], producer=producer, epoch=0, sequence=10, wrong_checksum=True), CORRUPT),
        (good[:-3] + b"X" + good[-2:], CORRUPT),
        (good[:-1], INVALID_RECORD),
    ]
    for records, code in damaged:
        assert produce(kafka.port, "bars", records) == (-1, code)
    assert produce(kafka.port, "bars", good) == (10, 0)
    assert values(kafka) == [*TEN, b"10"]


def test_a_batch_from_the_future_is_refused(kafka):
    kafka.create("bars")
    now = int(time.time() * 1000)
    late = batch([b"x"], timestamp=now + 2 * 3600 * 1000)
    assert produce(kafka.port, "bars", late) == (-1, INVALID_TIMESTAMP)
    assert produce(kafka.port, "bars", batch([b"x"], timestamp=now + 60_000)) == (0, 0)
