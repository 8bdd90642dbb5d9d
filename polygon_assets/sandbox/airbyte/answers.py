"""Objects and jobs in the words of Airbyte's two APIs."""

from typing import Any

import msgspec

from polygon_assets.publish.manifest import Stream, connection_specification
from polygon_assets.sandbox.airbyte.catalog import sync_catalog
from polygon_assets.sandbox.airbyte.configuration import masked, secret_paths
from polygon_assets.sandbox.airbyte.destination import DEFINITION_ID, SPECIFICATION
from polygon_assets.sandbox.airbyte.objects import Connection, Definition, Destination, Source
from polygon_assets.sandbox.airbyte.store import Job

Json = dict[str, Any]


def public_definition(definition: Definition) -> Json:
    """A declarative source definition."""
    return {
        "id": definition.id,
        "name": definition.name,
        "manifest": definition.manifest,
        "version": definition.version,
    }


def public_source(source: Source, definition: Definition, workspace_id: str) -> Json:
    """A source; secrets are masked."""
    secrets = secret_paths(connection_specification(definition.manifest))
    return {
        "sourceId": source.id,
        "name": source.name,
        "sourceType": definition.name,
        "definitionId": source.definition_id,
        "workspaceId": workspace_id,
        "configuration": masked(source.configuration, secrets),
        "createdAt": source.created_at,
    }


def public_destination(destination: Destination, workspace_id: str) -> Json:
    """A destination; secrets are masked."""
    return {
        "destinationId": destination.id,
        "name": destination.name,
        "destinationType": "snowflake",
        "definitionId": DEFINITION_ID,
        "workspaceId": workspace_id,
        "configuration": masked(destination.configuration, secret_paths(SPECIFICATION)),
        "createdAt": destination.created_at,
    }


def public_connection(connection: Connection, workspace_id: str) -> Json:
    """A connection as the public API shows it."""
    return {
        "connectionId": connection.id,
        "name": connection.name,
        "sourceId": connection.source_id,
        "destinationId": connection.destination_id,
        "workspaceId": workspace_id,
        "status": connection.status,
        "schedule": {"scheduleType": "manual"},
        "namespaceDefinition": "destination",
        "prefix": connection.prefix,
        "nonBreakingSchemaUpdatesBehavior": connection.non_breaking_schema_updates_behavior,
        "configurations": {"streams": msgspec.to_builtins(connection.streams)},
        "createdAt": connection.created_at,
        "tags": [],
    }


def config_connection(connection: Connection, known: dict[str, Stream]) -> Json:
    """A connection with its catalog, as the configuration API's ``connections/get`` shows it."""
    chosen = {one.name: one for one in connection.streams}
    streams = [sync_catalog(stream, chosen.get(name)) for name, stream in known.items()]
    return {
        "connectionId": connection.id,
        "name": connection.name,
        "namespaceDefinition": "destination",
        "prefix": connection.prefix,
        "sourceId": connection.source_id,
        "destinationId": connection.destination_id,
        "scheduleType": "manual",
        "status": connection.status,
        "syncCatalog": {"streams": streams},
    }


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
    streams: list[Json] = job.attempt.get("streams", [])
    attempt: Json = {
        "id": 0,
        "status": job.status,
        "createdAt": started,
        "updatedAt": updated,
        "bytesSynced": job.bytes,
        "recordsSynced": job.rows,
        "totalStats": {
            "recordsEmitted": _total(streams, "emitted"),
            "bytesEmitted": _total(streams, "bytes"),
            "recordsCommitted": _total(streams, "committed"),
            "stateMessagesEmitted": _total(streams, "states"),
        },
        "streamStats": [_stream_stats(counts) for counts in streams],
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
        "attempts": [{"attempt": attempt, "logs": {"logLines": job.attempt.get("log", [])}}],
    }


def _total(streams: list[Json], counter: str) -> int:
    return sum(int(counts.get(counter, 0)) for counts in streams)


def _stream_stats(counts: Json) -> Json:
    return {
        "streamName": counts["stream"],
        "stats": {
            "recordsEmitted": counts["emitted"],
            "bytesEmitted": counts["bytes"],
            "recordsCommitted": counts["committed"],
            "stateMessagesEmitted": counts.get("states", 0),
        },
    }


def _failure(failure: Json, timestamp: int) -> Json:
    return {
        "failureOrigin": failure["origin"],
        "failureType": failure["kind"],
        "externalMessage": failure["message"],
        "streamDescriptor": {"name": failure["stream"]} if failure.get("stream") else None,
        "timestamp": timestamp,
    }
