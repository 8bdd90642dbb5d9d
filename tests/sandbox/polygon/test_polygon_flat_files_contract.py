"""The simulated bucket against moto's S3: the same calls, the same answers."""

from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from flat_files_calls import BUCKET, CALLS, EVERY_KEY, FIRST, client, outcome
from moto.server import ThreadedMotoServer
from polygon_vendor import Vendor

pytestmark = pytest.mark.xdist_group("polygon_flat_files_contract")
NOON_AFTER = "2005-03-01T12:00:00-05:00"
READ_ONLY = (
    '{"Version": "2012-10-17", "Statement":'
    ' [{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*", "s3:Head*"], "Resource": "*"}]}'
)


@pytest.fixture(scope="module")
def ours(vendor: Vendor) -> BaseClient:
    vendor.http.post("/sandbox/clock", json={"now": NOON_AFTER}).raise_for_status()
    return client(vendor.url)


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def moto(moto_url: str, ours: Any) -> BaseClient:
    theirs: Any = client(moto_url)
    theirs.create_bucket(Bucket=BUCKET)
    for key in EVERY_KEY:
        content = ours.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        theirs.put_object(Bucket=BUCKET, Key=key, Body=content, ContentType="application/gzip")
    return theirs


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_answered_alike(name: str, ours: BaseClient, moto: BaseClient) -> None:
    assert outcome(CALLS[name], ours) == outcome(CALLS[name], moto)


def test_keys_are_checked_alike(vendor: Vendor, moto_url: str, moto: BaseClient) -> None:
    iam = boto3.client(
        "iam", endpoint_url=moto_url, region_name="us-east-1",
        aws_access_key_id="a", aws_secret_access_key="b",
    )  # fmt: skip
    iam.create_user(UserName="reader")
    made = iam.create_access_key(UserName="reader")["AccessKey"]
    key, secret = made["AccessKeyId"], made["SecretAccessKey"]
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=READ_ONLY)
    httpx.post(f"{moto_url}/moto-api/reset-auth", content=b"0").raise_for_status()
    try:
        for call in (_list, _get, _head, _put):
            for theirs, our in (
                (client(moto_url, key, secret), client(vendor.url)),
                (client(moto_url, "AKIAOTHER", secret), client(vendor.url, key="other")),
                (client(moto_url, key, "other"), client(vendor.url, secret="other")),
            ):
                assert _code(call, our) == _code(call, theirs)
    finally:
        httpx.post(f"{moto_url}/moto-api/reset-auth", content=b"inf")


def _code(call: Any, s3: BaseClient) -> tuple[int, str | None]:
    try:
        return call(s3)["ResponseMetadata"]["HTTPStatusCode"], None
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status, error.response["Error"]["Code"]


def _list(s3: Any) -> Any:
    return s3.list_objects_v2(Bucket=BUCKET, Prefix=FIRST)


def _get(s3: Any) -> Any:
    return s3.get_object(Bucket=BUCKET, Key=FIRST)


def _head(s3: Any) -> Any:
    return s3.head_object(Bucket=BUCKET, Key=FIRST)


def _put(s3: Any) -> Any:
    return s3.put_object(Bucket=BUCKET, Key=FIRST, Body=b"text")
