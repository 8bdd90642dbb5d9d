"""The batches of one flush on their way from Kafka into ClickHouse, and how far they have come."""

import time
from concurrent.futures import Future

from polygon_stream.batches import Batch

Key = tuple[str, int]
"""Topic and partition."""


class Flush:
    """Batches of one flush, and how far they have come."""

    def __init__(self, batches: list[Batch]) -> None:
        """Nothing is done yet."""
        self.batches: dict[Key, Batch] = {(one.topic, one.partition): one for one in batches}
        self.inserts: dict[Key, Future[None]] = {}
        self.planned = False
        self.reported = False
        self.began = time.monotonic()

    def running(self) -> list[Future[None]]:
        """Inserts that have no answer yet."""
        return [one for one in self.inserts.values() if not one.done()]
