"""The broker as a process: its directory, its port, its connections, and its end."""

import socket
import struct

SOCKET_SECONDS = 5

NO_REQUESTS = [
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "is that a Kafka client?"),
    (struct.pack(">i", -5), "a request of -5 bytes"),
    (struct.pack(">ihhih", 10, 999, 0, 1, -1), "request 999"),
    (struct.pack(">ihhih", 10, 3, 99, 1, -1), "Metadata version 99"),
    (struct.pack(">ihhihi", 14, 3, 1, 1, -1, 2**30), "an array of 1073741824 items"),
    (struct.pack(">ihhih", 10, 9, 5, 1, 500), "a field of 500 bytes"),
]


def ask(port: int, data: bytes) -> bytes:
    """Send bytes to the broker and read its answer to the end."""
    with socket.create_connection(("127.0.0.1", port), SOCKET_SECONDS) as connection:
        connection.sendall(data)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def test_a_second_broker_on_the_same_directory_is_refused(broker):
    port, broker.port = broker.port, 0
    sentence = broker.refused()
    assert str(broker.directory) in sentence
    assert "--data" in sentence
    broker.port = port
    broker.create("bars")  # the first one is not disturbed


def test_a_busy_port_is_refused(broker, tmp_path):
    first, broker.directory = broker.directory, tmp_path / "other"
    sentence = broker.refused()
    assert str(broker.port) in sentence
    assert "--port" in sentence
    broker.directory = first
    broker.create("bars")


def test_what_is_no_request_ends_its_connection_only(broker):
    for number, (data, words) in enumerate(NO_REQUESTS, start=1):
        assert ask(broker.port, data) == b""
        lines = broker.log.splitlines()[1:]
        assert len(lines) == number
        assert words in lines[-1]
    broker.create("bars")


def test_an_unknown_version_of_the_first_question_is_answered(broker):
    request = struct.pack(">hhih", 18, 99, 5, -1)
    with socket.create_connection(("127.0.0.1", broker.port), SOCKET_SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.recv(65536)
    correlation_id, code = struct.unpack_from(">ih", answer, 4)
    assert (correlation_id, code) == (5, 35)


def test_it_stops_soon_with_clients_connected(broker):
    broker.create("bars")
    consumer = broker.consumer("sink", **{"fetch.wait.max.ms": 10_000})
    consumer.subscribe(["bars"])
    consumer.poll(0.5)
    assert broker.stop() < 3
    assert "stopped" in broker.log
    consumer.close()
