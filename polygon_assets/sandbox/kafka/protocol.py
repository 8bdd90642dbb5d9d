"""The primitive types of the Kafka protocol: reading requests and writing answers.

A message is *flexible* from some version on: strings, byte fields and arrays then carry
a variable-length size plus one, and every structure ends in tagged fields.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from polygon_assets.sandbox.kafka.errors import ProtocolError

T = TypeVar("T")

_INT8 = struct.Struct(">b")
_INT16 = struct.Struct(">h")
_INT32 = struct.Struct(">i")
_INT64 = struct.Struct(">q")


class Reader:
    """Reads one request from its bytes.

    Every method raises ProtocolError where the request is shorter than it claims to be.
    """

    __slots__ = ("_data", "_position", "flexible")

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._position = 0
        self.flexible = False

    def _take(self, size: int) -> memoryview:
        start = self._position
        end = start + size
        if size < 0 or end > len(self._data):
            raise ProtocolError(
                f"a field of {size} bytes at byte {start} of a request of {len(self._data)} bytes"
            )
        self._position = end
        return self._data[start:end]

    def int8(self) -> int:
        return int(_INT8.unpack(self._take(1))[0])

    def int16(self) -> int:
        return int(_INT16.unpack(self._take(2))[0])

    def int32(self) -> int:
        return int(_INT32.unpack(self._take(4))[0])

    def int64(self) -> int:
        return int(_INT64.unpack(self._take(8))[0])

    def boolean(self) -> bool:
        return self.int8() != 0

    def unsigned_varint(self) -> int:
        value = 0
        for shift in range(0, 35, 7):
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ProtocolError("a variable-length number of more than five bytes")

    def nullable_string(self) -> str | None:
        size = self.unsigned_varint() - 1 if self.flexible else self.int16()
        if size < 0:
            return None
        try:
            return str(self._take(size), "utf-8")
        except UnicodeDecodeError as error:
            raise ProtocolError(f"a string that is not UTF-8: {error}") from error

    def string(self) -> str:
        value = self.nullable_string()
        if value is None:
            raise ProtocolError("null in place of a string")
        return value

    def nullable_bytes(self) -> bytes | None:
        size = self.unsigned_varint() - 1 if self.flexible else self.int32()
        return None if size < 0 else bytes(self._take(size))

    def bytes(self) -> bytes:
        return self.nullable_bytes() or b""

    def nullable_array(self, item: Callable[[], T]) -> list[T] | None:
        size = self.unsigned_varint() - 1 if self.flexible else self.int32()
        if size < 0:
            return None
        if size > len(self._data) - self._position:  # an item takes a byte at least
            raise ProtocolError(f"an array of {size} items in a request of {len(self._data)} bytes")
        return [item() for _ in range(size)]

    def array(self, item: Callable[[], T]) -> list[T]:
        return self.nullable_array(item) or []

    def tags(self) -> None:
        """Skip the tagged fields at the end of a structure."""
        if self.flexible:
            for _ in range(self.unsigned_varint()):
                self.unsigned_varint()
                self._take(self.unsigned_varint())


class Writer:
    """Collects the parts of one answer. Methods return the writer, so that fields chain."""

    __slots__ = ("flexible", "parts")

    def __init__(self, flexible: bool = False) -> None:
        self.parts: list[bytes] = []
        self.flexible = flexible

    def raw(self, data: bytes) -> "Writer":
        self.parts.append(data)
        return self

    def int8(self, value: int) -> "Writer":
        return self.raw(_INT8.pack(value))

    def int16(self, value: int) -> "Writer":
        return self.raw(_INT16.pack(value))

    def int32(self, value: int) -> "Writer":
        return self.raw(_INT32.pack(value))

    def int64(self, value: int) -> "Writer":
        return self.raw(_INT64.pack(value))

    def boolean(self, value: bool) -> "Writer":
        return self.int8(int(value))

    def unsigned_varint(self, value: int) -> "Writer":
        encoded = bytearray()
        while value > 0x7F:
            encoded.append(value & 0x7F | 0x80)
            value >>= 7
        encoded.append(value)
        return self.raw(bytes(encoded))

    def string(self, value: str | None) -> "Writer":
        data = None if value is None else value.encode()
        if self.flexible:
            self.unsigned_varint(0 if data is None else len(data) + 1)
        else:
            self.int16(-1 if data is None else len(data))
        return self.raw(data or b"")

    def bytes(self, data: bytes | None) -> "Writer":
        if self.flexible:
            self.unsigned_varint(0 if data is None else len(data) + 1)
        else:
            self.int32(-1 if data is None else len(data))
        return self.raw(data or b"")

    def array(self, items: Sequence[T] | None, item: Callable[[T], object]) -> "Writer":
        """Write the length, then call ``item`` with each item; None is the null array."""
        if self.flexible:
            self.unsigned_varint(0 if items is None else len(items) + 1)
        else:
            self.int32(-1 if items is None else len(items))
        for value in items or ():
            item(value)
        return self

    def int32_array(self, values: Iterable[int]) -> "Writer":
        return self.array(list(values), self.int32)

    def tags(self) -> "Writer":
        """Write "no tagged fields" at the end of a structure."""
        return self.raw(b"\0") if self.flexible else self

    def size(self) -> int:
        return sum(map(len, self.parts))
