"""What a table of the schema RAW is: its rows, their sessions and their keys."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class RawTable:
    """A table of the schema RAW with session partitions.

    Attributes:
        name: Name of the table, in lower case.
        session: SQL expression over its columns: the New York date of the session of a row.
        unique_by: Columns or expressions, in upper case; no two rows agree in all of them, and
            none is null.
        description: What the table holds.
        every_session: Whether a session without rows is an error. Corporate actions are sparse.
        band: Rows of a session as a share of the median of the sessions before: the lowest and
            the highest that is usual. None where the number of rows says nothing.
    """

    name: str
    session: str
    unique_by: tuple[str, ...]
    description: str
    every_session: bool = True
    band: tuple[float, float] | None = None

    @property
    def key(self) -> list[str]:
        """The asset key."""
        return ["raw", "polygon", self.name]

    def qualified(self, database: str) -> str:
        """The table's full name in Snowflake."""
        return f"{database}.RAW.{self.name.upper()}"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One small request to the vendor's API, whose records have the fields of a stream.

    Attributes:
        path: Path of the request; empty for that of the stream's own requests.
        parameters: The query. In both, ``{session}`` stands for a session, ``{ticker}`` for a
            ticker.
        at: The key of the answer that holds the record or the list of records. Empty where the
            answer is the record, or the list, itself.
        renamed: The vendor's names of fields that the connector renames -> the connector's.
    """

    path: str = ""
    parameters: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    at: str = "results"
    renamed: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, kw_only=True)
class StreamTable(RawTable):
    """A raw table that Airbyte fills from a stream of the connector.

    Attributes:
        stream: Name of the stream in the connector's manifest.
        path: Path of the stream's requests; ``{session}`` stands for a session, ``{ticker}`` for a
            ticker.
        sample: How to see the fields of the stream's records.
        rows_per_request: Records of one answer at most; None where the vendor names no limit.
        requests_per_day: Requests for a calendar day at least; 0 where one request covers the
            whole window.
        whole_sessions: Whether a sync brings all rows of a session or none. The vendor's day of
            news is not New York's, so a sync also brings the evening of the day before.
    """

    stream: str
    path: str
    sample: Sample
    rows_per_request: int | None = None
    requests_per_day: int = 0
    whole_sessions: bool = True

    @property
    def by_ticker(self) -> bool:
        """Whether it is read for chosen tickers only, each with requests of its own."""
        return "{ticker}" in self.path

    def is_path(self, path: str) -> bool:
        """Whether a request with this path was one of the stream's."""
        words = re.split(r"\{\w+\}", self.path)
        return re.fullmatch("[^/]+".join(re.escape(word) for word in words), path) is not None

    def requests_at_least(self, days: int, rows: int) -> int:
        """How many requests a sync of so many calendar days and rows has made, at least.

        Airbyte does not count them. Retries are not in it, nor requests with an empty answer
        beyond the first, nor those of single tickers without rows.
        """
        slices = max(1, self.requests_per_day * days)
        pages = -(-rows // self.rows_per_request) if self.rows_per_request else 0
        return max(slices, pages)
