"""Start, login, warm start, and what is left after kills."""

import os
import random
import signal
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from support.program import wait_for
from support.servers import free_ports
from support.superset import GROUP, RunningSuperset, SupersetApi, log_in_by_form
from support.superset_alone import ON_A_BUSY_MACHINE, Alone, FirstStart

from polygon_assets.sandbox.control import Sandbox, read_state
from polygon_assets.sandbox.layout import BI, SandboxLayout
from polygon_assets.sandbox.processes import sandbox_processes
from polygon_assets.sandbox.services import superset as superset_service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

KILLS = 3
FIRST_START_SECONDS = 30.0


@pytest.fixture
def alone(tmp_path: Path, superset_environment: None) -> Iterator[Alone]:
    one = Alone(tmp_path / "sandbox")
    yield one
    for process in one.left_over():
        process.kill()


@pytest.fixture
def started_before(alone: Alone, first_start: FirstStart) -> Alone:
    """The same, with what a first start left."""
    first_start.copy_to(alone.layout)
    return alone


@pytest.mark.xdist_group(GROUP)
def test_administrator_can_log_in(superset: RunningSuperset) -> None:
    assert superset.log_in().get("me/")["result"]["username"] == "admin"
    assert log_in_by_form(superset.url, "admin", "sandbox") is not None


@pytest.mark.xdist_group(GROUP)
def test_nobody_else_can(superset: RunningSuperset) -> None:
    assert log_in_by_form(superset.url, "admin", "wrong") is None
    with pytest.raises(AssertionError, match="401"):
        SupersetApi(superset.url, "admin", "wrong")
    assert requests.get(f"{superset.url}/api/v1/dashboard/", timeout=10).status_code == 401
    api = superset.log_in()
    del api.session.headers["X-CSRFToken"]
    with pytest.raises(AssertionError, match="CSRF"):
        api.post("dashboard/", {"dashboard_title": "without a token"})


@pytest.mark.xdist_group(GROUP)
def test_only_this_machine_is_listened_to(superset: RunningSuperset) -> None:
    state = read_state(superset.layout)
    assert state is not None
    master = psutil.Process(state.services[BI].pid)
    addresses = {
        connection.laddr.ip
        for process in [master, *master.children(recursive=True)]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_warm_start_changes_nothing(started_before: Alone, first_start: FirstStart) -> None:
    alone, key = started_before, started_before.layout.data(BI) / "secret_key"
    assert "making roles" in first_start.log
    first, secret = alone.digest(), key.read_text()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert secret not in first_start.log
    alone.start()
    alone.wait()
    assert "making" not in alone.log()
    assert (alone.digest(), key.read_text()) == (first, secret)
    alone.end()


def test_another_password_takes_effect(started_before: Alone) -> None:
    alone = started_before
    with sqlite3.connect(alone.layout.data(BI) / "metadata.db") as database:
        database.execute("UPDATE ab_user SET password = 'none', active = 0")
    alone.start()
    alone.wait()
    assert log_in_by_form(alone.layout.bi_url, "admin", "sandbox") is not None
    alone.end()


def test_kills_while_it_starts_for_the_first_time(alone: Alone) -> None:
    seed = int(os.environ.get("TEST_SEED", random.randrange(10**6)))
    print(f"TEST_SEED={seed}")  # noqa: T201
    chance = random.Random(seed)
    for _ in range(KILLS):
        alone.start()
        time.sleep(chance.uniform(0, FIRST_START_SECONDS))
        alone.kill()
        wait_for(lambda: not alone.left_over(), "the end of its worker", 5)
    alone.start()
    alone.wait()
    assert log_in_by_form(alone.layout.bi_url, "admin", "sandbox") is not None
    folder = alone.layout.data(BI)
    with sqlite3.connect(folder / "metadata.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT count(*) FROM themes WHERE is_system").fetchone() == (2,)
    assert not list(folder.glob("metadata.before*"))
    alone.end()


def test_killed_update_starts_from_the_copy(started_before: Alone) -> None:
    """A half-done update of an older database is undone, with what users had made."""
    alone = started_before
    alone.start()
    alone.wait()
    api = SupersetApi(alone.layout.bi_url)
    api.post("dashboard/", {"dashboard_title": "Kept"})
    alone.kill()
    folder = alone.layout.data(BI)
    (folder / "metadata.before.db").write_bytes((folder / "metadata.db").read_bytes())
    (folder / "metadata.db").write_bytes(b"half a database")
    (folder / "metadata.stamp").write_text("an older release")
    alone.start()
    alone.wait()
    found = SupersetApi(alone.layout.bi_url).get("dashboard/")["result"]
    assert [one["dashboard_title"] for one in found] == ["Kept"]
    assert not (folder / "metadata.before.db").exists()
    alone.end()


def test_taken_port_is_said(alone: Alone) -> None:
    with socket.create_server(("127.0.0.1", alone.layout.port(BI))):
        process = alone.start()
        wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE, "its end", 30)
    assert "cannot be used" in alone.log()


def test_supervisor_restarts_it_and_nothing_outlives_the_supervisor(
    tmp_path: Path, first_start: FirstStart
) -> None:
    layout = SandboxLayout(tmp_path / "sandbox", free_ports())
    first_start.copy_to(layout)
    sandbox = Sandbox(layout)
    sandbox.start("3", bi=True)
    try:
        sandbox.wait(lambda _healthy, _all: None)
        state = read_state(layout)
        assert state is not None
        os.kill(state.services[BI].pid, signal.SIGKILL)
        service = superset_service(layout)
        wait_for(lambda: not service.is_healthy(), "its end", 10)
        wait_for(service.is_healthy, "its second start", ON_A_BUSY_MACHINE)
        after = read_state(layout)
        assert after is not None
        assert after.services[BI].restarts == 1
        master = psutil.Process(after.services[BI].pid)
        family = [master, *master.children(recursive=True)]
        assert len(family) == 2
        os.kill(state.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(family, 20)
        assert alive == []
        wait_for(lambda: not sandbox_processes(layout.root), "the end of all", 20)
    finally:
        sandbox.stop()
