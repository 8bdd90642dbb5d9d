"""Airbyte: runs the connector that fills the raw tables."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
from dagster_airbyte import AirbyteWorkspace
from dagster_airbyte.resources import AirbyteClient
from pydantic import Field

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
    """

    job_id: int
    rows: int
    bytes: int
    seconds: float


class PolygonAirbyte(AirbyteWorkspace):
    """dagster-airbyte's workspace, with syncs of a window of sessions.

    Airbyte has no partitions, so a window is a setting of the connection's source: one sync of a
    connection at a time. Works with Airbyte Cloud and self-managed Airbyte by their addresses.
    """

    poll_interval: float = Field(
        default=1.0, description="Seconds between two looks at a running sync."
    )

    def sync_window(self, connection_name: str, first: str, last: str) -> SyncReport:
        """Read the days from first to last again, whatever was read before.

        Args:
            connection_name: Name of the connection in the workspace.
            first: First day, New York date, ``YYYY-MM-DD``.
            last: Last day, inclusive.

        Returns:
            What was synced. A success says nothing about single days: count them in the warehouse.

        Raises:
            dagster.Failure: The connection does not exist, a sync of it is already running, or the
                job failed; the text then holds the job's own reason.
            ValueError: The days are not dates, or the first is after the last.
        """
        if date.fromisoformat(first) > date.fromisoformat(last):
            raise ValueError(f"The window ends before it starts: {first} to {last}.")
        client = self.get_client()
        connection = _connection(client, connection_name)
        started = time.monotonic()
        _set_window(client, str(connection["sourceId"]), first, last)
        try:
            output = client.sync_and_poll(str(connection["connectionId"]))
        except dg.Failure as failure:
            raise _with_reason(client, connection_name, failure) from failure
        job = output.job_details
        return SyncReport(
            job_id=int(job["jobId"]),
            rows=int(job.get("rowsSynced") or 0),
            bytes=int(job.get("bytesSynced") or 0),
            seconds=round(time.monotonic() - started, 3),
        )


def airbyte() -> PolygonAirbyte:
    """The workspace at the addresses in the environment."""
    settings = AirbyteSettings()
    return PolygonAirbyte(
        rest_api_base_url=settings.rest_url,
        configuration_api_base_url=settings.config_url,
        workspace_id=settings.workspace_id,
        client_id=settings.client_id,
        client_secret=from_env("AIRBYTE_CLIENT_SECRET", "sandbox"),
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
    reason = _reason(client, job_id)
    return dg.Failure(
        f"Airbyte job {job_id} of {connection} {ended[1]}: {reason}",
        metadata={"airbyte_job_id": job_id, "airbyte_connection": connection},
    )


def _reason(client: AirbyteClient, job_id: int) -> str:
    answer = client._single_request(  # pyright: ignore[reportPrivateUsage]
        method="POST", url=f"{client.configuration_api_base_url}/jobs/get", data={"id": job_id}
    )
    failures = [
        failure
        for entry in answer.get("attempts", [])
        for failure in (entry["attempt"].get("failureSummary") or {}).get("failures", [])
    ]
    messages = [
        str(each.get("externalMessage") or each.get("internalMessage")) for each in failures
    ]
    return " | ".join(dict.fromkeys(messages)) or "Airbyte gives no reason."
