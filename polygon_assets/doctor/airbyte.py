"""Airbyte: client, workspace, and what publishing would change. Airbyte tells no version."""

from collections.abc import Sequence

import dagster as dg

from polygon_assets.doctor.findings import (
    ACCEPTED,
    Finding,
    Findings,
    ok,
    problem,
    reached,
    told,
    warning,
)
from polygon_assets.env import Names
from polygon_assets.preflight import AIRBYTE, MissingCredentialError, ServiceUnreachableError
from polygon_assets.publish.api import PublishError
from polygon_assets.publish.manifest import ManifestError
from polygon_assets.publish.publish import Change, publish
from polygon_assets.resources.airbyte import airbyte

KINDS = ("definition", "source", "destination", "connection")
_PUBLISH = "Run `polygon connector publish`."


def examine(names: Names, *, probe: bool) -> Findings:
    """Whether both APIs take the client, and the workspace holds what is published."""
    del probe  # publishing itself, which changes nothing twice, is the probe
    if not names.airbyte_database:
        yield ok(ACCEPTED, "not used: a branch deployment reads production's raw tables")
        return
    if not (yield from reached(AIRBYTE)):
        return
    try:
        changes = publish(names, dry_run=True)
    except (
        *(PublishError, ManifestError),
        *(MissingCredentialError, ServiceUnreachableError),
    ) as error:
        yield told(ACCEPTED, error)
        return
    yield ok(ACCEPTED, "the client may read the workspace's objects")
    for kind in KINDS:
        yield _kind(kind, [change for change in changes if change.kind == kind])
    yield _configuration_api(names)


def _kind(kind: str, changes: Sequence[Change]) -> Finding:
    missing = [change.name for change in changes if change.action == "create"]
    differ = [change for change in changes if change.action == "update"]
    if missing:
        return problem(f"{kind}s", f"Missing: {', '.join(missing)}", _PUBLISH)
    if differ:
        text = "; ".join(f"{one.name}: {', '.join(one.details[:3])}" for one in differ)
        return warning(f"{kind}s", f"Not as published: {text}", _PUBLISH)
    return ok(f"{kind}s", f"{len(changes)} as published")


def _configuration_api(names: Names) -> Finding:
    """The second API, from which a sync's details come."""
    check = "configuration API"
    client = airbyte(names).process_config_and_initialize().get_client()
    client = client.model_copy(update={"request_max_retries": 0})
    try:
        found = client.get_connections()
        if found:
            client.get_connection_details(str(found[0]["connectionId"]))
    except dg.Failure as failure:
        return problem(check, failure.description or "It refuses", "Check AIRBYTE_CONFIG_URL.")
    return ok(check, "it answers")
