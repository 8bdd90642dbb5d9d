"""The vendor's flat files: their own keys, and the plan."""

from datetime import UTC, datetime, timedelta

from polygon.exceptions import BadResponse
from urllib3.exceptions import HTTPError

from polygon_assets.defs.flat_files.tables import TABLES
from polygon_assets.doctor.findings import ACCEPTED, Findings, ok, reached, told
from polygon_assets.env import Names
from polygon_assets.preflight import FLAT_FILES, ServiceUnreachableError
from polygon_assets.resources.flat_files import FlatFileError, flat_files, key_of
from polygon_assets.resources.polygon import polygon
from polygon_assets.sessions import current_or_previous_session

PUBLISHED_AFTER = timedelta(days=2)
"""The vendor publishes a file at 11:00 New York on the day after its session."""


def examine(_names: Names, *, probe: bool) -> Findings:
    """Whether the bucket lets us look at a file of each dataset."""
    del probe  # nothing is written to the vendor
    if not (yield from reached(FLAT_FILES)):
        return
    session = current_or_previous_session(_now() - PUBLISHED_AFTER).session_date
    bucket = flat_files().process_config_and_initialize().open()
    for table in TABLES:
        key = key_of(table.dataset, session)
        try:
            file = bucket.head(key)
        except FlatFileError as error:
            yield told(ACCEPTED, error)
            return
        found = f"{key}: {file.size:,} bytes" if file else f"the bucket answers; no {key}"
        yield ok(table.dataset, found)


def _now() -> datetime:
    """The market's clock, or this machine's: the vendor has a check of its own."""
    try:
        return polygon().process_config_and_initialize().now()
    except (BadResponse, HTTPError, ServiceUnreachableError):
        return datetime.now(UTC)
