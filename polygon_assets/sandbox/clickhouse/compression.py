"""The content encodings of ClickHouse's HTTP interface: gzip, deflate, lz4 (frames) and zstd."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, cast

import lz4.frame
import zstandard

from polygon_assets.sandbox.clickhouse.errors import ClickHouseError

_FAST_GZIP = 3
_FAST_ZSTD = 1


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class Encoder(Protocol):
    """Compresses a stream piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """Take the next piece; return what is ready to be sent, maybe nothing."""
        ...

    def flush(self) -> bytes:
        """Return the rest and the end mark."""
        ...


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    "deflate": zlib.decompressobj,
    "lz4": lambda: cast("_Decoder", lz4.frame.LZ4FrameDecompressor()),
    "zstd": lambda: cast("_Decoder", zstandard.ZstdDecompressor().decompressobj()),
}


class _Lz4Encoder:
    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._header: bytes = self._frame.begin()

    def compress(self, data: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + cast("bytes", self._frame.compress(data))

    def flush(self) -> bytes:
        header, self._header = self._header, b""
        return header + cast("bytes", self._frame.flush())


class _PlainEncoder:
    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


_ENCODERS: dict[str, Callable[[], Encoder]] = {
    "lz4": _Lz4Encoder,
    "zstd": lambda: cast("Encoder", zstandard.ZstdCompressor(level=_FAST_ZSTD).compressobj()),
    "gzip": lambda: zlib.compressobj(_FAST_GZIP, zlib.DEFLATED, zlib.MAX_WBITS | 16),
    "deflate": lambda: zlib.compressobj(_FAST_GZIP),
}


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Decompress a request body piece by piece.

    Args:
        chunks: The body as received; several frames may follow each other.
        encoding: The Content-Encoding; empty or ``identity`` for none.

    Raises:
        ClickHouseError: Unknown encoding, damaged data, or data that ends within a frame: half a
            batch must never be stored.
    """
    if encoding in ("", "identity"):
        yield from chunks
        return
    if encoding not in _DECODERS:
        known = ", ".join(_DECODERS)
        raise ClickHouseError(
            89, "UNKNOWN_COMPRESSION_METHOD", f"Unknown Content-Encoding {encoding}; use {known}."
        )
    decoder: _Decoder | None = None
    for received in chunks:
        rest = received
        while rest:
            decoder = decoder or _DECODERS[encoding]()
            yield _decompress(decoder, rest, encoding)
            rest = b""
            if decoder.eof:
                rest, decoder = decoder.unused_data or b"", None
    if decoder is not None:
        raise ClickHouseError(271, "CANNOT_DECOMPRESS", f"The {encoding} body ends too early.")


def _decompress(decoder: _Decoder, data: bytes, encoding: str) -> bytes:
    try:
        return decoder.decompress(data)
    except (zlib.error, zstandard.ZstdError, RuntimeError) as error:
        raise ClickHouseError(
            271, "CANNOT_DECOMPRESS", f"The body is not valid {encoding}: {error}."
        ) from error


def choose_encoding(accepted: str) -> str:
    """The encoding of an answer.

    Args:
        accepted: The request's Accept-Encoding.

    Returns:
        The cheapest one that the client accepts; empty for none.
    """
    offered = {item.split(";")[0].strip() for item in accepted.split(",")}
    return next((name for name in _ENCODERS if name in offered), "")


def encoder(encoding: str) -> Encoder:
    """A fresh encoder for one answer; one that changes nothing where the encoding is empty."""
    return _ENCODERS[encoding]() if encoding else _PlainEncoder()
