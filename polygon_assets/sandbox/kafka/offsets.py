"""Committed offsets of consumer groups, in a journal that is rewritten when it grows.

Each line of ``offsets.jsonl`` is one commit: ``[group, [[topic, partition, offset, metadata],
...]]``. A line is written whole or not at all; offset -1 takes a commit back.
"""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from polygon_assets.sandbox.kafka.errors import storage_errors
from polygon_assets.sandbox.kafka.files import append_all, replace_file
from polygon_assets.sandbox.server_start import StartError

logger = logging.getLogger(__name__)

MAX_METADATA_BYTES = 4096
"""Longest text that may accompany a committed offset."""

_NO_OFFSET = -1
_LARGEST_JOURNAL_BYTES = 4 * 1024 * 1024
_GROWTH_FACTOR = 4
"""The journal is rewritten when it is larger than the above and this many times its content."""

TopicPartition = tuple[str, int]


class Committed(NamedTuple):
    """A committed position: the next offset to read, and the consumer's own text."""

    offset: int
    metadata: str


class OffsetStore:
    """The committed offsets of every group.

    Args:
        directory: The broker's data directory.
        sync: Flush every commit to the disk before it is acknowledged.

    Raises:
        StartError: The journal is damaged before its last line.
    """

    def __init__(self, directory: Path, *, sync: bool = False) -> None:
        self._path = directory / "offsets.jsonl"
        self._sync = sync
        self._groups: dict[str, dict[TopicPartition, Committed]] = {}
        self._load()
        self._descriptor = -1
        self._rewrite()

    def _load(self) -> None:
        if not self._path.exists():
            return
        *lines, torn = self._path.read_bytes().split(b"\n")
        if torn:
            logger.warning("cut %d bytes of an unfinished commit off %s", len(torn), self._path)
        for number, line in enumerate(lines, start=1):
            try:
                group, entries = json.loads(line)
                self._apply(group, {(t, p): Committed(o, m) for t, p, o, m in entries})
            except (ValueError, TypeError) as error:
                raise StartError(
                    f"{self._path} is damaged at line {number}: remove the line (its group reads "
                    "again from its commit before), or start on an empty directory"
                ) from error

    def _apply(self, group: str, entries: Mapping[TopicPartition, Committed]) -> None:
        offsets = self._groups.setdefault(group, {})
        for partition, committed in entries.items():
            if committed.offset == _NO_OFFSET:
                offsets.pop(partition, None)
            else:
                offsets[partition] = committed
        if not offsets:
            del self._groups[group]

    def _rewrite(self) -> None:
        lines = [_line(group, offsets) for group, offsets in sorted(self._groups.items())]
        content = b"".join(lines)
        replace_file(self._path, content)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._size = len(content)
        self._rewrite_at = max(_LARGEST_JOURNAL_BYTES, _GROWTH_FACTOR * self._size)

    def commit(self, group: str, entries: Mapping[TopicPartition, Committed]) -> None:
        """Store positions of a group, all of them or none.

        Raises:
            RequestRefused: The disk refused the write.
        """
        line = _line(group, entries)
        with storage_errors(self._path):
            append_all(self._descriptor, line, self._size)
            self._size += len(line)
            if self._sync:
                os.fsync(self._descriptor)
            self._apply(group, entries)
            if self._size > self._rewrite_at:
                self._rewrite()

    def committed(self, group: str) -> Mapping[TopicPartition, Committed]:
        """All positions of a group."""
        return self._groups.get(group, {})

    def groups(self) -> list[str]:
        """Every group with a committed position."""
        return list(self._groups)

    def forget(self, group: str, partitions: Iterable[TopicPartition]) -> None:
        """Take commits of a group back.

        Raises:
            RequestRefused: The disk refused the write.
        """
        self.commit(group, dict.fromkeys(partitions, Committed(_NO_OFFSET, "")))

    def forget_topic(self, topic: str) -> None:
        """Take the commits of every group on a deleted topic back.

        Raises:
            RequestRefused: The disk refused the write.
        """
        for group, offsets in list(self._groups.items()):
            of_topic = [partition for partition in offsets if partition[0] == topic]
            if of_topic:
                self.forget(group, of_topic)

    def close(self) -> None:
        """Flush to the disk."""
        os.fsync(self._descriptor)
        os.close(self._descriptor)


def _line(group: str, entries: Mapping[TopicPartition, Committed]) -> bytes:
    positions = [[*partition, *committed] for partition, committed in entries.items()]
    return json.dumps([group, positions], separators=(",", ":")).encode() + b"\n"
