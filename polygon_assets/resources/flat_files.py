"""The vendor's flat files: one gzip CSV per session and dataset in an S3-compatible bucket."""

import hashlib
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from polygon_assets.resources.aws import AwsResource
from polygon_assets.settings import FlatFileSettings, from_env

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

CHUNK_BYTES = 1 << 20
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""Waits before a torn download is tried again."""

_MD5 = re.compile(r"[0-9a-f]{32}")
_TRANSIENT_STATUS = 500
_TOO_MANY_REQUESTS = 429


class FlatFileError(Exception):
    """The flat files cannot be read; the text says why and what to do."""


class FileNotPublishedError(FlatFileError):
    """There is no such file in the bucket."""


class TornDownloadError(FlatFileError):
    """What arrived is not the file; it may arrive when it is asked for again."""


@dataclass(frozen=True)
class PublishedFile:
    """A file as the bucket describes it.

    Attributes:
        key: Its name in the bucket.
        etag: Changes whenever the vendor replaces the file; without the quotes that S3 adds.
        size: Bytes.
    """

    key: str
    etag: str
    size: int


@dataclass(frozen=True)
class Download:
    """A file that arrived whole.

    Attributes:
        file: What the bucket said of it.
        attempts: How often it was asked for, 1 without a torn download.
    """

    file: PublishedFile
    attempts: int


def key_of(dataset: str, session: date) -> str:
    """The key of a session's file.

    Args:
        dataset: The vendor's name, such as ``minute_aggs_v1``.
        session: New York date.
    """
    return f"us_stocks_sip/{dataset}/{session:%Y/%m}/{session}.csv.gz"


class Bucket:
    """The bucket with the flat files. Several threads may use one."""

    def __init__(self, client: Any, name: str, endpoint: str) -> None:
        """Read a bucket.

        Args:
            client: boto3's S3 client.
            name: Name of the bucket.
            endpoint: Its address, for errors.
        """
        self._client = client
        self._name = name
        self._endpoint = endpoint

    def head(self, key: str) -> PublishedFile | None:
        """What the bucket says of a file; None where it has none of that name.

        Raises:
            FlatFileError: The bucket does not answer, or refuses.
        """
        try:
            with self._explained(key):
                return _published(key, self._client.head_object(Bucket=self._name, Key=key))
        except FileNotPublishedError:
            return None

    def download(self, key: str, target: Path) -> Download:
        """Stream a file to disk; a torn one is asked for again.

        The number of bytes is compared with Content-Length, and their MD5 with the ETag. (The ETag
        of a file that the vendor uploaded in parts is no MD5 and cannot be compared.)

        Raises:
            FileNotPublishedError: There is no such file.
            TornDownloadError: It did not arrive whole, several times in a row.
            FlatFileError: The bucket does not answer, or refuses.
        """
        for attempt, pause in enumerate((*PAUSES_SECONDS, None), start=1):
            try:
                with self._explained(key):
                    return Download(self._download_once(key, target), attempt)
            except TornDownloadError:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _download_once(self, key: str, target: Path) -> PublishedFile:
        answer = self._client.get_object(Bucket=self._name, Key=key)
        file = _published(key, answer)
        digest, size = hashlib.md5(usedforsecurity=False), 0
        with target.open("wb") as written:
            for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):
                digest.update(chunk)
                size += written.write(chunk)
        if size != file.size:
            raise TornDownloadError(f"{key} was torn: {size} of {file.size} bytes arrived.")
        if _MD5.fullmatch(file.etag) and digest.hexdigest() != file.etag:
            raise TornDownloadError(
                f"{key} was torn: the MD5 of what arrived is {digest.hexdigest()}, the ETag is "
                f"{file.etag}."
            )
        return file

    @contextmanager
    def _explained(self, key: str) -> Generator[None, None, None]:
        from botocore import exceptions as s3_errors

        try:
            yield
        except (
            s3_errors.EndpointConnectionError,
            s3_errors.ConnectTimeoutError,
            s3_errors.ProxyConnectionError,
            s3_errors.SSLError,
        ) as error:
            raise FlatFileError(
                f"The flat files do not answer at {self._endpoint}: check FLAT_FILES_ENDPOINT_URL, "
                "or start the sandbox with `polygon up`."
            ) from error
        except (
            s3_errors.ConnectionClosedError,
            s3_errors.IncompleteReadError,
            s3_errors.ReadTimeoutError,
            s3_errors.ResponseStreamingError,
        ) as error:
            raise TornDownloadError(f"{key} was torn: {error}") from error
        except s3_errors.ClientError as error:
            raise self._refusal(key, error) from error

    def _refusal(self, key: str, error: "ClientError") -> FlatFileError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code == "NoSuchBucket":
            return FlatFileError(
                f"{self._endpoint} has no bucket {self._name!r}: check FLAT_FILES_BUCKET."
            )
        if status == 404:
            return FileNotPublishedError(f"The vendor has not published {key}.")
        if status in (401, 403):
            return FlatFileError(
                f"The flat files refused {key} ({status} {code}): check FLAT_FILES_ACCESS_KEY_ID "
                "and FLAT_FILES_SECRET_ACCESS_KEY, which are not the REST API's key, and that the "
                "plan includes flat files of that day."
            )
        if status >= _TRANSIENT_STATUS or status == _TOO_MANY_REQUESTS:
            return TornDownloadError(f"The flat files did not give {key} ({status} {code}).")
        return FlatFileError(f"The flat files did not give {key} ({status} {code}).")


class FlatFiles(AwsResource):
    """dagster-aws' S3 with the name of the vendor's bucket."""

    bucket: str = Field(description="Bucket of the flat files")

    def open(self) -> Bucket:
        """The bucket; nothing is connected yet."""
        return Bucket(self.service("s3"), self.bucket, self.endpoint_url)


def flat_files() -> FlatFiles:
    """The flat files at the address in the environment."""
    settings = FlatFileSettings()
    return FlatFiles(
        bucket=settings.bucket,
        endpoint_url=settings.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=from_env("FLAT_FILES_ACCESS_KEY_ID", "sandbox"),
        aws_secret_access_key=from_env("FLAT_FILES_SECRET_ACCESS_KEY", "sandbox"),
    )


def _published(key: str, answer: dict[str, Any]) -> PublishedFile:
    etag = str(answer.get("ETag", "")).strip('"')
    if not etag:
        raise TornDownloadError(f"{key} came without an ETag: the answer is not a file of S3.")
    return PublishedFile(key, etag, int(answer["ContentLength"]))
