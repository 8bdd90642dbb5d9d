"""The wire itself: record batches and requests made byte by byte, for what no client sends."""

import socket
import struct
import time

import google_crc32c

SOCKET_SECONDS = 15
NO_PRODUCER = -1
COORDINATOR_LOAD_IN_PROGRESS = 14


def batch(
    values: list[bytes],
    *,
    producer: int = NO_PRODUCER,
    epoch: int = -1,
    sequence: int = -1,
    timestamp: int | None = None,
    wrong_checksum: bool = False,
) -> bytes:
    """One record batch of format 2, not compressed, as a producer sends it."""
    moment = int(time.time() * 1000) if timestamp is None else timestamp
    records = b"".join(_record(number, value) for number, value in enumerate(values))
    header = (0, len(values) - 1, moment, moment, producer, epoch, sequence, len(values))
    body = struct.pack(">hiqqqhii", *header) + records
    checksum = google_crc32c.value(body) ^ wrong_checksum
    return struct.pack(">qiibI", 0, len(body) + 9, -1, 2, checksum) + body


def _record(number: int, value: bytes) -> bytes:
    body = b"\0" + _varint(0) + _varint(number) + _varint(-1) + _varint(len(value)) + value + b"\0"
    return _varint(len(body)) + body


def _varint(number: int) -> bytes:
    zigzag = (number << 1) ^ (number >> 63)
    out = bytearray()
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return bytes([*out, zigzag])


def request(port: int, key: int, version: int, body: bytes) -> bytes:
    """Send one request with the header of version 1.

    Returns:
        The answer behind its correlation id; nothing where the broker ends the connection.
    """
    data = struct.pack(">hhih", key, version, 7, -1) + body
    with socket.create_connection(("127.0.0.1", port), SOCKET_SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(data)) + data)
        answer = b""
        try:
            while len(answer) < 4 or len(answer) < 4 + struct.unpack_from(">i", answer)[0]:
                part = connection.recv(65536)
                if not part:
                    return b""
                answer += part
        except ConnectionResetError:
            return b""
    assert struct.unpack_from(">i", answer, 4) == (7,)
    return answer[8:]


def produce(port: int, topic: str, records: bytes) -> tuple[int, int]:
    """One Produce request of version 3 for partition 0, acks=all.

    Returns:
        Base offset and error code.
    """
    body = struct.pack(">hhi", -1, -1, 5000) + struct.pack(">i", 1) + text(topic)
    body += struct.pack(">iii", 1, 0, len(records)) + records
    answer = request(port, 0, 3, body)
    code, offset = struct.unpack_from(">hq", answer, 4 + 2 + len(topic) + 4 + 4)
    return offset, code


def new_producer(port: int) -> int:
    """A producer id, as an idempotent producer asks for it."""
    deadline = time.monotonic() + SOCKET_SECONDS
    while True:
        answer = request(port, 22, 0, struct.pack(">hi", -1, 60_000))
        code, producer = struct.unpack_from(">hq", answer, 4)
        if code != COORDINATOR_LOAD_IN_PROGRESS:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert code == 0
    return producer


def text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()
