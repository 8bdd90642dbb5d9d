"""What every request handler works on: the broker's state, a request, and its answer."""

from dataclasses import dataclass

from polygon_assets.sandbox.kafka.catalog import Catalog
from polygon_assets.sandbox.kafka.coordinator import Coordinator
from polygon_assets.sandbox.kafka.offsets import OffsetStore
from polygon_assets.sandbox.kafka.protocol import Reader, Writer

NODE_ID = 1
"""The id of the only broker, which leads every partition and coordinates every group."""


@dataclass(slots=True)
class Broker:
    """The state of the broker.

    Attributes:
        host: Address that clients are told to connect to.
        port: Port of that address.
        auto_create_partitions: Partitions of a topic that is created because a client asks for
            its metadata; 0 turns this off.
    """

    host: str
    port: int
    catalog: Catalog
    offsets: OffsetStore
    coordinator: Coordinator
    auto_create_partitions: int = 0


@dataclass(slots=True)
class Request:
    """One request: its header, and its body still to be read."""

    api_key: int
    version: int
    correlation_id: int
    client_id: str
    client_host: str
    body: Reader

    def answer(self) -> Writer:
        """An empty answer in the encoding of the request."""
        return Writer(self.body.flexible)
