"""Airbyte's public API, as far as publishing needs it."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, cast

from polygon_assets.no_redirects import open_url
from polygon_assets.preflight import AIRBYTE, ServiceUnreachableError, explained
from polygon_assets.settings import AirbyteSettings

# Airbyte reads the source's schema before it makes a connection.
_TIMEOUT_SECONDS = 300.0
# A token of Airbyte Cloud is good for three minutes.
_TOKEN_SECONDS = 120.0
_READ_ATTEMPTS = 3
_PAUSE_SECONDS = 1.0
_PAGE = 100
_TOKEN_PATH = "/applications/token"  # noqa: S105 - a path
_BUSY = (429, 500, 502, 503, 504)

Json = dict[str, Any]


class PublishError(ValueError):
    """Publishing cannot go on; the text says why and what to do."""


class AirbyteApi:
    """One workspace through the public API.

    A read that fails on Airbyte's side is repeated; a write is not, because it may have been done:
    publishing once more finds out.
    """

    def __init__(self, settings: AirbyteSettings) -> None:
        self.workspace_id = settings.workspace_id
        self._base = settings.rest_url.rstrip("/")
        self._client = {
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.get_secret_value(),
        }
        self._token = ""
        self._token_until = 0.0

    def connect(self) -> None:
        """Look for the workspace, with a token of the client.

        Raises:
            PublishError: The client or the workspace is wrong.
            ServiceUnreachableError: Airbyte does not answer.
        """
        self.get(f"/workspaces/{self.workspace_id}")

    def get(self, path: str) -> Json:
        """One object.

        Raises:
            PublishError: Airbyte refused; the text holds its reason.
        """
        for attempt in range(1, _READ_ATTEMPTS):
            try:
                return self._request("GET", path)
            except _BusyError:
                time.sleep(_PAUSE_SECONDS * attempt)
        return self._request("GET", path)

    def all(self, path: str) -> list[Json]:
        """Every object of a list in this workspace, page by page."""
        found: list[Json] = []
        while True:
            query = f"workspaceIds={self.workspace_id}&limit={_PAGE}&offset={len(found)}"
            answer = self.get(f"{path}?{query}")
            items = cast("list[Json]", answer["data"])
            found += items
            if not items or not answer.get("next"):
                return found

    def write(self, method: str, path: str, body: Mapping[str, Any]) -> Json:
        """Make or change an object and return it.

        Raises:
            PublishError: Airbyte refused; the text holds its reason.
        """
        return self._request(method, path, body)

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        if time.monotonic() > self._token_until:
            answer = self._send("POST", _TOKEN_PATH, self._client, {})
            self._token = str(answer.get("access_token"))
            self._token_until = time.monotonic() + _TOKEN_SECONDS
        return self._send(method, path, body, {"Authorization": f"Bearer {self._token}"})

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, more: dict[str, str]
    ) -> Json:
        headers = {"Accept": "application/json", "User-Agent": "polygon-assets", **more}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, default=str).encode()
        request = urllib.request.Request(  # noqa: S310 - the address is the user's setting
            f"{self._base}{path}", data=data, headers=headers, method=method
        )
        try:
            with explained(AIRBYTE):
                return _send(request)
        except _AnsweredError as answered:
            raise self._refusal(method, path, answered) from None
        except ServiceUnreachableError:
            raise
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, OSError) as error:
            raise PublishError(
                f"Airbyte at {self._base} broke off {method} {path} ({error}): publish once more."
            ) from error

    def _refusal(self, method: str, path: str, answered: "_AnsweredError") -> PublishError:
        where = path.partition("?")[0]
        if answered.status in (401, 403) and where == _TOKEN_PATH:
            return PublishError(
                f"Airbyte at {self._base} does not know this client: check AIRBYTE_CLIENT_ID and "
                "AIRBYTE_CLIENT_SECRET."
            )
        if answered.status in (401, 403, 404) and where == f"/workspaces/{self.workspace_id}":
            return PublishError(
                f"Airbyte at {self._base} has no workspace {self.workspace_id} for this client: "
                "check AIRBYTE_WORKSPACE_ID."
            )
        sentence = f"Airbyte refused {method} {where} ({answered.status}): {answered.reason}"
        return _BusyError(sentence) if answered.status in _BUSY else PublishError(sentence)


class _BusyError(PublishError):
    """Airbyte may answer a moment later."""


class _AnsweredError(Exception):
    """Airbyte answered with an error."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def _send(request: urllib.request.Request) -> Json:
    try:
        with open_url(request, _TIMEOUT_SECONDS) as answer:
            text: bytes = answer.read()
            status: int = answer.status
    except urllib.error.HTTPError as error:
        with error:
            raise _AnsweredError(error.code, _reason(error.read(), str(error.reason))) from None
    try:
        return cast("Json", json.loads(text)) if text else {}
    except ValueError as error:
        raise _AnsweredError(status, "the answer is not JSON; check AIRBYTE_REST_URL.") from error


def _reason(text: bytes, fallback: str) -> str:
    """The reason in an error's body (``application/problem+json``)."""
    try:
        problem: Any = json.loads(text)
    except ValueError:
        return fallback
    if not isinstance(problem, dict):
        return fallback
    found = cast("Json", problem)
    data = found.get("data")
    message = cast("Json", data).get("message") if isinstance(data, dict) else None
    return str(message or found.get("detail") or found.get("message") or fallback)
