"""Jobs, connections, sources and the destination in the words of Airbyte's two APIs."""

from typing import Any

from polygon_assets.sandbox.airbyte.store import Job
from polygon_assets.sandbox.airbyte.warehouse import Destination
from polygon_assets.sandbox.airbyte.workspace import (
    DESTINATION_ID,
    SECRET_MASK,
    Connection,
    Workspace,
)

Json = dict[str, Any]


def public_job(job: Job) -> Json:
    """A job as the public API shows it: without the reason of a failure."""
    seconds = int((job.updated_at - job.started_at).total_seconds())
    return {
        "jobId": job.job_id,
        "status": job.status,
        "jobType": "sync",
        "connectionId": job.connection_id,
        "startTime": job.started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lastUpdatedAt": job.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "duration": f"PT{seconds}S",
        "bytesSynced": job.bytes,
        "rowsSynced": job.rows,
    }


def config_job(job: Job) -> Json:
    """A job with its attempt, as the configuration API's ``jobs/get`` shows it."""
    started, updated = int(job.started_at.timestamp()), int(job.updated_at.timestamp())
    attempt: Json = {
        "id": 0,
        "status": job.status,
        "createdAt": started,
        "updatedAt": updated,
        "bytesSynced": job.bytes,
        "recordsSynced": job.rows,
        "streamStats": [_stream_stats(counts) for counts in job.attempt.get("streams", [])],
        "notices": job.attempt.get("notices", []),
    }
    if job.finished:
        attempt["endedAt"] = updated
    if failures := job.attempt.get("failures"):
        attempt["failureSummary"] = {
            "failures": [_failure(failure, updated) for failure in failures],
            "partialSuccess": job.rows > 0,
        }
    return {
        "job": {
            "id": job.job_id,
            "configType": "sync",
            "configId": job.connection_id,
            "status": job.status,
            "createdAt": started,
            "updatedAt": updated,
        },
        "attempts": [{"attempt": attempt}],
    }


def public_connection(connection: Connection, workspace: Workspace) -> Json:
    """A connection as the public API shows it."""
    return {
        "connectionId": connection.connection_id,
        "name": connection.name,
        "sourceId": connection.source_id,
        "destinationId": DESTINATION_ID,
        "workspaceId": workspace.workspace_id,
        "status": "active",
        "schedule": {"scheduleType": "manual"},
        "namespaceDefinition": "destination",
        "prefix": "",
        "configurations": {
            "streams": [
                {
                    "name": stream.name,
                    "syncMode": "incremental_deduped_history",
                    "cursorField": [stream.cursor_field],
                    "primaryKey": [[field] for field in stream.primary_key],
                }
                for stream in connection.streams
            ]
        },
    }


def config_connection(connection: Connection) -> Json:
    """A connection with its catalog, as the configuration API's ``connections/get`` shows it."""
    return {
        "connectionId": connection.connection_id,
        "name": connection.name,
        "namespaceDefinition": "destination",
        "prefix": "",
        "sourceId": connection.source_id,
        "destinationId": DESTINATION_ID,
        "scheduleType": "manual",
        "status": "active",
        "syncCatalog": {"streams": [stream.sync_catalog() for stream in connection.streams]},
    }


def public_source(source_id: str, name: str, workspace: Workspace) -> Json:
    """A source; secrets are masked."""
    return {
        "sourceId": source_id,
        "name": name,
        "sourceType": "polygon",
        "workspaceId": workspace.workspace_id,
        "configuration": workspace.masked_configuration(source_id),
    }


def public_destination(destination: Destination, workspace: Workspace) -> Json:
    """The destination; secrets are masked."""
    connection = destination.connection
    return {
        "destinationId": DESTINATION_ID,
        "name": "snowflake",
        "destinationType": "snowflake",
        "workspaceId": workspace.workspace_id,
        "configuration": {
            "host": connection["host"],
            "role": connection["role"],
            "warehouse": connection["warehouse"],
            "username": connection["user"],
            "credentials": {"auth_type": "Username and Password", "password": SECRET_MASK},
            "database": destination.database,
            "schema": destination.schema,
        },
    }


def _stream_stats(counts: Json) -> Json:
    return {
        "streamName": counts["stream"],
        "stats": {
            "recordsEmitted": counts["emitted"],
            "recordsCommitted": counts["committed"],
            "bytesEmitted": counts["bytes"],
        },
        "status": counts["status"],
        "unknownFields": counts["unknown_fields"],
    }


def _failure(failure: Json, timestamp: int) -> Json:
    return {
        "failureOrigin": failure["origin"],
        "failureType": failure["kind"],
        "externalMessage": failure["message"],
        "streamDescriptor": {"name": failure["stream"]} if failure.get("stream") else None,
        "timestamp": timestamp,
    }
