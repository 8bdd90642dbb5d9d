"""Errors as ClickHouse reports them: a numeric code, a name and a text."""

import re

_ENGINE_PREFIX = re.compile(r"Code: (\d+)\. DB::Exception: ")
_ENGINE_VERSION = re.compile(r"\s*\(version [^)]*\)\.?")
_ENGINE_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)\s*$")

UNKNOWN_EXCEPTION = 1002

_HTTP_STATUS = {
    **dict.fromkeys((6, 26, 27, 36, 38, 41, 43, 53, 57, 62, 69, 70, 72), 400),
    **dict.fromkeys((73, 89, 115, 117, 130, 131, 271, 372, 386, 456, 457, 469), 400),
    **dict.fromkeys((46, 47, 60, 81, 82), 404),
    **dict.fromkeys((164, 497), 403),
    48: 501,
    159: 408,
    202: 503,
    516: 401,
}


class ClickHouseError(Exception):
    """A failure with ClickHouse's own code.

    Attributes:
        code: ClickHouse's error number, such as 60.
        name: Its name, such as ``UNKNOWN_TABLE``.
        text: What was wrong, without code, name and version.
    """

    def __init__(self, code: int, name: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.name = name
        self.text = text

    @property
    def http_status(self) -> int:
        """The status of an HTTP answer that carries this error."""
        return _HTTP_STATUS.get(self.code, 500)

    def message(self, version: str) -> str:
        """The line that a server of this version sends, which clients take apart."""
        return (
            f"Code: {self.code}. DB::Exception: {self.text} ({self.name})"
            f" (version {version} (chDB))\n"
        )


def from_engine(error: Exception) -> ClickHouseError:
    """Take the engine's message apart.

    The engine sometimes wraps an error in itself, prefix, name and version included; the code
    that counts is the first one.
    """
    text = str(error)
    found = _ENGINE_PREFIX.search(text)
    if found is None:
        return ClickHouseError(UNKNOWN_EXCEPTION, "UNKNOWN_EXCEPTION", text or repr(error))
    text = _ENGINE_VERSION.sub("", _ENGINE_PREFIX.sub("", text[found.start() :])).strip()
    name = "UNKNOWN_EXCEPTION"
    while named := _ENGINE_NAME.search(text):
        name = named.group(1)
        text = text[: named.start()].strip()
    return ClickHouseError(int(found.group(1)), name, text)


def not_supported(what: str) -> ClickHouseError:
    """The answer to a request that a ClickHouse server knows and this one does not."""
    return ClickHouseError(48, "NOT_IMPLEMENTED", f"The sandbox's ClickHouse: {what}.")
