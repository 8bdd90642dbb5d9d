"""What Airbyte's configuration API tells about a job: counts, notices, failures.

Airbyte's versions fill different parts of the answer, so each part may be missing: what is not
told is None or empty here, never an error.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

NOT_ENTITLED = "NOT_ENTITLED"
"""The connector's mark for a dataset that it skipped, because the vendor's plan lacks it."""

MAX_NOTICES = 20
MAX_NOTICE_LENGTH = 300

_ADDRESS = re.compile(r"https?://[^\s)\"']+")
_NOTABLE = re.compile(rf"\b(WARN|WARNING|ERROR|FATAL|{NOT_ENTITLED})\b")

Json = Mapping[str, Any]


@dataclass(frozen=True)
class StreamCounts:
    """What a sync counted of one stream, over all attempts; None where Airbyte does not tell.

    Attributes:
        read: Records that the connector sent.
        loaded: Records that the destination committed.
        bytes: Size of the records read.
    """

    read: int | None = None
    loaded: int | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class StreamFailure:
    """Why a job failed, in Airbyte's or the connector's words.

    Attributes:
        stream: The stream it is about; empty where Airbyte names none.
        message: The reason.
    """

    stream: str
    message: str

    def __str__(self) -> str:
        return f"{self.stream}: {self.message}" if self.stream else self.message


@dataclass(frozen=True)
class JobDetails:
    """What is known of a job.

    Attributes:
        totals: Counts of all streams together.
        streams: Stream -> its counts.
        notices: The warnings, and what was skipped, each once; at most ``MAX_NOTICES``.
        skipped: Paths of the requests that were skipped because the vendor's plan lacks the
            dataset; an empty text where a notice names none.
        failures: The reasons of a failed job.
    """

    totals: StreamCounts
    streams: Mapping[str, StreamCounts]
    notices: tuple[str, ...]
    skipped: frozenset[str]
    failures: tuple[StreamFailure, ...]


def details_of(answer: Json) -> JobDetails:
    """Read the answer of ``jobs/get``."""
    attempts = [_object(entry.get("attempt")) for entry in _objects(answer.get("attempts"))]
    counted: dict[str, list[Json]] = {}
    for attempt in attempts:
        for one in _objects(attempt.get("streamStats")):
            counted.setdefault(str(one.get("streamName")), []).append(_object(one.get("stats")))
    return JobDetails(
        totals=_counts([_object(attempt.get("totalStats")) for attempt in attempts]),
        streams={name: _counts(stats) for name, stats in counted.items()},
        notices=_notices(answer),
        skipped=_skipped(answer),
        failures=_failures(attempts),
    )


def _counts(stats: Sequence[Json]) -> StreamCounts:
    return StreamCounts(
        read=_sum(stats, "recordsEmitted"),
        loaded=_sum(stats, "recordsCommitted"),
        bytes=_sum(stats, "bytesEmitted"),
    )


def _sum(stats: Sequence[Json], name: str) -> int | None:
    told = [int(one[name]) for one in stats if one.get(name) is not None]
    return sum(told) if told else None


def _notices(answer: Json) -> tuple[str, ...]:
    lines = (line[:MAX_NOTICE_LENGTH] for line in _log_lines(answer) if _NOTABLE.search(line))
    return tuple(list(dict.fromkeys(lines))[:MAX_NOTICES])


def _skipped(answer: Json) -> frozenset[str]:
    marked = (line for line in _log_lines(answer) if NOT_ENTITLED in line)
    return frozenset(_path_in(line) for line in marked)


def _path_in(text: str) -> str:
    """The path of the first address in a text; empty where there is none."""
    address = _ADDRESS.search(text)
    return urlsplit(address[0]).path if address else ""


def _log_lines(answer: Json) -> Iterator[str]:
    """The log as text: older versions send lines, newer ones send events."""
    for entry in _objects(answer.get("attempts")):
        logs = _object(entry.get("logs"))
        for line in cast("Sequence[Any]", logs.get("logLines") or ()):
            yield str(line).strip()
        for event in _objects(logs.get("events")):
            yield f"{event.get('level', '')} {event.get('message', '')}".strip()


def _failures(attempts: Sequence[Json]) -> tuple[StreamFailure, ...]:
    found: dict[StreamFailure, None] = {}
    for attempt in attempts:
        for one in _objects(_object(attempt.get("failureSummary")).get("failures")):
            message = one.get("externalMessage") or one.get("internalMessage")
            stream = _object(one.get("streamDescriptor")).get("name")
            if message:
                found.setdefault(StreamFailure(str(stream or ""), str(message)), None)
    return tuple(found)


def _object(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, Mapping) else {}


def _objects(value: Any) -> list[Json]:
    given = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("Json", one) for one in given if isinstance(one, Mapping)]
