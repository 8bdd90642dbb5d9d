"""boto3, unmodified, against the simulated bucket."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.exceptions import ClientError
from flat_files_calls import BUCKET, client, key_of
from polygon_vendor import Vendor
from starlette.datastructures import QueryParams

from polygon_assets import sessions
from polygon_assets.sandbox.polygon import s3_listing
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.flat_files import FlatFiles
from polygon_assets.sandbox.polygon.market import Market

pytestmark = pytest.mark.xdist_group("polygon_flat_files_s3")
KEY = key_of("minute_aggs_v1", "2005-02-28")
MINUTES = "us_stocks_sip/minute_aggs_v1/"


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    running = Vendor(tmp_path_factory.mktemp("s3"))
    running.http.post("/sandbox/clock", json={"now": "2005-04-02T12:00:00-05:00"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def s3(vendor: Vendor) -> Any:
    return boto3.client(
        "s3", endpoint_url=vendor.url, aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox", region_name="eu-west-3",
    )  # fmt: skip


def test_a_file_is_downloaded_whole_and_in_parts(s3: Any, tmp_path: Path) -> None:
    whole = s3.get_object(Bucket=BUCKET, Key=KEY)
    content = whole["Body"].read()
    assert whole["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    assert "ContentEncoding" not in whole  # else clients would unpack it
    s3.download_file(BUCKET, KEY, str(tmp_path / "whole"))
    parts = TransferConfig(multipart_threshold=10_000, multipart_chunksize=10_000)
    s3.download_file(BUCKET, KEY, str(tmp_path / "parts"), Config=parts)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "parts").read_bytes() == content
    assert len(content) > 5 * 10_000


@pytest.mark.parametrize("most", [7, 1000])
def test_a_listing_tells_every_session(s3: Any, most: int) -> None:
    days = sessions.sessions_between(date(2005, 2, 1), date(2005, 4, 1))
    start_after = key_of("minute_aggs_v1", str(days[0]))
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix=MINUTES, StartAfter=start_after, PaginationConfig={"PageSize": most}
    )
    listed = [item for page in pages for item in page.get("Contents", [])]
    assert [item["Key"] for item in listed] == [
        key_of("minute_aggs_v1", str(day)) for day in days[1:]
    ]
    for item in listed[:3]:
        told = s3.head_object(Bucket=BUCKET, Key=item["Key"])
        assert (told["ETag"], told["ContentLength"]) == (item["ETag"], item["Size"])
        assert told["LastModified"] == item["LastModified"]


def test_a_page_that_takes_too_long_ends_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_listing, "PAGE_SECONDS", 0.0)
    noon = datetime(2005, 3, 2, 12, tzinfo=sessions.NEW_YORK).timestamp()
    files = FlatFiles(Market(["AAPL"]), Clock(lambda: noon), tmp_path)
    found: list[str | None] = []
    query = {"prefix": "us_stocks_sip/day_aggs_v1/2005/02/2005-02-2"}
    while True:
        wanted = s3_listing.parse(QueryParams(query))
        page = s3_listing.page(wanted, BUCKET, files.keys(), files.get)
        assert page.findtext("KeyCount") == "1"
        found.append(page.findtext("Contents/Key"))
        if page.findtext("IsTruncated") == "false":
            break
        query["continuation-token"] = page.findtext("NextContinuationToken") or ""
    assert found == [key_of("day_aggs_v1", f"2005-02-{day}") for day in (22, 23, 24, 25, 28)]


def test_the_bucket_can_be_walked_by_prefix(s3: Any) -> None:
    def prefixes(prefix: str) -> list[str]:
        answer = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix, Delimiter="/")
        return [item["Prefix"] for item in answer["CommonPrefixes"]]

    assert prefixes("") == ["us_stocks_sip/"]
    assert prefixes("us_stocks_sip/") == ["us_stocks_sip/day_aggs_v1/", MINUTES]
    assert prefixes(MINUTES) == [f"{MINUTES}{year}/" for year in (2003, 2004, 2005)]
    assert prefixes(f"{MINUTES}2005/")[-1] == f"{MINUTES}2005/04/"


def test_another_region_and_a_query_are_signed_right(vendor: Vendor) -> None:
    for region in ("us-east-1", "ap-south-1"):
        s3: Any = boto3.client(
            "s3", endpoint_url=vendor.url, aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox", region_name=region,
        )  # fmt: skip
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix=KEY + "&x= é+", StartAfter="~a b")
        assert found["KeyCount"] == 0
        assert found["Prefix"] == KEY + "&x= é+"


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [
        ("other", "sandbox", "InvalidAccessKeyId"),
        ("sandbox", "other", "SignatureDoesNotMatch"),
    ],
)
def test_other_keys_are_refused(vendor: Vendor, key: str, secret: str, code: str) -> None:
    s3: Any = client(vendor.url, key, secret)
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=BUCKET, Key=KEY)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_bucket_does_not_take_the_api_key(vendor: Vendor) -> None:
    refused = vendor.http.get(f"/{BUCKET}/{KEY}")
    assert (refused.status_code, "AuthorizationHeaderMalformed" in refused.text) == (400, True)
    unsigned: Any = boto3.client(
        "s3", endpoint_url=vendor.url, region_name="us-east-1",
        config=Config(signature_version=UNSIGNED),
    )  # fmt: skip
    with pytest.raises(ClientError, match="AccessDenied"):
        unsigned.get_object(Bucket=BUCKET, Key=KEY)


def test_a_changed_request_does_not_match_its_signature(vendor: Vendor, s3: Any) -> None:
    sent: dict[str, Any] = {}

    def keep(request: AWSPreparedRequest, **_: object) -> None:
        texts = {k: v if isinstance(v, str) else v.decode() for k, v in request.headers.items()}
        sent.update(url=request.url, headers=texts)

    s3.meta.events.register("before-send.s3.GetObject", keep)
    s3.get_object(Bucket=BUCKET, Key=KEY, Range="bytes=0-9")["Body"].read()
    headers = sent["headers"]
    assert httpx.get(sent["url"], headers=headers).status_code == 206
    other_url = sent["url"].replace("02-28", "02-25")
    other_date = {**headers, "X-Amz-Date": "20050301T000000Z"}
    for url, changed in ((other_url, headers), (sent["url"], other_date)):
        refused = httpx.get(url, headers=changed)
        assert (refused.status_code, "SignatureDoesNotMatch" in refused.text) == (403, True)


@pytest.mark.parametrize(
    "call",
    [
        lambda s3: s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"text"),
        lambda s3: s3.delete_object(Bucket=BUCKET, Key=KEY),
        lambda s3: s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": KEY}]}),
        lambda s3: s3.copy_object(Bucket=BUCKET, Key="a", CopySource=f"{BUCKET}/{KEY}"),
        lambda s3: s3.create_multipart_upload(Bucket=BUCKET, Key=KEY),
        lambda s3: s3.delete_bucket(Bucket=BUCKET),
    ],
)
def test_nothing_can_be_written(s3: Any, call: Any) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        call(s3)
    assert s3.head_object(Bucket=BUCKET, Key=KEY)["ContentLength"] > 0


@pytest.mark.parametrize(
    "call",
    [
        lambda s3: s3.list_objects(Bucket=BUCKET),
        lambda s3: s3.get_bucket_acl(Bucket=BUCKET),
        lambda s3: s3.get_object_tagging(Bucket=BUCKET, Key=KEY),
    ],
)
def test_what_is_not_simulated_says_so(vendor: Vendor, call: Any) -> None:
    with pytest.raises(ClientError, match="NotImplemented"):
        call(client(vendor.url))


@pytest.mark.parametrize(
    "wanted",
    [{"MaxKeys": -1}, {"ContinuationToken": "???"}, {"ContinuationToken": "abc"}],
)
def test_wrong_parameters_are_refused(s3: Any, wanted: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidArgument"):
        s3.list_objects_v2(Bucket=BUCKET, **wanted)


@pytest.mark.parametrize("given", ["bytes=9-2", "bytes=-", "lines=1-2", "bytes=0-1,4-5"])
def test_a_range_that_is_none_is_ignored(s3: Any, given: str) -> None:
    answer = s3.get_object(Bucket=BUCKET, Key=KEY, Range=given)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_rest_is_answered_while_files_are_made(vendor: Vendor, s3: Any) -> None:
    keys = [key_of("minute_aggs_v1", str(day)) for day in sessions.all_sessions()[:6]]
    with ThreadPoolExecutor(6) as pool:
        made = [pool.submit(s3.head_object, Bucket=BUCKET, Key=key) for key in keys]
        assert vendor.http.get("/healthz").status_code == 200
        assert not all(future.done() for future in made)
        assert all(future.result()["ContentLength"] > 0 for future in made)
