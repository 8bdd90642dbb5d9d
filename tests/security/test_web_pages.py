"""Web pages that a browser shows reach no server of the sandbox, and nobody else's machine does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest
import websockets.sync.client
from clickhouse_connect import get_client
from polygon_stream.health import serve_health
from support.servers import free_ports
from websockets.exceptions import InvalidStatus

from polygon_assets.sandbox.layout import SERVERS, SandboxLayout
from polygon_assets.sandbox.processes import sandbox_processes
from polygon_assets.sandbox.services import dagster_ui
from polygon_assets.sandbox.web_pages import own_pages_only, refusal

pytestmark = pytest.mark.xdist_group("security")

HTTP_SERVERS = [name for name in SERVERS if name != "kafka"]
LOOPBACK = ("127.0.0.1", "::1")

FOREIGN = [
    {"Host": "evil.example:{port}"},  # a name that was made to mean this machine
    {"Host": "127.0.0.1.evil.example:{port}"},
    {"Host": "127.0.0.2:{port}"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},  # another server of this machine
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},  # a picture, a script
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "iframe",
    },
]
"""What browsers send for pages of others."""


def ask(
    port: int, headers: dict[str, str], method: str = "GET", path: str = "/healthz", body: str = ""
) -> tuple[int, bytes]:
    """Status and text of an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        sent = {name: value.format(port=port) for name, value in headers.items()}
        connection.request(method, path, body.encode() or None, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("name", HTTP_SERVERS)
def test_every_server_refuses_pages_of_others(sandbox: SandboxLayout, name: str) -> None:
    port = sandbox.port(name)
    for headers in FOREIGN:
        assert ask(port, headers)[0] == 403, headers
    own = {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}
    for headers in ({}, {"Host": "localhost:{port}"}, own):
        assert ask(port, headers)[0] == 200, headers


def test_a_page_cannot_run_sql_that_writes_a_file(sandbox: SandboxLayout, tmp_path: Path) -> None:
    target, port = tmp_path / "written", sandbox.port("clickhouse")
    sql = f"INSERT INTO FUNCTION file('{target}', 'LineAsString') SELECT 'from a page'"
    form = {"Content-Type": "text/plain", "Origin": "https://evil.example"}  # needs no permission
    assert ask(port, form, "POST", "/", sql)[0] == 403
    picture = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert ask(port, picture, "GET", "/?query=SELECT+1")[0] == 403
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert ask(port, link, "GET", "/?query=SELECT+1")[0] == 403  # a query runs by GET, too
    assert not target.exists()
    assert ask(port, link, "GET", "/play?user=default")[0] == 200  # the link of the assets


def test_a_page_cannot_run_a_command_in_ecs(sandbox: SandboxLayout, tmp_path: Path) -> None:
    target = tmp_path / "made"
    task = {
        "family": "from-a-page",
        "containerDefinitions": [{"name": "x", "image": "x", "command": ["touch", str(target)]}],
    }
    target_of = "AmazonEC2ContainerServiceV20141113.{}".format
    calls = {
        "CreateCluster": {"clusterName": "from-a-page"},
        "RegisterTaskDefinition": task,
        "RunTask": {"cluster": "from-a-page", "taskDefinition": "from-a-page"},
    }
    for action, body in calls.items():
        headers = {"Host": "evil.example:{port}", "X-Amz-Target": target_of(action)}
        status, _ = ask(sandbox.port("ecs"), headers, "POST", "/", json.dumps(body))
        assert status == 403
    program = {"X-Amz-Target": target_of("ListTaskDefinitions")}
    assert b"from-a-page" not in ask(sandbox.port("ecs"), program, "POST", "/", "{}")[1]
    assert not target.exists()


def test_a_page_cannot_listen_to_the_stream(sandbox: SandboxLayout) -> None:
    port = sandbox.port("polygon")
    address = f"ws://127.0.0.1:{port}/stocks"
    with websockets.sync.client.connect(address) as connection:
        assert b"connected" in connection.recv().encode()
    with pytest.raises(InvalidStatus, match="403"):
        websockets.sync.client.connect(address, origin="http://evil.example")


def test_dashboards_may_be_linked_to_and_not_called() -> None:
    """Superset's part: the guard in front of a WSGI application."""

    def answer(**headers: str) -> int:
        found: list[int] = []
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/superset/dashboard/x/", **headers}
        application = own_pages_only(
            lambda _, start: start("200 OK", []) or []  # pyright: ignore
        )
        list(application(environ, lambda status, _: found.append(int(status[:3]))))
        return found[0]

    host = "127.0.0.1:18109"
    assert answer(HTTP_HOST=host) == 200
    assert answer(HTTP_HOST="evil.example") == 403
    assert answer(HTTP_HOST=host, HTTP_ORIGIN="http://evil.example") == 403
    foreign = {"HTTP_HOST": host, "HTTP_SEC_FETCH_SITE": "cross-site"}
    assert answer(**foreign, HTTP_SEC_FETCH_MODE="navigate") == 200
    assert answer(**foreign, HTTP_SEC_FETCH_MODE="navigate", REQUEST_METHOD="POST") == 403
    assert answer(**foreign, HTTP_SEC_FETCH_MODE="cors") == 403


@pytest.mark.parametrize("host", ["", "evil", "[::1", "localhost.evil", "127.0.0.1@evil", "::1:80"])
def test_odd_hosts_are_no_loopback(host: str) -> None:
    assert refusal({"host": host}.get, "GET", "/")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "[::1]:80", "127.0.0.1"])
def test_loopback_by_any_name(host: str) -> None:
    assert not refusal({"host": host}.get, "GET", "/")


def test_every_server_listens_on_loopback_only(sandbox: SandboxLayout) -> None:
    stop = serve_health(free_ports(1), lambda: (True, {}))
    try:
        found = {
            (one.laddr.ip, one.laddr.port)
            for process in [*sandbox_processes(sandbox.root), psutil.Process()]
            for one in process.net_connections("inet")
            if one.status == psutil.CONN_LISTEN
        }
    finally:
        stop()
    assert {port for _, port in found} >= {sandbox.port(name) for name in SERVERS}
    assert {ip for ip, _ in found} <= set(LOOPBACK)


def test_other_users_of_the_machine_see_nothing_of_its_folder(sandbox: SandboxLayout) -> None:
    assert sandbox.root.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", [*SERVERS, "kafka.apache"])
def test_no_server_has_an_option_for_another_address(name: str) -> None:
    command = [sys.executable, "-m", f"polygon_assets.sandbox.{name}", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "--port" in told
    assert not [option for option in ("--host", "--bind", "--address") if option in told]


@pytest.fixture
def ui(sandbox: SandboxLayout, tmp_path: Path) -> Iterator[int]:
    """Dagster's UI as the supervisor starts it; without any code, which is not asked for here."""
    (tmp_path / "workspace.yaml").write_text("load_from: []\n")
    port = free_ports(1)
    *command, _ = dagster_ui(sandbox).command
    environment = os.environ | {"DAGSTER_HOME": str(tmp_path)}
    process = subprocess.Popen([*command, str(port)], cwd=tmp_path, env=environment)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.mark.slow
def test_dagsters_ui_starts_no_run_for_a_page(ui: int) -> None:
    question = "/graphql?query=%7Bversion%7D"
    assert ask(ui, {}, "GET", question)[0] == 200
    for headers in FOREIGN:
        assert ask(ui, headers, "GET", question)[0] == 403, headers
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert ask(ui, {**link, "Accept": "text/html"}, "GET", "/")[0] == 200  # as from Slack


def test_the_clients_of_the_platform_are_no_pages(addresses: SandboxLayout) -> None:
    client = get_client(host="localhost", port=addresses.port("clickhouse"))
    assert client.query("SELECT 1").result_rows == [(1,)]
