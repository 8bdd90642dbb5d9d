"""Whether the market is open, by the vendor's own clock: holidays and replays included."""

import asyncio
import logging
from typing import Any

from polygon import RESTClient
from polygon.exceptions import BadResponse
from urllib3.exceptions import HTTPError

from polygon_stream.settings import PolygonSettings

log = logging.getLogger(__name__)

POLL_SECONDS = 60.0
OPEN, CLOSED = "open", "closed"


class MarketStatus:
    """The vendor's word on the market, asked once a minute.

    Attributes:
        state: ``open``, ``extended-hours`` or ``closed``; None when the vendor does not say.
            Nothing is concluded from None.
    """

    def __init__(self, vendor: PolygonSettings) -> None:
        """Nothing is asked yet."""
        self.state: str | None = None
        self._url = vendor.rest_url
        self._client = RESTClient(
            api_key=vendor.api_key.get_secret_value(),
            base=vendor.rest_url,
            retries=0,
            connect_timeout=5,
            read_timeout=5,
        )

    async def follow(self) -> None:
        """Ask until cancelled."""
        while True:
            state = await asyncio.to_thread(self._ask)
            if state != self.state:
                log.info("the market is %s", state or "unknown")
            self.state = state
            await asyncio.sleep(POLL_SECONDS)

    def _ask(self) -> str | None:
        try:
            answer: Any = self._client.get_market_status()
        except (HTTPError, BadResponse, OSError, ValueError) as error:
            log.warning("%s does not tell whether the market is open: %s", self._url, error)
            return None
        return getattr(answer, "market", None)
