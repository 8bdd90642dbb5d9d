"""Servers that somebody else has started for the tests: real Kafka and ClickHouse in CI."""

import os
from urllib.parse import urlsplit

KAFKA = "TEST_KAFKA_BOOTSTRAP_SERVERS"
CLICKHOUSE = "TEST_CLICKHOUSE_URL"


def port_elsewhere(variable: str) -> int | None:
    """The port that the variable names; None where it is not set.

    The tests delete topics, groups and databases, so the server must be one of this machine.

    Raises:
        ValueError: It is not on 127.0.0.1, or has no port.
    """
    address = os.environ.get(variable)
    if not address:
        return None
    found = urlsplit(address if "://" in address else f"//{address}")
    if found.hostname != "127.0.0.1" or not found.port:
        raise ValueError(
            f"{variable} is {address!r}: the tests empty the server, so they take one on 127.0.0.1 "
            "only, with its port."
        )
    return found.port
