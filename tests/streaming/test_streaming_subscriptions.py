"""Subscriptions: where they come from, what is refused, and which of them the vendor ignored."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from polygon_stream.settings import StreamSettings
from polygon_stream.subscriptions import SubscriptionError, chunks, load_subscriptions
from streaming_helpers import (
    MockKafka,
    acknowledge,
    bar,
    frame,
    start_program,
    status,
    until,
)
from streaming_running import running


def load(channels: str) -> list[str]:
    return load_subscriptions(StreamSettings(channels=channels))


def test_a_list_keeps_its_order():
    assert load("LULD.*, A.BRK.B,A.KIMpL ,T.AAPL,Q.AAPL,AM.*") == [
        "LULD.*", "A.BRK.B", "A.KIMpL", "T.AAPL", "Q.AAPL", "AM.*",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("channels", "sentence"),
    [
        ("", "there is none"),
        (" , ", "there is none"),
        ("B.*", "'B.\\*' has an unknown channel: choose one of A, AM, T, Q, LULD"),
        ("AAPL", "'AAPL' has an unknown channel"),
        ("A", "'A' has no symbol: write it as in A.BRK.B or A.\\*"),
        ("A.AA PL", "has no symbol"),
        ("A.*,A.*", "'A.\\*' is there twice"),
        ("A.AAPL,AM.*,A.AAPL", "'A.AAPL' is there twice"),
        ("A.AAPL,A.*", "'A.AAPL' is part of A.\\*, which is there too"),
        ("X.1,X.2,X.3,X.4,X.5,X.6,X.7", "and 2 more"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(channels, sentence):
    with pytest.raises(SubscriptionError, match=f"POLYGON_STREAM_CHANNELS: .*{sentence}"):
        load(channels)


def test_a_file_takes_the_place_of_the_list(tmp_path):
    file = tmp_path / "topics.txt"
    file.write_text("# the desk's\nA.AAPL  # first\n\nT.MSFT\n")
    assert load_subscriptions(StreamSettings(channels_file=str(file))) == ["A.AAPL", "T.MSFT"]
    with pytest.raises(SubscriptionError, match="No such file"):
        load_subscriptions(StreamSettings(channels_file=str(tmp_path / "none")))


def test_an_object_in_s3_takes_the_place_of_the_list(monkeypatch):
    asked = []

    class Bucket(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["Authorization"]))
            body = b"A.IBM\nLULD.*\n" if self.path == "/desk/topics.txt" else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "unseen")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    try:
        topics = load_subscriptions(StreamSettings(channels_file="s3://desk/topics.txt"))
        with pytest.raises(SubscriptionError, match=r"s3://desk/none: .*404"):
            load_subscriptions(StreamSettings(channels_file="s3://desk/none"))
    finally:
        server.shutdown()
        server.server_close()
    assert topics == ["A.IBM", "LULD.*"]
    assert "reader" in asked[0][1]


def test_a_wrong_subscription_ends_the_program_before_it_connects(kafka: MockKafka):
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "POLYGON_STREAM_CHANNELS": "A.*,A.AAPL",
        "STREAM_LOG_FORMAT": "json",
    }
    program = start_program("-m", "polygon_stream.producer", environment=environment)
    output, _ = program.communicate(timeout=40)
    assert program.returncode == 1
    assert b"'A.AAPL' is part of A.*" in output
    assert b"Traceback" not in output


async def test_a_long_list_goes_in_several_messages(kafka):
    topics = [f"A.S{number}" for number in range(1_203)]
    sizes = []

    async def patient(socket_):
        await socket_.send(status("connected"))
        await socket_.recv()
        await socket_.send(status("auth_success"))
        for _ in range(3):
            sizes.append(len(await acknowledge(socket_)))
        await socket_.send(frame(bar("S7", 1)))
        await socket_.wait_closed()

    async with running(kafka, patient, channels=",".join(topics)) as run:
        await until(lambda: run.facts()["events"] == 1)
        await until(lambda: run.facts()["state"] == "streaming")
        assert run.facts()["unacknowledged"] == []
    assert sizes == [500, 500, 203]
    assert [len(part) for part in chunks(topics)] == sizes


async def test_topics_that_meet_silence_are_named_and_the_rest_streams(kafka, caplog):
    async def partly(socket_):
        await socket_.send(status("connected"))
        await socket_.recv()
        await socket_.send(status("auth_success"))
        await acknowledge(socket_, silent=("A.MSTF", "LULD.*"))
        await socket_.send(frame(bar("AAPL", 1)))
        await socket_.wait_closed()

    channels = "A.AAPL,A.MSTF,LULD.*"
    async with running(kafka, partly, channels=channels, handshake_timeout=0.5) as run:
        await until(lambda: run.facts()["state"] == "streaming")
        await until(lambda: run.facts()["events"] == 1)
        assert run.facts()["unacknowledged"] == ["A.MSTF", "LULD.*"]
        assert len(run.vendor.connected_at) == 1
        await asyncio.sleep(0)
    assert "did not acknowledge A.MSTF, LULD.*" in caplog.text
