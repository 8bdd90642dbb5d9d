"""Polygon's WebSocket, by the producer's own client.

A subscription needs the account's only connection: one more may end that of a running producer. It
is tried only with ``probe``, and only while no producer runs.
"""

import asyncio

from botocore.exceptions import BotoCoreError, ClientError
from polygon_stream.settings import PolygonSettings, StreamSettings
from polygon_stream.subscriptions import SubscriptionError, load_subscriptions
from polygon_stream.vendor import StreamEnded, TooManyConnections, VendorRefused, VendorSession

from polygon_assets.doctor.findings import ACCEPTED, Findings, ok, problem, reached, warning
from polygon_assets.env import Names
from polygon_assets.preflight import WEBSOCKET
from polygon_assets.resources.ecs import PRODUCER, stream_services


class _Reached(Exception):  # noqa: N818 - the end that is wanted
    """The session is as far as was asked for."""


def examine(names: Names, *, probe: bool) -> Findings:
    """Whether the vendor's WebSocket greets us; with ``probe``, whether it takes key and topics."""
    if not (yield from reached(WEBSOCKET)):
        return
    try:
        _session_until("authenticating")
    except StreamEnded as error:
        yield problem("greets us", str(error), "Check POLYGON_WS_URL: .../stocks.")
        return
    yield ok("greets us", "it speaks the vendor's protocol")
    if not probe:
        yield ok(ACCEPTED, "not asked, because that ends a running producer's connection: --probe")
        return
    if reason := _producer_may_run(names):
        yield warning(ACCEPTED, f"Not asked: {reason}", "Ask again when no producer runs.")
        return
    try:
        _session_until("streaming")
    except VendorRefused as error:
        yield problem(ACCEPTED, str(error), "Check POLYGON_API_KEY and POLYGON_STREAM_CHANNELS.")
    except TooManyConnections as error:
        yield problem(ACCEPTED, str(error), "End the account's other connection.")
    except (StreamEnded, SubscriptionError) as error:
        yield problem(ACCEPTED, str(error), "Check POLYGON_STREAM_CHANNELS.")
    else:
        yield ok(ACCEPTED, "key and subscriptions are taken")


def _session_until(state: str) -> None:
    """Go through the handshake up to a state, and leave."""
    settings, vendor = StreamSettings(), PolygonSettings()

    def on_state(reached: str) -> None:
        if reached == state:
            raise _Reached

    topics = load_subscriptions(settings) if state == "streaming" else []
    key = vendor.api_key.get_secret_value()
    # Every message may hold a status; events are for the producer.
    session = VendorSession(lambda frames: frames)
    try:
        asyncio.run(session.run(vendor.ws_url, key, topics, settings, on_state))
    except _Reached:
        return


def _producer_may_run(names: Names) -> str:
    """Why there may be a producer; empty where there is none."""
    services = stream_services(names).process_config_and_initialize()
    try:
        desired = services.desired_counts().get(PRODUCER, 0)
        stopping = services.stopping(PRODUCER) if PRODUCER in services.services() else 0
    except (BotoCoreError, ClientError, ConnectionError) as error:
        return f"ECS does not say whether a producer runs ({error})"
    return "a producer runs" if desired or stopping else ""
