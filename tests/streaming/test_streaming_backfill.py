"""Holes of a session filled from a simulated vendor's REST, through Kafka and the sink."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import date, datetime

import dagster as dg
import pytest
from polygon_stream.backfill_plan import NEW_YORK
from polygon_stream.settings import KafkaSettings
from polygon_stream.topics import ensure_topics
from streaming_helpers import read_topic, start_program, wait_until, write_records
from streaming_platform import Platform

from polygon_assets.defs.ticks.backfill import SessionToFill, backfill_gaps
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.kafka import Kafka
from polygon_assets.resources.polygon import Polygon
from polygon_assets.sandbox.polygon.feed import prepare
from polygon_assets.sandbox.polygon.market import Market

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("streaming_backfill")]
SESSION = date(2005, 2, 28)
SYMBOLS = ["ZZAF", "ZZAL", "ZZAU", "ZZAX", "ZZBF", "ZZBL", "KIMpL", "IBM"]


def milliseconds(hour: int, minute: int) -> int:
    return int(datetime(2005, 2, 28, hour, minute, tzinfo=NEW_YORK).timestamp() * 1000)


class Vendor:
    """The simulated vendor: REST, and faults on demand."""

    def __init__(self, folder) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "polygon_assets.sandbox.polygon", "--port", "0"),
                *("--data", str(folder), "--symbols", ",".join(SYMBOLS)),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "POLYGON_API_KEY": "sandbox"},
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]

    def fault(self, kind: str, **more: object) -> None:
        body = json.dumps({"kind": kind, "path": "/v2/aggs/ticker", **more}).encode()
        self._ask(urllib.request.Request(f"{self.url}/sandbox/faults", body))

    def heal(self) -> None:
        self._ask(urllib.request.Request(f"{self.url}/sandbox/faults", method="DELETE"))

    def _ask(self, request: urllib.request.Request) -> None:
        urllib.request.urlopen(request, timeout=30).close()


@pytest.fixture(scope="module")
def vendor(tmp_path_factory) -> Iterator[Vendor]:
    running = Vendor(tmp_path_factory.mktemp("vendor"))
    yield running
    running.process.terminate()
    running.process.wait(10)


@pytest.fixture(scope="module")
def session() -> list[dict]:
    """Every second bar of the session, as the stream sends it, revisions included."""
    tape = prepare(Market(SYMBOLS), SESSION)
    moments = tape.moments(-1, lambda _: False)
    return [json.loads(event) for moment in moments for event in moment.events]


def start_backfill(platform: Platform, vendor: Vendor, **environment: str) -> subprocess.Popen:
    return start_program(
        *("-m", "polygon_stream.backfill", "--session", str(SESSION)),
        environment={
            "POLYGON_REST_URL": vendor.url,
            "KAFKA_BOOTSTRAP_SERVERS": platform.kafka_address,
            "KAFKA_TOPIC_PREFIX": platform.topics.prefix,
            "CLICKHOUSE_URL": f"http://127.0.0.1:{platform.clickhouse.port}",
            "CLICKHOUSE_DATABASE": platform.name,
            "BACKFILL_REQUESTS_PER_SECOND": "200",
            **environment,
        },
    )


def backfill(platform: Platform, vendor: Vendor, **environment: str) -> tuple[dict, str]:
    """The report of a finished run, and its log."""
    program = start_backfill(platform, vendor, **environment)
    output = program.communicate(timeout=120)[0].decode()
    assert program.returncode == 0, output
    return json.loads(output.splitlines()[-1]), output


def final_versions(events: list[dict]) -> dict[tuple[str, int], tuple]:
    names = ("o", "h", "l", "c", "v", "vw")
    return {(e["sym"], e["s"] // 1000): tuple(e[name] for name in names) for e in events}


def filled(platform: Platform) -> list:
    """The messages of backfills."""
    messages = read_topic(platform.kafka_address, platform.topics.agg_1s)
    return [message for message in messages if message.headers() == [("source", b"backfill")]]


def stored(platform: Platform) -> dict[tuple[str, int], tuple]:
    what = "symbol, toUnixTimestamp(bar_start), open, high, low, close, volume, vwap"
    return {tuple(row[:2]): tuple(row[2:]) for row in platform.rows(what=what, final=True)}


def record_gap(platform: Platform, last: int, first: int) -> None:
    """Nobody listened between these times."""

    def iso(ms: int) -> str:
        return datetime.fromtimestamp(ms / 1000, NEW_YORK).isoformat()

    record = {"last_event_at": iso(last), "event_at": iso(first), "reason": "closed"}
    topic = platform.topics.gaps
    ensure_topics(KafkaSettings(bootstrap_servers=platform.kafka_address), [topic], 4)
    write_records(platform.kafka_address, topic, [("", json.dumps(record).encode())])


def stream(platform: Platform, events: list[dict]) -> None:
    platform.write(events)
    platform.start_sink()
    count = len(final_versions(events))
    wait_until(lambda: platform.rows(final=True) == [(count,)], 90, "the stream is stored")


def test_holes_are_filled_once_in_order_and_a_second_run_changes_nothing(
    platform, vendor, session
) -> None:
    began, ended = milliseconds(10, 0), milliseconds(10, 20)
    kept = [e for e in session if not began <= e["s"] < ended]  # nobody listened
    noon = milliseconds(12, 0)
    lost = [e for e in kept if e["sym"] == "IBM" and noon <= e["s"] < noon + 9_000]
    kept = [e for e in kept if e not in lost]  # without a gap record: only the volume tells
    wrong = next(e for e in kept if e["sym"] == "ZZBL")
    kept[kept.index(wrong)] = wrong | {"v": wrong["v"] - 1, "av": wrong["av"] - 1}
    stream(platform, kept)
    record_gap(platform, began, ended)

    report, log = backfill(platform, vendor, BACKFILL_CHUNK_BARS="2400")
    want = final_versions(session)
    missing = len(want) - len(final_versions(kept))
    assert missing > 700
    assert report["sent"] >= missing + 1
    assert report["fetched"] == report["sent"] + report["already_there"]
    assert report["refused"] == 0
    assert "session 2005-02-28: 1 gaps, " in log
    wait_until(lambda: platform.rows(final=True) == [(len(want),)], 60, "the holes are filled")
    assert stored(platform) == want

    sent = [(one.partition(), json.loads(one.value())["s"]) for one in filled(platform)]
    assert len(sent) == report["sent"]
    assert sent == sorted(sent)

    again, _ = backfill(platform, vendor)
    assert again["sent"] == 0
    assert again["already_there"] == again["fetched"] > 700
    assert len(filled(platform)) == len(sent)


def test_faults_of_the_vendor_and_a_kill_leave_no_hole(platform, vendor, session) -> None:
    began, ended = milliseconds(13, 0), milliseconds(13, 40)
    stream(platform, [e for e in session if not began <= e["s"] < ended])
    record_gap(platform, began, ended)
    want = final_versions(session)

    slow = {"BACKFILL_REQUESTS_PER_SECOND": "12", "BACKFILL_CHUNK_BARS": "1"}
    program = start_backfill(platform, vendor, **slow)
    wait_until(lambda: len(filled(platform)) > 50, 60, "some bars are filled")
    program.send_signal(signal.SIGKILL)
    program.wait()
    keys = {(one.key().decode(), json.loads(one.value())["s"] // 1000) for one in filled(platform)}
    wait_until(lambda: keys <= stored(platform).keys(), 60, "stored")
    assert len(stored(platform)) < len(want)

    vendor.fault("429", count=2, retry_after=1)
    for kind in ("500", "502_html", "truncated", "disconnect", "html", "new_field"):
        vendor.fault(kind)
    began_at = time.monotonic()
    report, log = backfill(platform, vendor)
    assert time.monotonic() - began_at >= 1  # Retry-After
    assert "not readable" in log
    wait_until(lambda: platform.rows(final=True) == [(len(want),)], 60, "the holes are filled")
    assert stored(platform) == want
    # What the killed run had sent was not sent again.
    assert len(filled(platform)) == len(keys) + report["sent"]
    assert report["already_there"] >= len(keys)


def test_young_bars_are_left_alone_and_a_refusal_is_a_sentence(platform, vendor, session) -> None:
    began, ended = milliseconds(15, 0), milliseconds(15, 1)
    stream(platform, [e for e in session if e["sym"] == "ZZAF"])
    record_gap(platform, began, ended)
    century = str(60 * 60 * 24 * 365 * 100)
    report, _ = backfill(platform, vendor, BACKFILL_SETTLE_SECONDS=century)
    assert (report["symbols"], report["fetched"], report["sent"]) == (0, 0, 0)

    vendor.fault("not_entitled", count=50)
    program = start_backfill(platform, vendor)
    output = program.communicate(timeout=60)[0].decode()
    vendor.heal()
    assert program.returncode == 1
    assert "the vendor refuses" in output
    assert "Traceback" not in output


def test_the_job_of_dagster_fills_a_session_and_says_what_it_did(platform, vendor, session) -> None:
    of_one = [e for e in session if e["sym"] == "ZZBF"]
    began, ended = milliseconds(11, 0), milliseconds(12, 0)
    stream(platform, [e for e in of_one if not began <= e["s"] < ended])
    record_gap(platform, began, ended)
    topics = platform.topics
    resources = {
        "polygon": Polygon(rest_url=vendor.url, api_key="sandbox"),
        "kafka": Kafka(
            bootstrap_servers=platform.kafka_address,
            security_protocol="PLAINTEXT",
            bars_topic=topics.agg_1s,
            gaps_topic=topics.gaps,
            dead_letter_topic=topics.dead_letter,
            consumer_group=platform.name,
        ),
        "clickhouse": ClickHouse(
            url=f"http://127.0.0.1:{platform.clickhouse.port}",
            user="default",
            password="",
            ticks=platform.name,
            rollups=platform.name,
        ),
    }
    instance = dg.DagsterInstance.ephemeral()
    result = backfill_gaps.execute_in_process(
        run_config=dg.RunConfig(ops={"backfill_session": SessionToFill(session=str(SESSION))}),
        resources=resources,
        instance=instance,
    )
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["market/session"] == str(SESSION)
    (event,) = result.filter_events(lambda event: event.event_type_value == "ASSET_OBSERVATION")
    observation = event.asset_observation_data.asset_observation
    found = {name: value.value for name, value in observation.metadata.items()}
    assert observation.partition == str(SESSION)
    assert found["sent"] == len(filled(platform)) > 0
    assert found["symbols"] == len(SYMBOLS)  # those that the vendor had that day
    want = final_versions(of_one)
    wait_until(lambda: want.items() <= stored(platform).items(), 60, "the hole is filled")
