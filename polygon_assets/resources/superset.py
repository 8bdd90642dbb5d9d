"""Superset or Preset: where the dashboards are served."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import requests
from pydantic import Field

from polygon_assets.operation_settings import DashboardSettings
from polygon_assets.preflight import LOOPBACK, ServiceUnreachableError
from polygon_assets.settings import from_env

Json = dict[str, Any]

TIMEOUT_SECONDS = 120.0
"""An import asks every database for its version, and a query may wake up a warehouse."""


class SupersetError(ConnectionError):
    """Superset refused something; the text holds its own words and no secret."""


@dataclass(frozen=True)
class SupersetClient:
    """A session with a server, logged in."""

    url: str
    http: requests.Session

    def import_assets(self, bundle: bytes, passwords: Mapping[str, str]) -> None:
        """Create or overwrite every object of a bundle.

        Args:
            bundle: The archive.
            passwords: Path of a database's file in the archive -> its password.

        Raises:
            SupersetError: Superset refused the bundle.
        """
        self._call(
            "POST",
            "/api/v1/assets/import/",
            files={"bundle": ("bundle.zip", bundle, "application/zip")},
            data={"passwords": json.dumps(dict(passwords))},
        )

    def export_dashboards(self, slugs: list[str]) -> bytes:
        """The archive of dashboards with all that they need.

        Raises:
            SupersetError: There is no such dashboard.
        """
        ids = ",".join(str(self.dashboard(slug)["id"]) for slug in slugs)
        return self._call("GET", f"/api/v1/dashboard/export/?q=!({ids})").content

    def dashboard(self, slug: str) -> Json:
        """What Superset knows of a dashboard.

        Raises:
            SupersetError: There is no such dashboard.
        """
        return self._result("GET", f"/api/v1/dashboard/{slug}")

    def charts(self, slug: str) -> list[Json]:
        """The charts of a dashboard: ``id``, ``slice_name``, ``form_data``.

        Raises:
            SupersetError: There is no such dashboard.
        """
        return self._result("GET", f"/api/v1/dashboard/{slug}/charts")

    def dataset_ids(self) -> dict[str, int]:
        """UUID of every dataset -> its number on this server."""
        page = "(columns:!(id,uuid),page:0,page_size:1000)"
        found = self._result("GET", f"/api/v1/dataset/?q={page}")
        return {one["uuid"]: one["id"] for one in found}

    def connections(self) -> dict[str, int]:
        """Name of every connection to a database -> its number on this server."""
        page = "(columns:!(id,database_name),page:0,page_size:1000)"
        found = self._result("GET", f"/api/v1/database/?q={page}")
        return {one["database_name"]: one["id"] for one in found}

    def users_of(self, connection: int) -> dict[str, list[Json]]:
        """What uses a connection: ``dashboards``, ``charts`` and ``datasets``, with ``id`` each."""
        path = f"/api/v1/database/{connection}/related_objects/"
        related: Json = self._call("GET", path).json()
        chosen = f"(columns:!(id),filters:!((col:database,opr:rel_o_m,value:{connection}))"
        datasets = self._result("GET", f"/api/v1/dataset/?q={chosen},page:0,page_size:1000)")
        return {
            "dashboards": related["dashboards"]["result"],
            "charts": related["charts"]["result"],
            "datasets": datasets,
        }

    def delete(self, kind: str, ids: Sequence[int]) -> None:
        """Delete objects by their numbers.

        Args:
            kind: dashboard, chart or dataset.
            ids: Which; none is no call.
        """
        if ids:
            self._call("DELETE", f"/api/v1/{kind}/?q=!({','.join(map(str, ids))})")

    def delete_connection(self, connection: int) -> None:
        """Delete a connection that nothing uses any more."""
        self._call("DELETE", f"/api/v1/database/{connection}")

    def chart_data(self, dataset: int, query: Json) -> Json:
        """Run one query: ``data`` (rows), ``rowcount``, ``query`` (the SQL), ``error``.

        Raises:
            SupersetError: The database refused the query.
        """
        body = {
            "datasource": {"id": dataset, "type": "table"},
            "force": True,
            "queries": [query],
            "result_format": "json",
            "result_type": "full",
        }
        [found] = self._result("POST", "/api/v1/chart/data", json=body)
        if found.get("error"):
            raise SupersetError(str(found["error"]))
        return found

    def _result(self, method: str, path: str, **more: Any) -> Any:
        return self._call(method, path, **more).json()["result"]

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:
        answer = _send(self.http, method, f"{self.url}{path}", **more)
        if answer.status_code >= 400:
            raise SupersetError(f"{method} {path.partition('?')[0]}: {_problem(answer)}")
        return answer


class Superset(dg.ConfigurableResource[Any]):
    """The server of the dashboards, or a workspace of Preset."""

    target: str = Field(description="superset or preset")
    url: str = Field(description="Address")
    user: str = Field(description="User; for Preset the name of an API token")
    password: str = Field(repr=False, description="Password; for Preset the token's secret")
    preset_api_url: str = Field(description="Where Preset gives access to API tokens")

    @property
    def address(self) -> str:
        """Without a slash at its end."""
        return self.url.rstrip("/")

    @property
    def has_plugins(self) -> bool:
        """Whether the server shows the candlestick chart of the project's plugin."""
        return self.target == "superset"

    def dashboard_url(self, slug: str) -> str:
        """Where a dashboard is shown."""
        return f"{self.address}/superset/dashboard/{slug}/"

    @property
    def is_here(self) -> bool:
        """Whether the address is this machine's: to serve none there is a choice."""
        return urlsplit(self.address).hostname in LOOPBACK

    def is_reachable(self) -> bool:
        """Whether the server answers."""
        try:
            return requests.get(f"{self.address}/health", timeout=5).ok
        except requests.RequestException:
            return False

    @contextmanager
    def client(self) -> Generator[SupersetClient, None, None]:
        """A session, logged in.

        Raises:
            ServiceUnreachableError: Nothing answers at the address.
            SupersetError: The login was refused.
        """
        with requests.Session() as http:
            token = self._preset_token(http) if self.target == "preset" else self._token(http)
            http.headers["Authorization"] = f"Bearer {token}"
            http.headers["Referer"] = self.address
            client = SupersetClient(self.address, http)
            answer = _send(http, "GET", f"{self.address}/api/v1/security/csrf_token/")
            if not answer.ok:
                raise SupersetError(f"{self.address} refuses the login: {_problem(answer)}")
            http.headers["X-CSRFToken"] = answer.json()["result"]
            yield client

    def _token(self, http: requests.Session) -> str:
        login = {"username": self.user, "password": self.password, "provider": "db"}
        answer = _send(http, "POST", f"{self.address}/api/v1/security/login", json=login)
        if not answer.ok:
            raise SupersetError(
                f"{self.address} refuses the user {self.user}: check DASHBOARDS_USER and "
                f"DASHBOARDS_PASSWORD ({_problem(answer)})."
            )
        return answer.json()["access_token"]

    def _preset_token(self, http: requests.Session) -> str:
        api = self.preset_api_url.rstrip("/")
        login = {"name": self.user, "secret": self.password}
        answer = _send(http, "POST", f"{api}/v1/auth/", json=login)
        if not answer.ok:
            raise SupersetError(
                f"Preset refuses the API token {self.user}: check DASHBOARDS_USER and "
                f"DASHBOARDS_PASSWORD ({_problem(answer)})."
            )
        return answer.json()["payload"]["access_token"]


def superset() -> Superset:
    """The server of the dashboards, at the address in the environment."""
    settings = DashboardSettings()
    return Superset(
        target=settings.target,
        url=settings.url,
        user=settings.user,
        password=from_env("DASHBOARDS_PASSWORD", settings.password.get_secret_value()),
        preset_api_url=settings.preset_api_url,
    )


def _send(http: requests.Session, method: str, url: str, **more: Any) -> requests.Response:
    try:
        # A redirect would take passwords in the body along to an address that nobody has set.
        answer = http.request(method, url, timeout=TIMEOUT_SECONDS, allow_redirects=False, **more)
    except requests.RequestException as error:
        raise ServiceUnreachableError(
            f"No dashboards are served at {url.partition('/api/')[0]} ({type(error).__name__}): "
            "start them with `polygon up --bi`, or set DASHBOARDS_URL."
        ) from None
    if answer.is_redirect:
        elsewhere = urlsplit(answer.headers["Location"])
        raise SupersetError(
            f"{url.partition('/api/')[0]} sends on to {elsewhere.scheme}://{elsewhere.hostname}: "
            "set the variable with this address to where the dashboards really are."
        )
    return answer


def _problem(answer: requests.Response) -> str:
    """Superset's own words on what it refused, on one line."""
    try:
        found: Json = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}; the server's log says more"
    errors = [one.get("message", "") for one in found.get("errors", [])]
    details = [
        text
        for one in found.get("errors", [])
        for text in map(str, one.get("extra", {}).items())
        if "issue_codes" not in text
    ]
    said = errors or [str(found.get("message", found))]
    return f"HTTP {answer.status_code} {'; '.join([*said, *details])[:1500]}"
