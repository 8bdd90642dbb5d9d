"""Answers of the HTTP interface: in one piece, streamed, or an error."""

import json
import secrets
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler

from polygon_assets.sandbox.clickhouse.compression import Encoder, choose_encoding, encoder
from polygon_assets.sandbox.clickhouse.engine import Rows
from polygon_assets.sandbox.clickhouse.errors import ClickHouseError, from_engine
from polygon_assets.sandbox.clickhouse.execute import Done, Streaming
from polygon_assets.sandbox.clickhouse.request import Request

_CONTENT_TYPES = {
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
}
_TEXT = "text/plain; charset=UTF-8"


def send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]
) -> None:
    """Send an answer in one piece."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def send_json(handler: BaseHTTPRequestHandler, facts: Mapping[str, str | int]) -> None:
    """Send facts about the server."""
    send(handler, 200, json.dumps(facts).encode(), {"Content-Type": "application/json"})


def send_error(handler: BaseHTTPRequestHandler, error: ClickHouseError, version: str) -> None:
    """Send an error, with its code in a header as well."""
    headers = {"Content-Type": _TEXT, "X-ClickHouse-Exception-Code": str(error.code)}
    send(handler, error.http_status, error.message(version).encode(), headers)


def send_done(
    handler: BaseHTTPRequestHandler, request: Request, done: Done, headers: dict[str, str]
) -> None:
    """Send what a statement returned."""
    headers = headers | {"X-ClickHouse-Summary": json.dumps(done.summary)}
    output = done.output
    if done.output_format:
        headers |= _format_headers(done.output_format)
    encoding = _encoding(request)
    if encoding and output:
        compressor = encoder(encoding)
        output = compressor.compress(output) + compressor.flush()
        headers["Content-Encoding"] = encoding
    send(handler, 200, output, headers)


def send_stream(
    handler: BaseHTTPRequestHandler,
    request: Request,
    streaming: Streaming,
    headers: dict[str, str],
    version: str,
) -> None:
    """Send rows as the engine finds them.

    An error before the first row is raised, and becomes an ordinary error answer. After it, the
    status has been sent: the error goes into the body, between marks that the headers announce.

    Raises:
        ClickHouseError: The query failed before its first row.
        OSError: The client has gone; the query has been cancelled.
    """
    pieces = _pieces(streaming.rows)
    first = next(pieces, b"")
    tag = secrets.token_hex(8)
    encoding = _encoding(request)
    compressor = encoder(encoding)
    headers = headers | _format_headers(streaming.output_format)
    headers |= {"X-ClickHouse-Exception-Tag": tag, "Transfer-Encoding": "chunked"}
    if encoding:
        headers["Content-Encoding"] = encoding
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    try:
        _write_chunk(handler, compressor.compress(first))
        _write_rest(handler, pieces, compressor, tag, version)
        _write_chunk(handler, compressor.flush())
        handler.wfile.write(b"0\r\n\r\n")
    except OSError:
        streaming.rows.cancel()
        raise


def _write_rest(
    handler: BaseHTTPRequestHandler,
    pieces: Iterator[bytes],
    compressor: Encoder,
    tag: str,
    version: str,
) -> None:
    try:
        for piece in pieces:
            _write_chunk(handler, compressor.compress(piece))
    except ClickHouseError as error:
        text = error.message(version).encode()
        mark = tag.encode()
        block = b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n"
        _write_chunk(handler, compressor.compress(block % (mark, text, len(text), mark)))


def _pieces(rows: Rows) -> Iterator[bytes]:
    while True:
        try:
            result = rows.fetch()
        except RuntimeError as error:
            raise from_engine(error) from error
        if result is None:
            return
        yield result.bytes() or b""


def _write_chunk(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    if data:
        handler.wfile.write(b"%x\r\n" % len(data))
        handler.wfile.write(data)
        handler.wfile.write(b"\r\n")


def _encoding(request: Request) -> str:
    if not request.flag("enable_http_compression"):
        return ""
    return choose_encoding(request.headers.get("Accept-Encoding", ""))


def _format_headers(name: str) -> dict[str, str]:
    return {"X-ClickHouse-Format": name, "Content-Type": _CONTENT_TYPES.get(name, _TEXT)}
