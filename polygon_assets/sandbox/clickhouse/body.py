"""The body of a request: its transfer and content encodings, and its multipart form."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from io import BufferedIOBase

from polygon_assets.sandbox.clickhouse.compression import decoded

_PIECE = 1 << 20
_LONGEST_LINE = 1 << 16
_NAME = re.compile(rb'[; ]name="([^"]*)"')
_FILE_NAME = re.compile(rb'[; ]filename="')


class BrokenRequestError(Exception):
    """The client went away, or broke HTTP's framing, before its request was complete."""


class RequestBody:
    """The decoded body of one request, read once, in pieces.

    Args:
        source: The connection, behind the request's headers.
        headers: The request's headers.
    """

    def __init__(self, source: BufferedIOBase, headers: Message) -> None:
        self._source = source
        chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        length = headers.get("Content-Length") or "0"
        if not length.isdecimal():
            raise BrokenRequestError(f"{length!r} is not the length of a body.")
        self._received = self._chunked() if chunked else self._exactly(int(length))
        self._decoded = decoded(self._received, headers.get("Content-Encoding", "").lower())

    def __iter__(self) -> Iterator[bytes]:
        """The decoded pieces that have not been read yet.

        Raises:
            BrokenRequestError: The body is incomplete.
            ClickHouseError: The content encoding is unknown or the data damaged.
        """
        return self._decoded

    def read(self) -> bytes:
        """All that has not been read yet."""
        return b"".join(self._decoded)

    def discard(self) -> None:
        """Take the rest off the connection, so that the next request can be read from it."""
        for _ in self._received:
            pass

    def _exactly(self, length: int) -> Iterator[bytes]:
        while length:
            piece = self._source.read(min(length, _PIECE))
            if not piece:
                raise BrokenRequestError("The connection ended within the body.")
            length -= len(piece)
            yield piece

    def _chunked(self) -> Iterator[bytes]:
        while size := self._chunk_size():
            yield from self._exactly(size)
            self._line()
        while self._line():
            pass  # trailers

    def _chunk_size(self) -> int:
        digits = self._line().split(b";")[0]
        try:
            return int(digits, 16)
        except ValueError as error:
            raise BrokenRequestError(f"{digits[:20]!r} is not the size of a chunk.") from error

    def _line(self) -> bytes:
        line = self._source.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise BrokenRequestError("The connection ended within the body.")
        return line.strip()


@dataclass(frozen=True)
class Form:
    """A multipart form: fields are parameters, files are tables that come with the query."""

    fields: dict[str, str]
    files: dict[str, bytes]


def read_form(body: bytes, boundary: str) -> Form:
    """Take a ``multipart/form-data`` body apart.

    Raises:
        BrokenRequestError: A part has no name.
    """
    form = Form({}, {})
    for part in body.split(b"--" + boundary.encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is None:
            raise BrokenRequestError("A part of the multipart form has no name.")
        content = content.removesuffix(b"\r\n")
        if _FILE_NAME.search(head):
            form.files[name.group(1).decode()] = content
        else:
            form.fields[name.group(1).decode()] = content.decode()
    return form
