"""Airbyte: runs the connector that fills the raw tables."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg
import requests
from dagster._utils.cached_method import cached_method
from dagster_airbyte import AirbyteWorkspace
from dagster_airbyte.resources import AirbyteClient
from pydantic import Field

from polygon_assets.env import Names
from polygon_assets.resources.airbyte_job import JobDetails, StreamCounts, details_of
from polygon_assets.settings import AirbyteSettings, from_env

WHOLE_WINDOW_DAYS = 36_500
"""A lookback that reaches behind any saved state: the connector then reads the whole window."""

_ENDED_BADLY = re.compile(r"Job (failed|was cancelled): (\d+)$")


@dataclass(frozen=True)
class SyncReport:
    """What one sync did.

    Attributes:
        job_id: Airbyte's number of the job.
        rows: Records that the destination took, repeated ones included.
        bytes: Size of these records.
        seconds: From the request to the job's end.
        job_url: Where Airbyte's user interface shows the job.
        streams: Stream -> its counts, as far as Airbyte tells them.
        notices: Warnings of the connector and of Airbyte.
        skipped: Paths of the vendor's API that were skipped because the plan lacks the dataset.
    """

    job_id: int
    rows: int
    bytes: int
    seconds: float
    job_url: str = ""
    streams: Mapping[str, StreamCounts] = field(default_factory=dict[str, StreamCounts])
    notices: tuple[str, ...] = ()
    skipped: frozenset[str] = frozenset()


class _Client(AirbyteClient):
    """dagster-airbyte's client, which would take its secret along on a redirect, and show it."""

    client_secret: str | None = Field(default=None, repr=False)

    def _get_session(self, include_additional_request_headers: bool) -> requests.Session:
        session = super()._get_session(include_additional_request_headers)
        session.max_redirects = 0
        return session


class PolygonAirbyte(AirbyteWorkspace):
    """dagster-airbyte's workspace, with syncs of a window of sessions.

    Airbyte has no partitions, so a window is a setting of the connection's source: one sync of a
    connection at a time. Works with Airbyte Cloud and self-managed Airbyte by their addresses.
    """

    poll_interval: float = Field(
        default=0.5, description="Seconds between two looks at a running sync."
    )
    # Airbyte that is away for some seconds, such as for an update, fails no sync.
    request_max_retries: int = Field(
        default=15, description="How often a request that failed is sent again."
    )
    request_retry_delay: float = Field(default=1.0, description="Seconds before each time.")
    client_secret: str | None = Field(
        default=None, repr=False, description="Secret of the application client."
    )
    database: str = Field(
        description="Database that the syncs of this deployment fill; empty = it does not sync"
    )

    @cached_method
    def get_client(self) -> AirbyteClient:
        """The client; one for all calls, as it keeps its token."""
        return _Client(**dict(super().get_client()))

    def sync_window(self, connection_name: str, first: str, last: str) -> SyncReport:
        """Read the days from first to last again, whatever was read before.

        Args:
            connection_name: Name of the connection in the workspace.
            first: First day, New York date, ``YYYY-MM-DD``.
            last: Last day, inclusive.

        Returns:
            What was synced. A success says nothing about single days: count them in the warehouse.

        Raises:
            dagster.Failure: This deployment does not sync, the connection does not exist or fills
                another deployment's database, a sync of it is already running, or the job failed;
                the text then holds the job's own reason.
            ValueError: The days are not dates, or the first is after the last.
        """
        if date.fromisoformat(first) > date.fromisoformat(last):
            raise ValueError(f"The window ends before it starts: {first} to {last}.")
        if not self.database:
            raise dg.Failure(
                "Airbyte is off in branch deployments: raw tables are clones of production's. "
                "Deselect the raw assets; for newer sessions clone once more (job "
                "clone_deployment, refresh)."
            )
        client = self.get_client()
        connection = _connection(client, connection_name)
        self._require_own(client, connection)
        connection_id = str(connection["connectionId"])
        started = time.monotonic()
        _set_window(client, str(connection["sourceId"]), first, last)
        try:
            job = client.sync_and_poll(connection_id).job_details
        except dg.Failure as failure:
            raise _with_reason(client, connection_name, failure) from failure
        seconds = round(time.monotonic() - started, 3)
        job_id = int(job["jobId"])
        details, untold = _details(client, job_id)
        return SyncReport(
            job_id=job_id,
            rows=_first_told(job.get("rowsSynced"), details.totals.loaded),
            bytes=_first_told(job.get("bytesSynced"), details.totals.bytes),
            seconds=seconds,
            job_url=_timeline_url(client, connection_id),
            streams=details.streams,
            notices=(*details.notices, *untold),
            skipped=details.skipped,
        )

    def _require_own(self, client: AirbyteClient, connection: Mapping[str, Any]) -> None:
        """Refuse a connection that would fill the tables of another deployment."""
        found = client.get_destination_details(str(connection["destinationId"]))
        database = str(found["configuration"].get("database", ""))
        if database.upper() != self.database.upper():
            raise dg.Failure(
                f"The connection {connection['name']} fills the database {database}, and this "
                f"deployment's is {self.database}: the Airbyte workspace {self.workspace_id} "
                "belongs to another deployment. Check AIRBYTE_WORKSPACE_ID and POLYGON_DEPLOYMENT."
            )


def airbyte(names: Names) -> PolygonAirbyte:
    """The workspace of one deployment, at the addresses in the environment."""
    settings = AirbyteSettings()
    return PolygonAirbyte(
        rest_api_base_url=settings.rest_url,
        configuration_api_base_url=settings.config_url,
        workspace_id=settings.workspace_id,
        client_id=settings.client_id,
        client_secret=from_env("AIRBYTE_CLIENT_SECRET", "sandbox"),
        database=names.airbyte_database,
    )


def _connection(client: AirbyteClient, name: str) -> Mapping[str, Any]:
    connections = client.get_connections()
    found = [each for each in connections if each["name"] == name]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(str(each["name"]) for each in connections)) or "none"
    many = "several connections are" if found else "there is no connection"
    raise dg.Failure(
        f"In the Airbyte workspace {client.workspace_id} {many} named {name!r}; it has: {names}."
    )


def _set_window(client: AirbyteClient, source_id: str, first: str, last: str) -> None:
    window = {"start_date": first, "end_date": last, "lookback_days": WHOLE_WINDOW_DAYS}
    # The library has no call for this; its request method brings the token and the retries.
    client._single_request(  # pyright: ignore[reportPrivateUsage]
        method="PATCH",
        url=f"{client.rest_api_base_url}/sources/{source_id}",
        data={"configuration": window},
    )


def _with_reason(client: AirbyteClient, connection: str, failure: dg.Failure) -> dg.Failure:
    """The same failure with the job's own reason, which the public API does not tell."""
    ended = _ENDED_BADLY.search(failure.description or "")
    if ended is None:
        return failure
    job_id = int(ended[2])
    details, untold = _details(client, job_id)
    # Beside the failure of each stream the connector sends a summary, which adds nothing.
    failures = [one for one in details.failures if one.stream] or details.failures
    reasons = [str(one) for one in failures] or [*untold] or ["Airbyte gives no reason."]
    return dg.Failure(
        f"Airbyte job {job_id} of {connection} {ended[1]}: {' | '.join(reasons)}",
        metadata={
            "airbyte_job_id": job_id,
            "airbyte_connection": connection,
            "failed_streams": sorted({one.stream for one in failures if one.stream}),
            "notices": list(details.notices),
        },
    )


def _details(client: AirbyteClient, job_id: int) -> tuple[JobDetails, tuple[str, ...]]:
    """What the configuration API tells of a job, and a notice where it tells nothing.

    A sync that is over does not fail because its numbers cannot be had.
    """
    try:
        answer = client._single_request(  # pyright: ignore[reportPrivateUsage]
            method="POST", url=f"{client.configuration_api_base_url}/jobs/get", data={"id": job_id}
        )
    except dg.Failure as failure:
        return details_of({}), (f"The job's details are not known: {failure.description}",)
    return details_of(answer), ()


def _first_told(*numbers: Any) -> int:
    """The first number that was told, else 0."""
    return next((int(number) for number in numbers if number is not None), 0)


def _timeline_url(client: AirbyteClient, connection_id: str) -> str:
    """The connection's jobs in the user interface; a single job has no address of its own."""
    host = client.configuration_api_base_url.partition("/api")[0]
    return f"{host}/workspaces/{client.workspace_id}/connections/{connection_id}/timeline"
