"""The sandbox's Superset for tests: its environment, one that runs, and its API."""

import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from support.builds import build_missing
from support.servers import free_ports
from support.superset_alone import FirstStart, start_for_the_first_time

from polygon_assets.cli.prepare import missing_superset
from polygon_assets.sandbox.control import Sandbox
from polygon_assets.sandbox.layout import SandboxLayout

GROUP = "superset"
"""The xdist group of the tests that use the fixture ``superset``: one worker, one Superset."""

SECONDS = 60.0
CSRF_FIELD = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"|csrf_token&#34;: &#34;([^&]+)&#34;')


class ApiError(AssertionError):
    """Superset refused a call."""


class SupersetApi:
    """A session of Superset's API: logged in with a JWT, and with the token against CSRF.

    Args:
        url: Where Superset is.
        user: Who logs in.
        password: Of the user.
    """

    def __init__(self, url: str, user: str = "admin", password: str = "sandbox") -> None:
        self.url = url
        self.session = requests.Session()
        login = {"username": user, "password": password, "provider": "db", "refresh": False}
        token = self.post("security/login", login)["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.session.headers["Referer"] = url
        self.session.headers["X-CSRFToken"] = self.get("security/csrf_token/")["result"]

    def get(self, path: str, **parameters: Any) -> Any:
        """The answer to GET ``/api/v1/<path>``."""
        return self._call("GET", path, params=parameters)

    def post(self, path: str, body: Any) -> Any:
        """The answer to POST ``/api/v1/<path>`` with a body of JSON."""
        return self._call("POST", path, json=body)

    def put(self, path: str, body: Any) -> Any:
        """The answer to PUT ``/api/v1/<path>`` with a body of JSON."""
        return self._call("PUT", path, json=body)

    def delete(self, path: str) -> Any:
        """The answer to DELETE ``/api/v1/<path>``."""
        return self._call("DELETE", path)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        answer = self.session.request(
            method, f"{self.url}/api/v1/{path}", timeout=SECONDS, **options
        )
        if not answer.ok:
            raise ApiError(f"{method} {path}: {answer.status_code} {answer.text[:2000]}")
        return answer.json()


@dataclass(frozen=True)
class RunningSuperset:
    """A sandbox with Superset in it.

    Attributes:
        layout: Folder and ports.
    """

    layout: SandboxLayout

    @property
    def url(self) -> str:
        """The address of the dashboards."""
        return self.layout.bi_url

    def log_in(self) -> SupersetApi:
        """A session of the administrator."""
        return SupersetApi(self.url)

    @property
    def clickhouse_uri(self) -> str:
        """What Superset is told about the sandbox's ClickHouse."""
        return f"clickhousedb://default:@127.0.0.1:{self.layout.port('clickhouse')}/rollups_local"

    @property
    def snowflake_uri(self) -> str:
        """What Superset is told about the sandbox's Snowflake."""
        port = self.layout.port("snowflake")
        return (
            f"snowflake://sandbox:sandbox@127.0.0.1:{port}/POLYGON_LOCAL/MARTS"
            "?account=sandbox&protocol=http&warehouse=SANDBOX&role=SANDBOX"
        )


def log_in_by_form(url: str, user: str, password: str) -> requests.Session | None:
    """Log in as a person does, on the login page; None where Superset refuses."""
    session = requests.Session()
    page = session.get(f"{url}/login/", timeout=SECONDS)
    found = CSRF_FIELD.search(page.text)
    assert found is not None, "the login page has no token against CSRF"
    form = {"username": user, "password": password, "csrf_token": found[1] or found[2]}
    session.post(f"{url}/login/", data=form, headers={"Referer": url}, timeout=SECONDS)
    me = session.get(f"{url}/api/v1/me/", timeout=SECONDS)
    return session if me.ok and me.json()["result"]["username"] == user else None


@pytest.fixture(scope="session")
def superset_environment(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Install Superset as the command line does."""
    logs = tmp_path_factory.mktemp("superset_build")
    build_missing(lambda: missing_superset(logs))


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory, superset_environment: None) -> FirstStart:
    """Superset's first start, once for all workers: it computes for half a minute."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "superset.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return start_for_the_first_time(folder / "superset")


@pytest.fixture(scope="session")
def superset(
    tmp_path_factory: pytest.TempPathFactory, first_start: FirstStart
) -> Iterator[RunningSuperset]:
    """One sandbox with Superset and nothing in it, for all tests of :data:`GROUP`."""
    layout = SandboxLayout(Path(tmp_path_factory.mktemp("superset")) / "sandbox", free_ports())
    first_start.copy_to(layout)
    sandbox = Sandbox(layout)
    sandbox.start("3", bi=True)
    try:
        sandbox.wait(lambda _healthy, _all: None)
        yield RunningSuperset(layout)
    finally:
        sandbox.stop()
