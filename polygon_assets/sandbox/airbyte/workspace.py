"""The workspace: three connections, each with a source of its own, and one destination.

Each connection has its own source because a sync's window is a setting of the source: two
connections on one source would overwrite each other's window.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polygon_assets.sandbox.airbyte.catalog import Stream
from polygon_assets.sandbox.airbyte.store import Store

DEFAULT_WORKSPACE_ID = "00000000-0000-4000-8000-000000000001"
DESTINATION_ID = "00000000-0000-4000-8000-000000000200"
SECRET_MASK = "**********"  # noqa: S105 - the mask that Airbyte puts in the place of secrets
SECRET_SETTINGS = frozenset({"api_key"})

CONNECTION_STREAMS = {
    "polygon_bars": ("daily_bars",),
    "polygon_reference": ("tickers", "exchanges", "market_holidays"),
    "polygon_actions": ("splits", "dividends"),
}
"""Names of the connections with the streams of each."""


@dataclass(frozen=True)
class Connection:
    """A source's streams on their way to the destination.

    Attributes:
        connection_id: UUID.
        name: One of :data:`CONNECTION_STREAMS`.
        source_id: UUID of the source, which no other connection uses.
        streams: What is synced.
    """

    connection_id: str
    name: str
    source_id: str
    streams: list[Stream]


class Workspace:
    """The connections, and the settings of their sources.

    A source's settings are the defaults of the environment with the clients' changes over them.
    The defaults are never stored: an address or a key belongs to the run of the sandbox.
    """

    def __init__(
        self,
        streams: Mapping[str, Stream],
        store: Store,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        given = os.environ if environment is None else environment
        self.workspace_id = given.get("AIRBYTE_WORKSPACE_ID") or DEFAULT_WORKSPACE_ID
        self.connections = {
            connection.connection_id: connection
            for connection in (
                _connection(number, name, [streams[stream] for stream in names])
                for number, (name, names) in enumerate(CONNECTION_STREAMS.items(), start=1)
            )
        }
        self._store = store
        self._defaults: dict[str, Any] = {
            "api_key": given.get("POLYGON_API_KEY") or "sandbox",
            "base_url": given.get("POLYGON_REST_URL") or "http://127.0.0.1:18100",
            "start_date": "2003-09-10",
            "lookback_days": 7,
            "requests_per_minute": 6000,
            "num_workers": 4,
        }

    def source_name(self, source_id: str) -> str | None:
        """The name of a source; None if there is no such source."""
        names = {each.source_id: each.name for each in self.connections.values()}
        return names.get(source_id)

    def configuration(self, source_id: str) -> dict[str, Any]:
        """The settings of a source, secrets included: for the connector only."""
        return self._defaults | self._store.settings(source_id)

    def masked_configuration(self, source_id: str) -> dict[str, Any]:
        """The settings of a source as an answer may show them."""
        shown = self.configuration(source_id)
        return shown | dict.fromkeys(SECRET_SETTINGS & shown.keys(), SECRET_MASK)

    def change_configuration(self, source_id: str, changes: Mapping[str, Any]) -> None:
        """Change settings, key by key. A mask in the place of a secret leaves the secret alone."""
        kept = {
            name: value
            for name, value in changes.items()
            if not (name in SECRET_SETTINGS and value == SECRET_MASK)
        }
        self._store.change_settings(source_id, kept)


def _connection(number: int, name: str, streams: list[Stream]) -> Connection:
    return Connection(
        connection_id=f"00000000-0000-4000-8000-0000000003{number:02d}",
        name=name,
        source_id=f"00000000-0000-4000-8000-0000000001{number:02d}",
        streams=streams,
    )
