"""The calls of an S3 client against a bucket of flat files, and what of their answers must agree.

``CALLS`` are run against the simulated vendor and against moto's S3 with the same objects.
"""

from collections.abc import Callable
from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET = "flatfiles"
ROOT = "us_stocks_sip"
MONTH = f"{ROOT}/day_aggs_v1/2005/02/"
KEYS = [f"{MONTH}2005-02-{day}.csv.gz" for day in (23, 24, 25, 28)]
FIRST, LAST = KEYS[0], KEYS[-1]
MINUTES = f"{ROOT}/minute_aggs_v1/2005/02/2005-02-28.csv.gz"
EVERY_KEY = [*KEYS, MINUTES]
AFTER = f"{MONTH}2005-02-22.csv.gz"
"""The vendor's bucket begins earlier; calls that list begin behind this key."""

_REPEATED = ("ContinuationToken", "StartAfter")
"""Parameters of a later page that S3's answer repeats; moto's does not."""


def client(url: str, key: str = "sandbox", secret: str = "sandbox") -> BaseClient:
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            retries={"max_attempts": 0},
            request_checksum_calculation="when_required",  # the vendor's objects have none
        ),
    )


def key_of(dataset: str, session: str) -> str:
    year, month, _ = session.split("-")
    return f"{ROOT}/{dataset}/{year}/{month}/{session}.csv.gz"


def _list(**wanted: Any) -> Callable[[Any], Any]:
    return lambda s3: s3.list_objects_v2(Bucket=BUCKET, **wanted)


def _get(**wanted: Any) -> Callable[[Any], Any]:
    return lambda s3: s3.get_object(Bucket=BUCKET, **{"Key": FIRST, **wanted})


def _head(**wanted: Any) -> Callable[[Any], Any]:
    return lambda s3: s3.head_object(Bucket=BUCKET, **{"Key": FIRST, **wanted})


def _second_page(**wanted: Any) -> Callable[[Any], Any]:
    def call(s3: Any) -> Any:
        first = s3.list_objects_v2(Bucket=BUCKET, **wanted)
        token = first["NextContinuationToken"]
        second = s3.list_objects_v2(Bucket=BUCKET, ContinuationToken=token, **wanted)
        return {name: value for name, value in second.items() if name not in _REPEATED}

    return call


def _etag(s3: Any) -> str:
    return s3.head_object(Bucket=BUCKET, Key=FIRST)["ETag"]


CALLS: dict[str, Callable[[Any], Any]] = {
    "head bucket": lambda s3: s3.head_bucket(Bucket=BUCKET),
    "head another bucket": lambda s3: s3.head_bucket(Bucket="stocks"),
    "list another bucket": lambda s3: s3.list_objects_v2(Bucket="stocks"),
    "get from another bucket": lambda s3: s3.get_object(Bucket="stocks", Key=FIRST),
    "bucket location": lambda s3: s3.get_bucket_location(Bucket=BUCKET),
    "list a month": _list(Prefix=MONTH, StartAfter=AFTER),
    "list a session": _list(Prefix=LAST),
    "list nothing": _list(Prefix=f"{ROOT}/quotes_v1/"),
    "list datasets": _list(Prefix=f"{ROOT}/", Delimiter="/"),
    "list roots": _list(Delimiter="/"),
    "list months": _list(Prefix=f"{ROOT}/day_aggs_v1/2005/02", Delimiter="/"),
    "list with both": _list(Prefix=MONTH, Delimiter="-28", StartAfter=AFTER),
    "list after a key": _list(Prefix=MONTH, StartAfter=KEYS[1]),
    "list a first page": _list(Prefix=MONTH, StartAfter=AFTER, MaxKeys=2),
    "list a second page": _second_page(Prefix=MONTH, StartAfter=AFTER, MaxKeys=3),
    "list prefixes by page": _list(Prefix=f"{ROOT}/", Delimiter="/", MaxKeys=1),
    "list prefixes, next page": _second_page(Prefix=f"{ROOT}/", Delimiter="/", MaxKeys=1),
    "list no keys": _list(Prefix=MONTH, MaxKeys=0),
    "head object": _head(),
    "head a missing object": _head(Key="us_stocks_sip/other.csv.gz"),
    "head, same tag": lambda s3: _head(IfMatch=_etag(s3))(s3),
    "head, not changed": lambda s3: _head(IfNoneMatch=_etag(s3))(s3),
    "get object": _get(),
    "get a missing object": _get(Key="us_stocks_sip/other.csv.gz"),
    "get a range": _get(Range="bytes=2-9"),
    "get the end": _get(Range="bytes=-7"),
    "get from a byte": _get(Range="bytes=5-"),
    "get past the end": _get(Range="bytes=5-99999999"),
    "get outside": _get(Range="bytes=99999999-"),
    "get, same tag": lambda s3: _get(IfMatch=_etag(s3))(s3),
    "get, other tag": _get(IfMatch='"0123"'),
    "get, not changed": lambda s3: _get(IfNoneMatch=_etag(s3))(s3),
    "get, changed": _get(IfNoneMatch='"0123"'),
}

_VOLATILE = ("LastModified", "NextContinuationToken")


def outcome(call: Callable[[Any], Any], s3: Any) -> dict[str, Any]:
    """What a caller sees: status, error code, every field; volatile ones by their type."""
    try:
        answer = call(s3)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return {"status": status, "error": error.response["Error"]["Code"]}
    if "Body" in answer:
        answer["Body"] = answer["Body"].read()
    metadata = answer.pop("ResponseMetadata")
    headers = metadata["HTTPHeaders"] if "ETag" in answer else {}
    kept = ("etag", "content-length", "content-range", "accept-ranges", "content-type")
    return {
        "status": metadata["HTTPStatusCode"],
        "headers": {name: headers[name] for name in kept if name in headers},
        **_comparable(answer),
    }


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: type(item).__name__ if name in _VOLATILE else _comparable(item)
            for name, item in value.items()
        }
    return [_comparable(item) for item in value] if isinstance(value, list) else value
