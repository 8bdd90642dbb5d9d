"""Every channel of the simulated vendor through the producer, into a topic of its own."""

import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter, defaultdict

import pytest
from streaming_helpers import free_port, health, start_program, stop_program, wait_until

pytestmark = pytest.mark.slow


def ask(url: str, body: dict | None = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=30) as answer:
        return json.load(answer)


def test_five_channels_have_five_topics_that_agree(kafka, tmp_path):
    topics = kafka.topics
    kafka.create(topics.trades, topics.quotes, topics.luld)
    vendor = subprocess.Popen(
        [
            *(sys.executable, "-m", "polygon_assets.sandbox.polygon", "--port", "0"),
            *("--data", str(tmp_path), "--symbols", "ZZAF,ZZAL,ZZBF,AAPL"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "POLYGON_API_KEY": "sandbox"},
    )
    assert vendor.stdout is not None
    url, port = vendor.stdout.readline().split()[-1], free_port()
    ask(f"{url}/sandbox/replay", {"session": "2005-02-28", "speed": 1_000_000})
    producer = start_program(
        *("-m", "polygon_stream.producer"),
        environment={
            "POLYGON_WS_URL": f"{url.replace('http', 'ws')}/stocks",
            "POLYGON_REST_URL": url,
            "POLYGON_STREAM_CHANNELS": "A.ZZAF,A.ZZBF,AM.ZZAF,T.ZZAF,T.ZZBF,Q.ZZAF,LULD.*",
            "POLYGON_STREAM_IDLE_SECONDS": "0",
            "KAFKA_BOOTSTRAP_SERVERS": kafka.address,
            "KAFKA_TOPIC_PREFIX": topics.prefix,
            "STREAM_HEALTH_PORT": str(port),
            "STREAM_LOG_FORMAT": "json",
        },
        log=tmp_path / "producer.log",
    )
    try:
        finished = lambda: ask(f"{url}/sandbox/replay")["state"] == "finished"  # noqa: E731
        wait_until(finished, 90, "the replay")
        market = wait_until(lambda: (health(port) or (0, {}))[1].get("market"), 10, "the market")
        assert stop_program(producer, 60) == 0
    finally:
        producer.kill()
        vendor.terminate()
        vendor.wait(10)

    names = topics.by_channel()
    events = {
        channel: [(m.key().decode(), json.loads(m.value())) for m in kafka.read(topic)]
        for channel, topic in names.items()
    }
    for channel, found in events.items():
        assert {event["ev"] for _, event in found} == {channel}
        assert all(key == event["T" if channel == "LULD" else "sym"] for key, event in found)
    keys = {channel: {key for key, _ in found} for channel, found in events.items()}
    assert keys == {
        "A": {"ZZAF", "ZZBF"}, "AM": {"ZZAF"}, "T": {"ZZAF", "ZZBF"}, "Q": {"ZZAF"},
        "LULD": {"ZZAF", "ZZAL", "ZZBF", "AAPL"},
    }  # fmt: skip
    final = {(e["sym"], e["s"]): e["v"] for _, e in events["A"]}
    traded: defaultdict[tuple[str, int], float] = defaultdict(float)
    for _, event in events["T"]:
        traded[event["sym"], event["t"] // 1000 * 1000] += event["s"]
    assert {key: round(shares, 6) for key, shares in traded.items()} == final
    assert Counter(len(e["i"]) for _, e in events["LULD"])[0] >= 4
    assert kafka.read(topics.dead_letter) == []
    assert market in {"open", "closed", "extended-hours"}
    log = [json.loads(line) for line in (tmp_path / "producer.log").read_text().splitlines()]
    assert any(line["message"].startswith("streaming A.ZZAF") for line in log)
