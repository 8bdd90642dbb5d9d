"""A login to the warehouse speaks to the warehouse alone."""

import socket
from typing import Any

import pytest

from polygon_assets.resources.snowflake import Warehouse

pytestmark = pytest.mark.xdist_group("checks_snowflake")


def test_nobody_else_is_asked(snowflake: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector would look for the metadata services of clouds, at each login."""
    asked = set[str]()
    connect = socket.socket.connect

    def recording(self: socket.socket, address: Any) -> None:
        asked.add(address[0])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", recording)
    assert snowflake.query("SELECT 1") == [(1,)]
    assert asked == {"127.0.0.1"}
