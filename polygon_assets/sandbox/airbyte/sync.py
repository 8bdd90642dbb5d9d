"""One sync: the connector's messages to the warehouse, nothing lost, nothing counted twice."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from polygon_assets.sandbox.airbyte.batch import Batch
from polygon_assets.sandbox.airbyte.catalog import Stream
from polygon_assets.sandbox.airbyte.protocol import (
    Log,
    Message,
    ProtocolError,
    Record,
    State,
    Trace,
    decode_line,
    field_names,
)

CHECKPOINT_ROWS = 50_000
"""A batch this large is loaded at the next state; a smaller one waits for the stream's end."""

NOT_ENTITLED = "NOT_ENTITLED"
"""The connector's mark for a dataset that it skipped because the plan lacks it."""

MAX_NOTICES = 20

Load = Callable[[Stream, Path, int, str | None], None]
"""Loads a batch: stream, file, rows in it, new state as JSON or None."""


@dataclass(frozen=True)
class SyncFailure:
    """Why a sync failed.

    Attributes:
        origin: ``source``, ``destination`` or ``replication`` (this engine).
        kind: ``config_error``, ``transient_error`` or ``system_error``.
        message: In words for the user.
        stream: The stream it is about, if one.
    """

    origin: str
    kind: str
    message: str
    stream: str | None = None


@dataclass
class StreamProgress:
    """What is known of one stream of a running sync.

    Attributes:
        stream: The stream.
        emitted: Records received from the connector.
        committed: Records that the warehouse has committed.
        emitted_bytes: Bytes of the lines received.
        since_state: Records since the last state, which the connector's count must equal.
        status: The connector's last word: STARTED, RUNNING, COMPLETE or INCOMPLETE.
        unknown_fields: Fields that records carried and the schema lacks; they are not loaded.
    """

    stream: Stream
    emitted: int = 0
    committed: int = 0
    emitted_bytes: int = 0
    since_state: int = 0
    status: str = "PENDING"
    unknown_fields: set[str] = field(default_factory=set[str])


class Sync:
    """Takes the lines of one connector run and loads what they carry.

    Attributes:
        progress: Counts by stream; may be read by another thread while the sync runs.
        failures: What went wrong so far.
        notices: What the connector warned of, each text once, such as a dataset that the plan
            lacks.
    """

    def __init__(self, streams: list[Stream], folder: Path, load: Load) -> None:
        self.progress = {stream.name: StreamProgress(stream) for stream in streams}
        self.failures: list[SyncFailure] = []
        self.notices: list[str] = []
        self._folder = folder
        self._load = load
        self._batches: dict[str, Batch] = {}
        self._states: dict[str, str] = {}

    def take(self, line: bytes) -> None:
        """Take one line of the connector's output.

        Raises:
            ProtocolError: The line breaks the protocol, or the connector counted other records
                than it printed. The state of that moment is not kept.
        """
        message = decode_line(line)
        if message is not None:
            self._handle(message, len(line))

    def finish(self) -> None:
        """Load what is left, each stream with its last state, after the connector's last line.

        Raises:
            ProtocolError: A stream says that it is complete, but its last records were never
                counted in a state.
        """
        for name, progress in self.progress.items():
            if progress.status == "COMPLETE" and progress.since_state:
                raise ProtocolError(
                    f"{name}: {progress.since_state} records came after the stream's last state,"
                    " so their number cannot be checked."
                )
        for name in self.progress:
            self._flush(name)

    def incomplete(self) -> list[str]:
        """Streams that did not come to their end."""
        return [name for name, found in self.progress.items() if found.status != "COMPLETE"]

    def close(self) -> None:
        """Drop batches that were not loaded."""
        for batch in self._batches.values():
            batch.close()
        self._batches.clear()

    def _handle(self, message: Message, size: int) -> None:
        if message.record is not None:
            self._take_record(message.record, size)
        elif message.state is not None:
            self._take_state(message.state)
        elif message.trace is not None:
            self._take_trace(message.trace)
        elif message.log is not None:
            self._take_log(message.log)

    def _take_log(self, log: Log) -> None:
        # The CDK can report a skipped dataset at level INFO only.
        notable = log.level in ("WARN", "ERROR", "FATAL") or NOT_ENTITLED in log.message
        if notable and log.message not in self.notices and len(self.notices) < MAX_NOTICES:
            self.notices.append(log.message)

    def _take_record(self, record: Record, size: int) -> None:
        progress = self._progress_of(record.stream)
        progress.unknown_fields |= field_names(record.data) - progress.stream.fields.keys()
        batch = self._batches.get(record.stream)
        if batch is None:
            path = self._folder / f"{record.stream}.ndjson.gz"
            batch = self._batches[record.stream] = Batch(path)
        batch.add(record)
        progress.emitted += 1
        progress.since_state += 1
        progress.emitted_bytes += size

    def _take_state(self, state: State) -> None:
        if state.stream is None or state.source_stats is None:
            raise ProtocolError(
                f"The connector sent a state of type {state.type} without stream or sourceStats;"
                " only states of one stream with its record count are supported."
            )
        name = state.stream.stream_descriptor.name
        progress = self._progress_of(name)
        counted = int(state.source_stats.record_count)
        if counted != progress.since_state:
            raise ProtocolError(
                f"{name}: the connector counted {counted} records since the last state, but"
                f" {progress.since_state} arrived; the state was not kept."
            )
        progress.since_state = 0
        self._states[name] = bytes(state.stream.stream_state).decode()
        batch = self._batches.get(name)
        if batch is not None and batch.rows >= CHECKPOINT_ROWS:
            self._flush(name)

    def _take_trace(self, trace: Trace) -> None:
        if trace.stream_status is not None:
            status = trace.stream_status
            self._progress_of(status.stream_descriptor.name).status = status.status
        elif trace.error is not None:
            error = trace.error
            about = error.stream_descriptor.name if error.stream_descriptor else None
            kind = error.failure_type or "system_error"
            self.failures.append(SyncFailure("source", kind, error.message, about))

    def _progress_of(self, stream: str) -> StreamProgress:
        try:
            return self.progress[stream]
        except KeyError:
            raise ProtocolError(
                f"The connector sent a message about {stream!r}, which is not in the catalog."
            ) from None

    def _flush(self, name: str) -> None:
        batch, state = self._batches.pop(name, None), self._states.pop(name, None)
        progress = self.progress[name]
        if batch is None:
            if state is not None:
                self._load(progress.stream, self._folder, 0, state)
            return
        batch.close()
        self._load(progress.stream, batch.path, batch.rows, state)
        progress.committed += batch.rows
        batch.path.unlink()


def sync_folder() -> tempfile.TemporaryDirectory[str]:
    """A private folder for the batches of one sync."""
    return tempfile.TemporaryDirectory(prefix="polygon-sync-")
