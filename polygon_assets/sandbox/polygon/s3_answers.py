"""S3's XML: documents and errors."""

from uuid import uuid4
from xml.etree.ElementTree import Element, SubElement, tostring

from starlette.responses import Response

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'


class S3Error(Exception):
    """An error response of S3.

    Args:
        status_code: HTTP status.
        code: S3's name of the error.
        message: What a person reads.
        **details: Further elements of the body.
    """

    def __init__(self, status_code: int, code: str, message: str, **details: str) -> None:
        super().__init__(status_code, code, message, details)
        self.status_code, self.code, self.message, self.details = (
            status_code, code, message, details,
        )  # fmt: skip

    def response(self, with_body: bool) -> Response:
        """The answer; one to HEAD has no body, as in S3, so that its status is all it tells."""
        root = Element("Error")
        texts = {"Code": self.code, "Message": self.message, **self.details, "RequestId": _id()}
        for name, text in texts.items():
            SubElement(root, name).text = text
        return document(root, self.status_code) if with_body else empty(self.status_code)


def access_denied() -> S3Error:
    """Not signed, or not allowed."""
    return S3Error(403, "AccessDenied", "Access Denied")


def not_implemented(what: str) -> S3Error:
    """A part of S3 that a bucket of flat files does not need."""
    return S3Error(501, "NotImplemented", f"{what} is not supported by the simulated vendor.")


def invalid_argument(name: str, value: str, message: str) -> S3Error:
    """A parameter that S3 does not accept."""
    return S3Error(400, "InvalidArgument", message, ArgumentName=name, ArgumentValue=value)


def document(root: Element, status_code: int = 200) -> Response:
    """An XML body."""
    body = _DECLARATION + tostring(root, encoding="utf-8")
    return Response(body, status_code, {"x-amz-request-id": _id()}, "application/xml")


def empty(status_code: int, headers: dict[str, str] | None = None) -> Response:
    """An answer without a body."""
    return Response(None, status_code, {"x-amz-request-id": _id(), **(headers or {})})


def _id() -> str:
    return uuid4().hex[:16].upper()
