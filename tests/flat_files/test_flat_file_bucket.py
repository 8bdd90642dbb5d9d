"""The resource: what goes over the wire, what is retried, and what is said when it fails."""

import gzip
import hashlib
import io
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from botocore.awsrequest import AWSResponse
from botocore.response import StreamingBody
from flat_files_support import Outside

from polygon_assets.resources import flat_files as resource
from polygon_assets.resources.flat_files import (
    Bucket,
    FlatFileError,
    FlatFiles,
    TornDownloadError,
    flat_files,
    key_of,
)

pytestmark = pytest.mark.xdist_group("flat_files")

KEY = key_of("day_aggs_v1", date(2005, 2, 28))
CONTENT = gzip.compress(b"h\n" * 9999)
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "PAUSES_SECONDS", (0.0, 0.0))


class ScriptedClient:
    """Gives these answers in turn."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)

    def get_object(self, **_: Any) -> dict[str, Any]:
        return self.answers.pop(0)


def answer(content: bytes = CONTENT, etag: str = MD5, length: int = len(CONTENT)) -> dict[str, Any]:
    return {
        "ETag": f'"{etag}"',
        "ContentLength": length,
        "Body": StreamingBody(io.BytesIO(content), length),
    }


def bucket(*answers: dict[str, Any]) -> Bucket:
    return Bucket(ScriptedClient(*answers), "flatfiles", "http://nowhere")


def test_a_torn_download_is_asked_for_again(tmp_path: Path) -> None:
    half = CONTENT[: len(CONTENT) // 2]
    spoiled = CONTENT[:-1] + b"x"
    done = bucket(answer(half), answer(spoiled), answer()).download(KEY, tmp_path / "x")
    assert (done.attempts, done.file.etag, done.file.size) == (3, MD5, len(CONTENT))
    assert (tmp_path / "x").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("torn", "said"),
    [
        ({"content": CONTENT[:9]}, "was torn"),
        ({"content": CONTENT[:-1] + b"x"}, "the MD5 of what arrived"),
        ({"etag": ""}, "without an ETag"),
    ],
    ids=["shorter", "spoiled", "no file"],
)
def test_torn_every_time_it_fails(tmp_path: Path, torn: dict[str, Any], said: str) -> None:
    with pytest.raises(TornDownloadError, match=said):
        bucket(*(answer(**torn) for _ in range(3))).download(KEY, tmp_path / "x")


def test_the_etag_of_a_file_in_parts_is_no_md5(tmp_path: Path) -> None:
    done = bucket(answer(etag=f"{MD5}-3")).download(KEY, tmp_path / "x")
    assert done.file.etag == f"{MD5}-3"


def test_addressed_by_path_and_signed_with_version_4() -> None:
    files = FlatFiles(
        bucket="flatfiles",
        endpoint_url="https://files.example.com",
        region_name="us-east-1",
        aws_access_key_id="the-key",
        aws_secret_access_key="the-secret",
    )
    client = files.service("s3")
    sent: list[Any] = []

    def keep(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        missing = AWSResponse(request.url, 404, {}, None)
        missing._content = b""
        return missing

    client.meta.events.register("before-send.s3", keep)
    assert Bucket(client, files.bucket, str(files.endpoint_url)).head(KEY) is None
    [request] = sent
    assert request.url == f"https://files.example.com/flatfiles/{KEY}"
    authorization = str(request.headers["Authorization"])
    assert "AWS4-HMAC-SHA256 Credential=the-key/" in authorization
    assert "the-secret" not in f"{request.url} {request.headers}"


def test_secrets_are_references_to_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAT_FILES_ACCESS_KEY_ID", "a-key")
    monkeypatch.setenv("FLAT_FILES_SECRET_ACCESS_KEY", "a-secret")
    made = flat_files()
    assert isinstance(made.aws_secret_access_key, dg.EnvVar)
    assert "a-secret" not in repr(made)


def test_the_bucket_tells_size_and_etag_or_that_there_is_no_such_file(
    outside: Outside, tmp_path: Path
) -> None:
    found = outside.flat_files.open().head(KEY)
    assert found is not None
    done = outside.flat_files.open().download(KEY, tmp_path / "x")
    assert done.file == found
    assert hashlib.md5((tmp_path / "x").read_bytes()).hexdigest() == found.etag
    sunday = key_of("day_aggs_v1", date(2005, 2, 27))
    assert outside.flat_files.open().head(sunday) is None
    with pytest.raises(FlatFileError, match=r"has not published us_stocks_sip/.*2005-02-27"):
        outside.flat_files.open().download(sunday, tmp_path / "y")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"aws_access_key_id": "other"}, r"refused .* \(403 .*check FLAT_FILES_ACCESS_KEY_ID"),
        ({"aws_secret_access_key": "other"}, r"refused .* \(403 .*SECRET_ACCESS_KEY"),
        ({"endpoint_url": "http://127.0.0.1:9"}, "do not answer at http://127.0.0.1:9: check FLAT"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(
    outside: Outside, tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    fields = outside.flat_files.model_dump() | changed | {"max_attempts": 1}
    opened = FlatFiles(**fields).open()
    with pytest.raises(FlatFileError, match=said) as refused:
        opened.download(KEY, tmp_path / "x")
    assert "other" not in str(refused.value)
    with pytest.raises(FlatFileError):
        opened.head(KEY)
