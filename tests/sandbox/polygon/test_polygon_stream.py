"""The WebSocket protocol and replays, with plain websockets and with the vendor's own client."""

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import date

import httpx
import pytest
from polygon import WebSocketClient
from polygon_vendor import Vendor
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from polygon_assets import sessions

pytestmark = pytest.mark.xdist_group("polygon_stream")
OPEN_MS = int(sessions.session(date(2005, 2, 28)).open_at.timestamp() * 1000)


async def statuses(client: ClientConnection) -> list[tuple[str, str]]:
    return [(event["status"], event["message"]) for event in json.loads(await client.recv())]


async def say(client: ClientConnection, action: str, params: str) -> list[tuple[str, str]]:
    await client.send(json.dumps({"action": action, "params": params}))
    return await statuses(client)


def stocks(vendor: Vendor, **options: object) -> connect:
    return connect(
        f"ws://{vendor.host}/stocks", compression=None, max_size=None, close_timeout=1, **options
    )


async def subscribed(client: ClientConnection, topics: str) -> None:
    assert await statuses(client) == [("connected", "Connected Successfully")]
    assert await say(client, "auth", "sandbox") == [("auth_success", "authenticated")]
    assert await say(client, "subscribe", topics) == [
        ("success", f"subscribed to: {topic}") for topic in topics.split(",")
    ]


async def events_until_finished(vendor: Vendor, client: ClientConnection) -> list[dict]:
    """Everything that a replay sends; it is over when the clock has reached its end."""
    events: list[dict] = []
    async with httpx.AsyncClient() as http:
        while True:
            try:
                frame = json.loads(await asyncio.wait_for(client.recv(), 0.5))
                assert len(frame) <= 200
                events += frame
            except TimeoutError:
                answer = await http.get(f"{vendor.url}/sandbox/replay")
                if answer.json()["state"] == "finished":
                    return events


async def test_a_replayed_session_ends_with_the_bars_of_rest(vendor: Vendor) -> None:
    armed = vendor.replay("2005-02-28", 1_000_000)
    assert (armed["state"], armed["events_sent"], armed["wall_start_ms"]) == ("armed", 0, None)
    assert armed["sim_time"] == "2005-02-28T14:20:00.000+00:00"
    assert armed["sim_start_ms"] == OPEN_MS - 10_000
    async with stocks(vendor) as client:
        await subscribed(client, "A.ZZAG,A.IBM,A.ZZAF,AM.ZZAG")
        events = await events_until_finished(vendor, client)
    finished = vendor.http.get("/sandbox/replay").json()
    assert finished["events_sent"] == finished["events_total"] == armed["events_total"]
    assert finished["sim_time"] >= "2005-02-28T21:16:00"
    assert Counter((e["ev"], e["sym"]) for e in events).keys() == {
        ("A", "ZZAG"), ("A", "IBM"), ("A", "ZZAF"), ("AM", "ZZAG"),
    }  # fmt: skip
    for channel, ticker, timespan in (
        ("A", "IBM", "second"),
        ("A", "ZZAG", "second"),
        ("AM", "ZZAG", "minute"),
    ):
        final = {e["s"]: e for e in events if (e["ev"], e["sym"]) == (channel, ticker)}
        asked = (ticker, 1, timespan, "2005-02-28", "2005-02-28")
        bars = list(vendor.rest.list_aggs(*asked, adjusted=False, limit=50_000))
        assert [
            (bar.timestamp, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap)
            for bar in bars
        ] == [
            (s, e["o"], e["h"], e["l"], e["c"], e["v"], e["vw"]) for s, e in sorted(final.items())
        ]
    vendor.http.delete("/sandbox/replay")


async def test_events_come_when_the_clock_reaches_their_end(vendor: Vendor) -> None:
    vendor.replay("2005-02-28", 600)
    async with stocks(vendor) as client:
        await subscribed(client, "A.*")
        late = []
        for _ in range(400):
            frame = json.loads(await client.recv())
            replay = None if late else vendor.http.get("/sandbox/replay").json()
            start = replay or start  # noqa: F821
            due = start["wall_start_ms"] + (frame[0]["e"] - start["sim_start_ms"]) / 600
            late.append(time.time() * 1000 - due)
        assert len({event["e"] for event in frame}) == 1
    assert min(late) > -2
    assert sorted(late)[len(late) // 2] < 250
    vendor.http.delete("/sandbox/replay")


async def test_the_official_client_receives_bars(vendor: Vendor) -> None:
    vendor.replay("2005-02-28", 600)
    received = []
    client = WebSocketClient(
        api_key="sandbox",
        feed=vendor.host,
        market="stocks",
        secure=False,
        subscriptions=["A.AAPL", "AM.*"],
    )

    async def collect(bars: list) -> None:
        received.extend(bars)
        if {"A", "AM"} <= {bar.event_type for bar in received}:
            await client.websocket.close()

    await asyncio.wait_for(client.connect(collect), 10)
    seconds = [bar for bar in received if bar.event_type == "A"]
    assert {bar.symbol for bar in seconds} == {"AAPL"}
    assert seconds[0].official_open_price == 44.68
    assert seconds[0].end_timestamp - seconds[0].start_timestamp == 1000
    assert all(bar.low <= bar.aggregate_vwap or bar.vwap for bar in seconds)
    vendor.http.delete("/sandbox/replay")


async def test_a_wrong_key_is_refused(vendor: Vendor) -> None:
    async with stocks(vendor) as client:
        await statuses(client)
        assert await say(client, "subscribe", "A.*") == [("error", "authenticate first")]
        assert await say(client, "auth", "wrong") == [("auth_failed", "authentication failed")]
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1008


async def test_unknown_topics_are_passed_over_in_silence(vendor: Vendor) -> None:
    async with stocks(vendor) as client:
        await subscribed(client, "A.AAPL")
        await client.send('{"action":"subscribe","params":"B.AAPL,AAPL"}')
        assert await say(client, "subscribe", "AM.AAPL") == [("success", "subscribed to: AM.AAPL")]
        assert await say(client, "unsubscribe", "AM.AAPL") == [
            ("success", "unsubscribed to: AM.AAPL")
        ]
        assert (await say(client, "subscribe", "NOI.AAPL"))[0][0] == "error"
        assert (await say(client, "dance", ""))[0][0] == "error"


async def test_unsubscribed_symbols_are_not_sent(vendor: Vendor) -> None:
    async with stocks(vendor) as client:
        await subscribed(client, "A.AAPL,A.MSFT")
        await say(client, "unsubscribe", "A.AAPL")
        vendor.replay("2005-02-28", 6000)
        events = [event for _ in range(20) for event in json.loads(await client.recv())]
        assert {event["sym"] for event in events} == {"MSFT"}
    vendor.http.delete("/sandbox/replay")


async def test_a_second_connection_of_a_key_is_closed_after_its_subscription(
    vendor: Vendor,
) -> None:
    async with stocks(vendor) as first, stocks(vendor) as second:
        await subscribed(first, "A.AAPL")
        await subscribed(second, "A.AAPL")
        assert (await statuses(second))[0][0] == "max_connections"
        with pytest.raises(ConnectionClosed):
            await second.recv()
        assert second.close_code == 1008
        assert await say(first, "subscribe", "A.MSFT") == [("success", "subscribed to: A.MSFT")]
    async with stocks(vendor) as third:  # the place is free again
        await subscribed(third, "A.AAPL")
        assert await say(third, "subscribe", "A.MSFT") == [("success", "subscribed to: A.MSFT")]


async def test_a_client_that_does_not_read_is_closed(start_vendor: Callable[..., Vendor]) -> None:
    vendor = start_vendor("--buffer-bytes", "100000", symbols="12")
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.setblocking(False)
    host, port = vendor.host.split(":")
    await asyncio.get_running_loop().sock_connect(small, (host, int(port)))
    async with stocks(vendor, sock=small, max_queue=1) as client:
        await subscribed(client, "A.*")
        vendor.replay("2005-02-28", 1_000_000)
        async with httpx.AsyncClient(base_url=vendor.url) as http:
            while (await http.get("/sandbox/replay")).json()["state"] != "finished":
                await asyncio.sleep(0.1)
        frames = []
        with suppress(ConnectionClosed):
            async for frame in client:
                frames.append(json.loads(frame))
        assert client.close_code == 1008
        assert frames[-1][0]["status"] == "slow_consumer"


async def test_replay_without_a_subscriber_runs_and_a_new_one_replaces_it(vendor: Vendor) -> None:
    assert vendor.replay("2012-11-23", 10, wait=False)["state"] == "running"
    assert (
        vendor.http.get("/v1/marketstatus/now")
        .json()["serverTime"]
        .startswith("2012-11-23T09:29:5")
    )
    assert vendor.replay("2012-11-21", 1_000_000, wait=False)["session"] == "2012-11-21"
    async with httpx.AsyncClient(base_url=vendor.url) as http:
        while (state := (await http.get("/sandbox/replay")).json())["state"] != "finished":
            await asyncio.sleep(0.1)
    assert state["events_sent"] == state["events_total"] > 50_000
    assert state["sim_time"].startswith("2012-11-21T21:16")
    assert vendor.http.delete("/sandbox/replay").json()["state"] == "off"
    assert vendor.http.get("/sandbox/replay").json()["sim_time"] > "2026"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"session": "2005-02-27"}, "not an NYSE session"),
        ({"session": "2005-02-28", "speed": 0}, "speed"),
        ({"session": "2005-02-28", "pace": 3}, "pace"),
        ({}, "session"),
    ],
)
def test_replays_that_cannot_be_played_are_refused(vendor: Vendor, body: dict, reason: str) -> None:
    answer = vendor.http.post("/sandbox/replay", json=body)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]
    assert vendor.http.get("/sandbox/replay").json()["state"] == "off"
