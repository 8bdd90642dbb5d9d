"""Polygon.io (Massive): the vendor's REST API, through its own client."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from polygon_assets.preflight import POLYGON, explained
from polygon_assets.settings import PolygonSettings, from_env

if TYPE_CHECKING:
    from polygon import RESTClient

PATIENT_RETRIES = 10
"""The client waits 0.2, 0.4, 0.8, ... seconds: with so many, longer than a minute, after which the
free plan allows five more requests."""


class Polygon(dg.ConfigurableResource[Any]):
    """The vendor, and the clock of the market."""

    rest_url: str = Field(description="REST base address")
    api_key: str = Field(repr=False, description="API key, sent as a bearer token")

    def client(self, retries: int = 3) -> "RESTClient":
        """The official client. It retries, and follows pages by itself."""
        from polygon import RESTClient

        return RESTClient(api_key=self.api_key, base=self.rest_url, retries=retries)

    def sample(self, path: str, parameters: Mapping[str, str]) -> Any:
        """The vendor's answer to one request, as JSON; the client's own types drop new fields.

        Waits out a rate limit: nothing depends on a sample in a hurry.

        Raises:
            polygon.exceptions.BadResponse: The vendor refused; the text is its own.
            urllib3.exceptions.HTTPError: The vendor could not be asked.
            ValueError: The answer is not JSON.
        """
        client = self.client(PATIENT_RETRIES)
        answer = client._get(path, params=dict(parameters), raw=True)  # pyright: ignore[reportPrivateUsage]
        return json.loads(answer.data)

    def now(self) -> datetime:
        """The vendor's clock, in UTC.

        Sensors follow this clock and not the machine's: the stream runs by the market's time,
        whether the market is today's or a replayed one.
        """
        with explained(POLYGON):
            status = self.client().get_market_status()
        return datetime.fromisoformat(str(status.server_time)).astimezone(UTC)  # pyright: ignore[reportAttributeAccessIssue]


def polygon() -> Polygon:
    """The vendor at the address in the environment."""
    return Polygon(
        rest_url=PolygonSettings().rest_url, api_key=from_env("POLYGON_API_KEY", "sandbox")
    )
