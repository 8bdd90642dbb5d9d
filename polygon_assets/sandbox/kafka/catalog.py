"""The broker's topics, and the facts about itself that outlive a restart.

``meta.json`` names every topic and its directory; it is replaced atomically. A topic exists from
the moment it is in that file until the moment it is not: a directory that the file does not name
is the rest of an unfinished creation or deletion.
"""

import base64
import json
import logging
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from polygon_assets.sandbox.kafka.configs import changed_configs, check_configs, resolved
from polygon_assets.sandbox.kafka.errors import (
    ErrorCode,
    RequestRefused,
    storage_errors,
)
from polygon_assets.sandbox.kafka.files import replace_file
from polygon_assets.sandbox.kafka.log import PartitionLog
from polygon_assets.sandbox.server_start import StartError

logger = logging.getLogger(__name__)

MAX_PARTITIONS = 1000
"""Partitions of one topic: each has a file open."""

_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_PRODUCER_ID_BLOCK = 1000
"""Producer ids are reserved in blocks, so that handing one out seldom writes to the disk."""


@dataclass(slots=True)
class Topic:
    """A topic, its directory below ``topics/``, its own configurations and its partitions."""

    name: str
    directory: str
    configs: dict[str, str]
    partitions: list[PartitionLog] = field(default_factory=list[PartitionLog])


class Catalog:
    """All topics of one data directory.

    Args:
        directory: The broker's data directory; the caller holds its lock.
        retention_bytes: Bytes kept of each partition whose topic does not say; -1 keeps all.
        sync: Flush every append to the disk before it is acknowledged.

    Raises:
        StartError: The directory holds something that this broker cannot read.
    """

    def __init__(self, directory: Path, *, retention_bytes: int = -1, sync: bool = False) -> None:
        self.retention_bytes = retention_bytes
        self._meta_path = directory / "meta.json"
        self._topics_directory = directory / "topics"
        self._topics_directory.mkdir(parents=True, exist_ok=True)
        self._sync = sync
        self._topics: dict[str, Topic] = {}
        self.cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:22]
        self._next_producer_id = self._reserved_producer_ids = 0
        self._load()

    def _load(self) -> None:
        if self._meta_path.exists():
            self._load_meta()
        elif any(self._topics_directory.iterdir()):
            raise StartError(
                f"{self._meta_path} is missing although {self._topics_directory} holds topics: "
                "restore the file, or start on an empty directory"
            )
        named = {topic.directory for topic in self._topics.values()}
        for path in self._topics_directory.iterdir():
            if path.name not in named:
                logger.info("removing %s: the rest of an unfinished change", path)
                shutil.rmtree(path, ignore_errors=True)
        self._save(self)

    def _load_meta(self) -> None:
        try:
            meta = json.loads(self._meta_path.read_bytes())
            self.cluster_id = str(meta["cluster_id"])
            self._next_producer_id = self._reserved_producer_ids = int(meta["next_producer_id"])
            entries = [
                (Topic(name, str(entry["directory"]), dict(entry["configs"])), entry["partitions"])
                for name, entry in meta["topics"].items()
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StartError(
                f"{self._meta_path} cannot be read ({error!r}): restore the file, or start on an "
                "empty directory"
            ) from error
        for topic, partitions in entries:
            self._open_partitions(topic, int(partitions))
            self._topics[topic.name] = topic

    def _save(self, topics: Iterable[Topic]) -> None:
        meta = {
            "cluster_id": self.cluster_id,
            "next_producer_id": self._reserved_producer_ids,
            "topics": {
                topic.name: {
                    "directory": topic.directory,
                    "partitions": len(topic.partitions),
                    "configs": topic.configs,
                }
                for topic in topics
            },
        }
        replace_file(self._meta_path, json.dumps(meta, indent=1).encode())

    def _open_partitions(self, topic: Topic, count: int) -> None:
        config = resolved(topic.configs, self.retention_bytes)
        for number in range(len(topic.partitions), count):
            directory = self._topics_directory / topic.directory / str(number)
            topic.partitions.append(PartitionLog(directory, config, sync=self._sync))

    def __iter__(self) -> Iterator[Topic]:
        return iter(list(self._topics.values()))

    def find(self, name: str) -> Topic | None:
        """The topic of that name, if there is one."""
        return self._topics.get(name)

    def topic(self, name: str) -> Topic:
        """The topic of that name.

        Raises:
            RequestRefused: There is none.
        """
        found = self._topics.get(name)
        if found is None:
            raise RequestRefused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"no topic {name!r}")
        return found

    def partition(self, name: str, number: int) -> PartitionLog:
        """One partition of a topic.

        Raises:
            RequestRefused: There is no such topic or partition.
        """
        partitions = self.topic(name).partitions
        if not 0 <= number < len(partitions):
            raise RequestRefused(
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"no partition {number} of {name!r}"
            )
        return partitions[number]

    def check_new_topic(
        self, name: str, partitions: int, configs: Mapping[str, str | None]
    ) -> dict[str, str]:
        """Whether a topic can be created.

        Returns:
            The topic's own configurations.

        Raises:
            RequestRefused: Bad name, taken name, bad number of partitions or configuration.
        """
        if not valid_topic_name(name):
            raise RequestRefused(
                ErrorCode.INVALID_TOPIC_EXCEPTION,
                f"{name[:300]!r} is no topic name: 1 to 249 letters, digits, dots, underscores "
                "and hyphens",
            )
        if name in self._topics:
            raise RequestRefused(ErrorCode.TOPIC_ALREADY_EXISTS, f"topic {name!r} already exists")
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise RequestRefused(
                ErrorCode.INVALID_PARTITIONS,
                f"{partitions} partitions: 1 to {MAX_PARTITIONS} can be",
            )
        return check_configs(configs)

    def create_topic(self, name: str, partitions: int, configs: Mapping[str, str | None]) -> None:
        """Create a topic, durably.

        Raises:
            RequestRefused: As in check_new_topic, or the disk refused the write.
        """
        own = self.check_new_topic(name, partitions, configs)
        topic = Topic(name, f"{name[:200]}-{uuid.uuid4().hex[:12]}", own)
        with storage_errors(self._topics_directory):
            self._open_partitions(topic, partitions)
            self._save([*self, topic])
        self._topics[name] = topic

    def check_more_partitions(self, name: str, total: int) -> None:
        """Whether a topic can grow to a number of partitions.

        Raises:
            RequestRefused: No such topic, or not more partitions than it has.
        """
        current = len(self.topic(name).partitions)
        if not current < total <= MAX_PARTITIONS:
            raise RequestRefused(
                ErrorCode.INVALID_PARTITIONS,
                f"topic {name!r} has {current} partitions and can have up to {MAX_PARTITIONS}; "
                f"{total} were asked for",
            )

    def add_partitions(self, name: str, total: int) -> None:
        """Grow a topic to a number of partitions, durably.

        Raises:
            RequestRefused: As in check_more_partitions, or the disk refused the write.
        """
        self.check_more_partitions(name, total)
        with storage_errors(self._topics_directory):
            self._open_partitions(self.topic(name), total)
            self._save(self)

    def alter_configs(
        self, name: str, changes: list[tuple[str, int, str | None]], *, validate_only: bool
    ) -> None:
        """Change configurations of a topic, durably and at once.

        Raises:
            RequestRefused: No such topic, as in changed_configs, or the disk refused the write.
        """
        topic = self.topic(name)
        before, after = topic.configs, changed_configs(topic.configs, changes)
        if validate_only:
            return
        topic.configs = after
        try:
            with storage_errors(self._meta_path):
                self._save(self)
        except RequestRefused:
            topic.configs = before
            raise
        for partition in topic.partitions:
            partition.config = resolved(after, self.retention_bytes)

    def delete_topic(self, name: str) -> None:
        """Delete a topic and its data.

        Raises:
            RequestRefused: No such topic, or the disk refused the write.
        """
        topic = self.topic(name)
        with storage_errors(self._meta_path):
            self._save(other for other in self if other is not topic)
        del self._topics[name]
        for partition in topic.partitions:
            partition.close()
        shutil.rmtree(self._topics_directory / topic.directory, ignore_errors=True)

    def new_producer_id(self) -> int:
        """A producer id that no producer on this directory ever had.

        Raises:
            RequestRefused: The disk refused the write.
        """
        if self._next_producer_id == self._reserved_producer_ids:
            self._reserved_producer_ids += _PRODUCER_ID_BLOCK
            with storage_errors(self._meta_path):
                self._save(self)
        self._next_producer_id += 1
        return self._next_producer_id - 1

    def enforce_retention(self) -> None:
        """Delete what is beyond the size or age limits of every topic."""
        now = time.time()
        for topic in self:
            for partition in topic.partitions:
                partition.enforce_retention(now)

    def close(self) -> None:
        """Flush every log to the disk."""
        for topic in self:
            for partition in topic.partitions:
                partition.close()


def valid_topic_name(name: str) -> bool:
    """Whether Kafka allows the name; none of them can leave the data directory as a path."""
    return bool(_TOPIC_NAME.fullmatch(name)) and name not in (".", "..")
