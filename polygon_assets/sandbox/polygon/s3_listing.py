"""S3's ListObjectsV2 for the bucket of flat files.

A listing tells the size and the MD5 of each file, so the files on a page have to be made. A page
that would take too long ends early and says that there is more, as S3 may: a client that follows
the continuation tokens gets every key, and one that asks for the next page finds it half made.
"""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement

from starlette.datastructures import QueryParams

from polygon_assets.sandbox.polygon.flat_files import FlatFile
from polygon_assets.sandbox.polygon.s3_answers import NAMESPACE, invalid_argument

MOST_KEYS = 1000
PAGE_SECONDS = 10.0
"""A page gets no further file after this time; it has one at least. Clients wait for 60 s."""


@dataclass(frozen=True)
class Listing:
    """What was asked for, with S3's names."""

    prefix: str
    delimiter: str
    max_keys: int
    start_after: str
    continuation_token: str
    """Empty on the first page."""
    encode: bool
    """Whether keys are URL-encoded in the answer, as boto3 asks for."""

    def entries(self, keys: Iterable[str]) -> Iterator[str]:
        """Keys and common prefixes in order; a common prefix ends with the delimiter."""
        last = _decoded(self.continuation_token)
        for key in keys:
            if not key.startswith(self.prefix) or key <= self.start_after:
                continue
            entry = self._rolled_up(key)
            if entry > last:
                last = entry
                yield entry

    def _rolled_up(self, key: str) -> str:
        if not self.delimiter:
            return key
        end = key.find(self.delimiter, len(self.prefix))
        return key if end < 0 else key[: end + len(self.delimiter)]


def parse(query: QueryParams) -> Listing:
    """The parameters of a listing.

    Raises:
        S3Error: ``max-keys`` or ``continuation-token`` are not valid.
    """
    given, token = query.get("max-keys", str(MOST_KEYS)), query.get("continuation-token", "")
    if not (given.isascii() and given.isdigit() and int(given) < 2**31):
        message = "Provided max-keys not an integer or within integer range"
        raise invalid_argument("max-keys", given, message)
    if token and not _decoded(token):
        raise invalid_argument(
            "continuation-token", token, "The continuation token provided is incorrect"
        )
    return Listing(
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        max_keys=min(int(given), MOST_KEYS),
        start_after=query.get("start-after", ""),
        continuation_token=token,
        encode=query.get("encoding-type") == "url",
    )


def page(
    wanted: Listing, bucket: str, keys: Iterable[str], get: Callable[[str], FlatFile | None]
) -> Element:
    """One page of a listing as S3's ``ListBucketResult``.

    Args:
        wanted: The parameters.
        bucket: Its name.
        keys: Every key of the bucket, ascending.
        get: Gives the file of a key; may take seconds.
    """
    files: list[FlatFile] = []
    prefixes: list[str] = []
    entries, last, has_more = wanted.entries(keys), "", False
    until = time.monotonic() + PAGE_SECONDS
    for entry in entries if wanted.max_keys else ():
        count = len(files) + len(prefixes)
        if count == wanted.max_keys or (count and time.monotonic() > until):
            has_more = True
            break
        last = entry
        if wanted.delimiter and entry.endswith(wanted.delimiter):
            prefixes.append(entry)
        elif (file := get(entry)) is not None:
            files.append(file)
    return _rendered(wanted, bucket, files, prefixes, last if has_more else None)


def _rendered(
    wanted: Listing, bucket: str, files: list[FlatFile], prefixes: list[str], last: str | None
) -> Element:
    def name(text: str) -> str:
        return quote(text, safe="/") if wanted.encode else text

    root = Element("ListBucketResult", xmlns=NAMESPACE)
    _add(root, Name=bucket, Prefix=name(wanted.prefix), MaxKeys=str(wanted.max_keys))
    _add(root, KeyCount=str(len(files) + len(prefixes)), IsTruncated=str(last is not None).lower())
    if wanted.delimiter:
        _add(root, Delimiter=name(wanted.delimiter))
    if wanted.start_after:
        _add(root, StartAfter=name(wanted.start_after))
    if wanted.continuation_token:
        _add(root, ContinuationToken=wanted.continuation_token)
    if last is not None:
        _add(root, NextContinuationToken=_encoded(last))
    if wanted.encode:
        _add(root, EncodingType="url")
    for file in files:
        _add(
            SubElement(root, "Contents"),
            Key=name(file.key),
            LastModified=f"{file.modified_utc:%Y-%m-%dT%H:%M:%S.000Z}",
            ETag=f'"{file.md5}"',
            Size=str(file.size),
            StorageClass="STANDARD",
        )
    for prefix in prefixes:
        _add(SubElement(root, "CommonPrefixes"), Prefix=name(prefix))
    return root


def _add(parent: Element, **texts: str) -> None:
    for tag, text in texts.items():
        SubElement(parent, tag).text = text


def _encoded(entry: str) -> str:
    return urlsafe_b64encode(entry.encode()).decode()


def _decoded(token: str) -> str:
    """The last entry of the page before; empty when the token is none of ours."""
    try:
        return urlsafe_b64decode(token.encode()).decode()
    except ValueError:
        return ""
