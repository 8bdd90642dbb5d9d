"""Where a queued run comes from, without a code server."""

from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)


def origin(job: str) -> RemoteJobOrigin:
    """The origin of a job of the code location."""
    location = RegisteredCodeLocationOrigin("polygon_assets")
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job)
