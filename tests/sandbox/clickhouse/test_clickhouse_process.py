"""Starting, stopping and being killed."""

import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

MODULE = "polygon_assets.sandbox.clickhouse"
COMMAND = [sys.executable, "-m", MODULE]


def refused(port: int, data: Path) -> str:
    """The complaint of a server that does not start."""
    command = [*COMMAND, "--port", str(port), "--data", str(data)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    return ended.stderr


def test_a_second_server_on_the_same_directory(gateway) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    complaint = refused(port, gateway.data)
    assert complaint.count("\n") == 1
    assert str(gateway.data) in complaint
    assert "--data" in complaint
    assert gateway.client().command("SELECT 1") == 1


def test_a_busy_port(gateway, tmp_path: Path) -> None:
    complaint = refused(gateway.port, tmp_path)
    assert complaint.count("\n") == 1
    assert f"Port {gateway.port} on 127.0.0.1" in complaint
    assert "--port" in complaint


def test_a_directory_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    complaint = refused(0, file)
    assert complaint.count("\n") == 1
    assert str(file) in complaint


def test_sigterm_waits_for_an_insert_but_not_for_long_queries(start) -> None:
    server = start()
    client = server.client()
    client.command("CREATE TABLE t (n UInt64) ORDER BY n")
    outcomes: list[str] = []

    def insert() -> None:
        server.client().command("INSERT INTO t SELECT number + sleep(1) FROM numbers(3)")
        outcomes.append("inserted")

    writer = threading.Thread(target=insert)
    writer.start()
    time.sleep(0.4)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 3
    writer.join()
    assert outcomes == ["inserted"]
    server = start()
    assert server.client().command("SELECT count() FROM t") == 3
    endless = threading.Thread(target=_ignore_the_end_of, args=(server,))
    endless.start()
    time.sleep(0.4)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 3
    endless.join()


def _ignore_the_end_of(server) -> None:
    try:
        server.client().command("SELECT max(number) FROM system.numbers")
    except (ClickHouseError, HTTPError):
        return


def test_the_server_ends_with_its_starter(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    command = [*COMMAND, "--port", "0", "--data", str(tmp_path)]
    environment = {**os.environ, "POLYGON_SANDBOX_LIFELINE": str(read_end)}
    process = subprocess.Popen(command, env=environment, pass_fds=[read_end])
    os.close(read_end)
    time.sleep(1.5)
    assert process.poll() is None
    os.close(write_end)
    assert process.wait(timeout=8) in (0, -15)


def test_kill_9_loses_no_acknowledged_row(start) -> None:
    """Three writers, killed in the middle, repeat what was not acknowledged with its token."""
    server = start()
    server.client().command(
        "CREATE TABLE t (writer UInt8, batch UInt32, n UInt32) ORDER BY (writer, batch, n)"
        " SETTINGS non_replicated_deduplication_window = 1000"
    )
    acknowledged = dict.fromkeys(range(3), 0)
    for kill in range(1, 3):
        killed = threading.Event()
        with ThreadPoolExecutor(len(acknowledged)) as pool:
            writers = [
                pool.submit(_write, server, writer, acknowledged, killed) for writer in acknowledged
            ]
            while min(acknowledged.values()) < 10 * kill and not any(w.done() for w in writers):
                time.sleep(0.01)
            killed.set()
            server.kill()
        for writer in writers:
            writer.result()
        server = start()
        counts = server.client().query("SELECT writer, batch, count() FROM t GROUP BY 1, 2")
        stored = {(writer, batch): rows for writer, batch, rows in counts.result_rows}
        assert set(stored.values()) == {100}
        for writer, batches in acknowledged.items():
            assert all((writer, batch) in stored for batch in range(batches))


def _write(server, writer: int, acknowledged: dict[int, int], killed: threading.Event) -> None:
    try:
        client = server.client()
        while True:
            batch = acknowledged[writer]
            rows = [[writer, batch, n] for n in range(100)]
            token = {"insert_deduplication_token": f"{writer}-{batch}"}
            client.insert("t", rows, column_names=["writer", "batch", "n"], settings=token)
            acknowledged[writer] = batch + 1
    except (ClickHouseError, HTTPError, OSError):
        if not killed.is_set():
            raise
