"""A request of ClickHouse's HTTP interface: who asks, for what, with which settings."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import parse_qsl, urlsplit

from polygon_assets.sandbox.clickhouse.body import Form, RequestBody, read_form
from polygon_assets.sandbox.clickhouse.errors import ClickHouseError, not_supported

_PARAMETER_PREFIX = "param_"
_DEFAULT_SESSION_TIMEOUT = "60"

# Parameters of the interface itself. Every other parameter is a setting of the query.
_OF_THE_INTERFACE = frozenset(
    {
        "add_http_cors_header",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_write_exception_in_output_format",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    }
)


@dataclass(frozen=True)
class Request:
    """One query, as it came.

    Attributes:
        parameters: The address's parameters, and the fields of a multipart form.
        headers: The headers.
        body: The body; nothing is left of a multipart form's.
        files: Tables that came with the query, by name.
        read_only: Whether the method, GET, promises not to change anything.
    """

    parameters: dict[str, str]
    headers: Message
    body: RequestBody
    files: dict[str, bytes]
    read_only: bool

    @property
    def database(self) -> str:
        """The current database; empty if the request names none."""
        return self.parameters.get("database") or self.headers.get("X-ClickHouse-Database", "")

    @property
    def default_format(self) -> str:
        """The result's format where the statement names none."""
        named = self.parameters.get("default_format") or self.headers.get("X-ClickHouse-Format")
        return named or "TabSeparated"

    @property
    def session(self) -> str:
        """The session's name; empty for none."""
        return self.parameters.get("session_id", "")

    @property
    def session_timeout(self) -> float:
        """Seconds for which the session is kept."""
        value = self.parameters.get("session_timeout") or _DEFAULT_SESSION_TIMEOUT
        if not value.isdecimal():
            raise ClickHouseError(
                386, "INVALID_SESSION_TIMEOUT", f"Invalid session timeout: {value!r}."
            )
        return float(value)

    @property
    def query_parameters(self) -> dict[str, str]:
        """Values of the statement's ``{name:Type}``."""
        return {
            name.removeprefix(_PARAMETER_PREFIX): value
            for name, value in self.parameters.items()
            if name.startswith(_PARAMETER_PREFIX)
        }

    @property
    def settings(self) -> dict[str, str]:
        """The query's settings."""
        of_files = tuple(f"{name}_" for name in self.files)
        return {
            name: value
            for name, value in self.parameters.items()
            if name not in _OF_THE_INTERFACE
            and not name.startswith(_PARAMETER_PREFIX)
            and not (of_files and name.startswith(of_files))
        }

    def flag(self, name: str) -> bool:
        """Whether a parameter of the interface is switched on."""
        return self.parameters.get(name) in ("1", "true")


def address_parameters(address: str) -> dict[str, str]:
    """The parameters in a request's address."""
    return dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))


def read_request(
    parameters: Mapping[str, str], headers: Message, body: RequestBody, method: str
) -> Request:
    """Read a request up to its statement.

    Raises:
        ClickHouseError: It needs something that the sandbox does not have.
        BrokenRequestError: It is incomplete.
    """
    form = Form({}, {})
    boundary = headers.get_param("boundary")
    if headers.get_content_type() == "multipart/form-data" and isinstance(boundary, str):
        form = read_form(body.read(), boundary)
    request = Request({**parameters, **form.fields}, headers, body, form.files, method != "POST")
    for name in ("compress", "decompress"):
        if request.flag(name):
            raise not_supported(f"{name}=1, ClickHouse's own block compression; use HTTP's")
    if "role" in parameters:
        raise not_supported("roles")
    return request


def authenticate(headers: Message, parameters: Mapping[str, str], user: str, password: str) -> None:
    """Check the name and password of a request.

    Args:
        headers: Basic authorization, or X-ClickHouse-User and X-ClickHouse-Key.
        parameters: The address's parameters, where some clients put both.
        user: The only user's name.
        password: Its password; empty accepts every password.

    Raises:
        ClickHouseError: They are wrong.
    """
    given_user, given_password = _credentials(headers, parameters)
    right_password = not password or hmac.compare_digest(given_password.encode(), password.encode())
    if given_user != user or not right_password:
        raise ClickHouseError(
            516,
            "AUTHENTICATION_FAILED",
            f"{given_user}: Authentication failed: password is incorrect, or there is no user with"
            " such name. The sandbox takes both from CLICKHOUSE_USER and CLICKHOUSE_PASSWORD.",
        )


def _credentials(headers: Message, parameters: Mapping[str, str]) -> tuple[str, str]:
    scheme, _, encoded = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return user, password
    return (
        headers.get("X-ClickHouse-User") or parameters.get("user") or "default",
        headers.get("X-ClickHouse-Key") or parameters.get("password") or "",
    )
