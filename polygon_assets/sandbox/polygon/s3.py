"""The vendor's S3 endpoint: a read-only bucket of flat files, addressed by path.

As much of S3 as boto3 needs to list, look at and read objects.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path
from xml.etree.ElementTree import Element

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from polygon_assets.sandbox.polygon import s3_listing
from polygon_assets.sandbox.polygon.flat_files import FlatFile, FlatFiles
from polygon_assets.sandbox.polygon.paths import FLAT_FILES, is_flat_file
from polygon_assets.sandbox.polygon.s3_answers import (
    NAMESPACE,
    S3Error,
    access_denied,
    document,
    empty,
    not_implemented,
)
from polygon_assets.sandbox.polygon.s3_signature import is_signed, verify

REGION = "us-east-1"
_CHUNK_BYTES = 1 << 20
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class Span:
    """Bytes of a file: from ``first`` to ``last``, both included."""

    first: int
    last: int


class FlatFileBucket:
    """ASGI application: the bucket.

    Args:
        files: What is in it.
        access_key_id: The only accepted key.
        secret_access_key: Its secret.
    """

    def __init__(self, files: FlatFiles, access_key_id: str, secret_access_key: str) -> None:
        self._files = files
        self._keys = access_key_id, secret_access_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            verify(request, *self._keys)
            response = await self._answer(request)
        except S3Error as error:
            response = error.response(with_body=request.method != "HEAD")
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if not is_flat_file(request.scope["path"]):
            raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist")
        if request.method not in {"GET", "HEAD"}:
            raise access_denied()
        key = request.scope["path"].removeprefix(FLAT_FILES).removeprefix("/")
        if key:
            return await self._object(request, key)
        if request.method == "HEAD":
            return empty(200, {"x-amz-bucket-region": REGION})
        return await self._bucket(request)

    async def _bucket(self, request: Request) -> Response:
        if "location" in request.query_params:
            return document(Element("LocationConstraint", xmlns=NAMESPACE))  # none: us-east-1
        if request.query_params.get("list-type") != "2":
            raise not_implemented(f"GET /?{request.url.query} (use ListObjectsV2)")
        wanted = s3_listing.parse(request.query_params)
        bucket = FLAT_FILES.removeprefix("/")
        return document(
            await asyncio.to_thread(
                s3_listing.page, wanted, bucket, self._files.keys(), self._files.get
            )
        )

    async def _object(self, request: Request, key: str) -> Response:
        unknown = set(request.query_params) - {"x-id"}
        if unknown:
            raise not_implemented(f"{request.method} object with {', '.join(sorted(unknown))}")
        file = await asyncio.to_thread(self._files.get, key)
        if file is None:
            raise S3Error(404, "NoSuchKey", "The specified key does not exist.", Key=key)
        headers = {
            "ETag": f'"{file.md5}"',
            "Last-Modified": format_datetime(file.modified_utc, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        if not _matches(request.headers.get("if-match", "*"), file):
            raise S3Error(
                412, "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
                Condition="If-Match",
            )  # fmt: skip
        if _matches(request.headers.get("if-none-match", ""), file):
            return empty(304, headers)
        span = _span(request.headers.get("range", ""), file.size)
        whole = Span(0, file.size - 1)
        if span is not None:
            headers["Content-Range"] = f"bytes {span.first}-{span.last}/{file.size}"
        return _content(request, file.path, span or whole, 206 if span else 200, headers)


class SignedRequests:
    """ASGI middleware: a request that is signed for S3 is S3's, whichever bucket it names.

    Args:
        app: Answers all others.
        bucket: Answers that there is no other bucket than itself.
    """

    def __init__(self, app: ASGIApp, bucket: FlatFileBucket) -> None:
        self._app, self._bucket = app, bucket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer as S3."""
        is_elsewhere = scope["type"] == "http" and not is_flat_file(scope["path"])
        app = self._bucket if is_elsewhere and is_signed(Request(scope)) else self._app
        await app(scope, receive, send)


def _matches(condition: str, file: FlatFile) -> bool:
    """Whether a list of ETags, or ``*``, names this file."""
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in condition.split(",")]
    return "*" in tags or file.md5 in tags


def _span(header: str, size: int) -> Span | None:
    """The bytes that are asked for; None for the whole file, also when the header is not valid.

    Raises:
        S3Error: The file has no such bytes.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        span = Span(max(size - int(last), 0), size - 1)
    else:
        span = Span(int(first), min(int(last), size - 1) if last else size - 1)
        if last and int(last) < int(first):
            return None
    if span.first >= size:
        raise S3Error(
            416, "InvalidRange", "The requested range is not satisfiable",
            RangeRequested=header, ActualObjectSize=str(size),
        )  # fmt: skip
    return span


def _content(
    request: Request, path: Path, span: Span, status_code: int, headers: dict[str, str]
) -> Response:
    headers["Content-Type"] = "application/gzip"
    headers["Content-Length"] = str(span.last - span.first + 1)
    if request.method == "HEAD":
        return empty(status_code, headers)
    return StreamingResponse(_chunks(path, span), status_code, headers)


def _chunks(path: Path, span: Span) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(span.first)
        remaining = span.last - span.first + 1
        while remaining:
            chunk = file.read(min(remaining, _CHUNK_BYTES))
            remaining -= len(chunk)
            yield chunk
