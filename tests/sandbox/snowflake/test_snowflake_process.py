"""The server as a process: login, restart, kill -9, and what it refuses at start."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import snowflake.connector

StartServer = Callable[..., "object"]


def test_a_wrong_password_is_answered_at_once(server) -> None:
    started = time.monotonic()
    with pytest.raises(snowflake.connector.DatabaseError, match="Incorrect username or password"):
        server.connect(password="wrong")
    with pytest.raises(snowflake.connector.DatabaseError, match="Incorrect username or password"):
        server.connect(user="somebody")
    assert time.monotonic() - started < 4


def test_a_database_that_cannot_be_named_so_is_answered_at_once(server) -> None:
    with pytest.raises(snowflake.connector.DatabaseError, match="cannot be opened"):
        server.connect(database="no such-name")


def test_health_tells_sessions_and_bytes(server, connect) -> None:
    connect()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz") as answer:
        health = json.load(answer)
    assert health["status"] == "ok"
    assert health["sessions"] >= 1
    assert health["data_bytes"] > 0


def test_an_unknown_route_is_named(server) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/api/v2/pipes", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 404
    assert json.load(refused.value)["message"] == "Not supported: POST /api/v2/pipes"


def test_an_upload_outside_the_stages_is_refused(server) -> None:
    address = f"http://127.0.0.1:{server.port}/stages/..%2f..%2fescaped"
    request = urllib.request.Request(address, data=b"x", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400


def test_kill_and_restart_keep_every_committed_row(
    tmp_path: Path, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And every file is below the data directory."""
    elsewhere, data = tmp_path / "tmp", tmp_path / "data"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    first = start_server(data).wait_until_healthy()
    assert list(elsewhere.iterdir()) == []
    connection = first.connect()
    cursor = connection.cursor()
    cursor.execute("create table t (a int, s varchar(7)) comment = 'it''s kept'")
    cursor.execute("create view v as select a from t")
    cursor.execute("create stage files")
    (tmp_path / "x.csv").write_text("1\n")
    cursor.execute(f"put 'file://{tmp_path / 'x.csv'}' @files")
    for number in range(20):
        cursor.execute("insert into t values (%s, 'x')", [number])
    cursor.execute("begin")
    cursor.execute("insert into t values (99, 'not committed')")
    first.kill()

    (data / "uploads" / "half a file").touch()
    second = start_server(data).wait_until_healthy()
    assert list((data / "uploads").iterdir()) == []
    assert len(list((data / "temporary").iterdir())) == 1, "only what this process made"
    cursor = second.connect().cursor()
    assert cursor.execute("select count(*), max(a) from t").fetchone() == (20, 19)
    assert cursor.execute("select count(*) from v").fetchone() == (20,)
    assert [row[0] for row in cursor.execute("list @files").fetchall()] == ["files/x.csv.gz"]
    kept = cursor.execute("select comment from information_schema.tables where table_name = 'T'")
    assert kept.fetchone() == ("it's kept",)
    cursor.execute("insert into t values (20, 'y')")
    started = time.monotonic()
    assert second.terminate() == 0
    assert time.monotonic() - started < 3
    assert not list(data.glob("*.wal")), "a clean stop leaves no log to replay"

    third = start_server(data, second.port).wait_until_healthy()
    with pytest.raises(snowflake.connector.ProgrammingError, match="must authenticate again"):
        cursor.execute("select 1")
    assert third.connect().cursor().execute("select count(*) from t").fetchone() == (21,)


def test_it_stops_in_time_while_a_statement_runs(tmp_path: Path, start_server: StartServer) -> None:
    running = start_server(tmp_path / "data").wait_until_healthy()
    cursor = running.connect(network_timeout=1).cursor()
    cursor.execute("create table big as select seq4() as n from table(generator(rowcount=>200000))")
    sent = subprocess.Popen(
        [sys.executable, "-c", _run_in_other_process(running.port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while _sessions(running.port) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    assert sent.poll() is None
    started = time.monotonic()
    assert running.terminate() == 0
    assert time.monotonic() - started < 3
    sent.kill()
    sent.wait()


def _sessions(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
        return json.load(answer)["sessions"]


def _run_in_other_process(port: int) -> str:
    return (
        "import snowflake.connector as s;"
        f"c = s.connect(account='sandbox', user='sandbox', password='sandbox', host='127.0.0.1',"
        f" port={port}, protocol='http', database='POLYGON_LOCAL', schema='RAW');"
        "c.cursor().execute('select count(*) from big a, big b where a.n * b.n % 7 = 3')"
    )


def test_a_second_server_on_the_same_directory_ends_with_one_sentence(
    tmp_path: Path, server
) -> None:
    refused = _start_again("--port", "0", "--data", str(server.data))
    assert refused.returncode == 1
    assert refused.stderr == (
        f"Another Snowflake is using the directory {server.data}; "
        "stop it, or choose another one with --data.\n"
    )
    busy = _start_again("--port", str(server.port), "--data", str(tmp_path / "other"))
    assert busy.returncode == 1
    assert busy.stderr == (
        f"Port {server.port} on 127.0.0.1 cannot be used (Address already in use); "
        "stop the program that listens there, or choose another one with --port.\n"
    )


def _start_again(*options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "polygon_assets.sandbox.snowflake", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
