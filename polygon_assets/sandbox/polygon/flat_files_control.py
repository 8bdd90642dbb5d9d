"""The flat files' routes: the bucket, and the simulator's own endpoint that replaces a file."""

from datetime import date

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polygon_assets.sandbox.polygon.errors import json_response
from polygon_assets.sandbox.polygon.flat_files import FlatFiles, Version, key_of
from polygon_assets.sandbox.polygon.paths import FLAT_FILES, PREFIX
from polygon_assets.sandbox.polygon.s3 import FlatFileBucket


class Replacement(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /sandbox/flat-files``."""

    dataset: str
    session: date
    version: Version = "final"
    """``early``: some of the volume that is reported late is missing."""


class FlatFileEndpoints:
    """The bucket and what changes it.

    Args:
        files: What is in the bucket.
        bucket: Serves them.
    """

    def __init__(self, files: FlatFiles, bucket: FlatFileBucket) -> None:
        self._files, self._bucket = files, bucket

    def routes(self) -> list[Route]:
        """Routes of this group."""
        return [
            Route(FLAT_FILES, self._bucket),
            Route(f"{FLAT_FILES}/{{key:path}}", self._bucket),
            Route(f"{PREFIX}flat-files", self._replace, methods=["POST"]),
        ]

    async def _replace(self, request: Request) -> Response:
        try:
            wanted = msgspec.json.decode(await request.body(), type=Replacement)
            self._files.replace(wanted.dataset, wanted.session, wanted.version)
        except (msgspec.DecodeError, ValueError) as error:
            return json_response({"error": str(error)}, 400)
        return json_response(
            {"key": key_of(wanted.dataset, wanted.session), "version": wanted.version}
        )
