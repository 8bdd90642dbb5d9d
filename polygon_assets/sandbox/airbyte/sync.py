"""One sync: the connector's messages to the warehouse, nothing lost, nothing counted twice."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from polygon_assets.sandbox.airbyte.batch import Batch
from polygon_assets.sandbox.airbyte.catalog import ConfiguredStream
from polygon_assets.sandbox.airbyte.joblog import JobLog
from polygon_assets.sandbox.airbyte.protocol import (
    Message,
    ProtocolError,
    Record,
    State,
    Trace,
    decode_line,
    field_names,
)

CHECKPOINT_ROWS = 200_000
"""A batch this large is loaded at the next state; a smaller one waits for the stream's end."""

SAMPLE_EVERY = 128
"""One record of so many is looked through for fields that the schema lacks."""

Load = Callable[[ConfiguredStream, Path, int, str | None], None]
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
        states: States received from the connector.
        since_state: Records since the last state, which the connector's count must equal.
        status: The connector's last word: STARTED, RUNNING, COMPLETE or INCOMPLETE.
        unknown_fields: Fields that records carried and the schema lacks; they are not loaded.
    """

    stream: ConfiguredStream
    emitted: int = 0
    committed: int = 0
    emitted_bytes: int = 0
    states: int = 0
    since_state: int = 0
    status: str = "PENDING"
    unknown_fields: set[str] = field(default_factory=set[str])


class Sync:
    """Takes the lines of one connector run and loads what they carry.

    Memory stays bounded whatever the number of records: a batch is a file, and it is loaded at a
    state.

    Attributes:
        progress: Counts by stream; may be read by another thread while the sync runs.
        failures: What went wrong so far.
        log: What the connector said.
    """

    def __init__(
        self, streams: Sequence[ConfiguredStream], folder: Path, load: Load, log: JobLog
    ) -> None:
        self.progress = {stream.name: StreamProgress(stream) for stream in streams}
        self.failures: list[SyncFailure] = []
        self.log = log
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
        if message is None:
            return
        if message.record is not None:
            self._take_record(message.record, len(line))
        else:
            self._take_other(message)

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
        """Drop batches that were not loaded, and say which fields were not known."""
        for batch in self._batches.values():
            batch.close()
        self._batches.clear()
        for name, progress in self.progress.items():
            if progress.unknown_fields:
                names = ", ".join(sorted(progress.unknown_fields))
                self.log.add("WARN", f"{name}: records carry fields without a schema: {names}")

    def _take_other(self, message: Message) -> None:
        if message.state is not None:
            self._take_state(message.state)
        elif message.trace is not None:
            self._take_trace(message.trace)
        elif message.log is not None:
            self.log.add(message.log.level, message.log.message)
        elif message.type in ("RECORD", "STATE", "TRACE"):
            raise ProtocolError(f"The connector printed a {message.type} without its content.")

    def _take_record(self, record: Record, size: int) -> None:
        progress = self._progress_of(record.stream)
        if not bytes(record.data).startswith(b"{"):
            raise ProtocolError(f"{record.stream}: the data of a record is not a JSON object.")
        if progress.emitted % SAMPLE_EVERY == 0:
            progress.unknown_fields |= (
                field_names(record.data) - progress.stream.stream.fields.keys()
            )
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
        progress.states += 1
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
