import socket
import urllib.error
import urllib.request

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError


@pytest.mark.parametrize(
    ("statement", "code", "name"),
    [
        ("SELECT * FROM missing", 60, "UNKNOWN_TABLE"),
        ("SELECT * FROM missing.missing", 81, "UNKNOWN_DATABASE"),
        ("SELECT missing", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT missing(1)", 46, "UNKNOWN_FUNCTION"),
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 62, "SYNTAX_ERROR"),
        ("SELECT {missing:String}", 456, "UNKNOWN_QUERY_PARAMETER"),
        ("SELECT throwIf(1, 'on purpose')", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT toDate('no date')", 38, "CANNOT_PARSE_DATE"),
        ("CREATE TABLE t (a Int8) ENGINE = Missing", 56, "UNKNOWN_STORAGE"),
        ("INSERT INTO missing VALUES (1)", 60, "UNKNOWN_TABLE"),
    ],
)
def test_errors_have_the_code_of_clickhouse(
    client: Client, statement: str, code: int, name: str
) -> None:
    with pytest.raises(DatabaseError) as failed:
        client.raw_query(statement)
    assert failed.value.code == code
    assert f"({name})" in str(failed.value)
    assert str(failed.value).count("DB::Exception") == 1
    assert client.command("SELECT 1") == 1


@pytest.mark.parametrize(
    "statement",
    ["SELECT 1 INTO OUTFILE '/tmp/x'", "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV"],
)
def test_files_of_the_server_are_out_of_reach(gateway, client: Client, statement: str) -> None:
    with pytest.raises(DatabaseError, match="NOT_IMPLEMENTED"):
        client.raw_query(statement)


def test_unknown_setting_is_refused_by_the_server(gateway) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{gateway.url}/?query=SELECT+1&no_such_setting=1")
    assert refused.value.headers["X-ClickHouse-Exception-Code"] == "115"


def test_failed_inserts_store_nothing(client: Client) -> None:
    client.command(
        "CREATE TABLE t (n UInt32, CONSTRAINT small CHECK n < 10)"
        " ORDER BY n PARTITION BY n SETTINGS non_replicated_deduplication_window = 100"
    )
    with pytest.raises(DatabaseError) as violated:
        client.insert("t", [[1], [11]], column_names=["n"])
    assert violated.value.code == 469
    with pytest.raises(DatabaseError) as unparsed:
        client.raw_insert("t", insert_block=b'{"n": 1}\n{"n": "no number"}\n', fmt="JSONEachRow")
    assert unparsed.value.code in (27, 72)
    with pytest.raises(DatabaseError) as unknown:
        client.raw_insert(
            "t",
            insert_block=b'{"n": 1, "m": 1}\n',
            fmt="JSONEachRow",
            settings={"input_format_skip_unknown_fields": 0},
        )
    assert unknown.value.code == 117
    with pytest.raises(DatabaseError) as truncated:
        client.raw_insert("t", insert_block=b"\x01\x05\x01n\x06UInt32\x01", fmt="Native")
    assert truncated.value.code == 33
    assert client.command("SELECT count() FROM t") == 0


def test_a_failing_view_fails_the_insert(client: Client) -> None:
    client.command("CREATE TABLE t (n UInt32) ORDER BY n")
    client.command("CREATE TABLE doubled (n UInt32) ORDER BY n")
    client.command(
        "CREATE MATERIALIZED VIEW view TO doubled AS SELECT n * 2 + throwIf(n = 3) AS n FROM t"
    )
    with pytest.raises(DatabaseError) as failed:
        client.insert("t", [[1], [3]], column_names=["n"])
    assert failed.value.code == 395


def test_too_many_partitions_fail_the_insert(client: Client) -> None:
    client.command("CREATE TABLE t (n UInt32) ORDER BY n PARTITION BY n")
    with pytest.raises(DatabaseError) as failed:
        client.insert("t", [[number] for number in range(200)], column_names=["n"])
    assert failed.value.code == 252
    assert client.command("SELECT count() FROM t") == 0


def test_get_does_not_change_anything(gateway, database: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{gateway.url}/?query=DROP+DATABASE+{database}")
    assert refused.value.status == 403
    assert b"READONLY" in refused.value.read()


@pytest.mark.parametrize(
    ("address", "headers", "status", "text"),
    [
        ("/dashboard", {}, 404, b"There is no handle /dashboard"),
        ("/?query=SELECT+1&decompress=1", {}, 501, b"decompress=1"),
        ("/?query=SELECT+1&role=admin", {}, 501, b"roles"),
        ("/?query=", {}, 400, b"Empty query"),
        ("/?query=SELECT+1", {"Content-Encoding": "br"}, 400, b"Unknown Content-Encoding br"),
        ("/?query=SELECT+1", {"Content-Encoding": "zstd"}, 400, b"not valid zstd"),
        ("/?query=SELECT+1", {"Content-Encoding": "gzip"}, 400, b"not valid gzip"),
    ],
)
def test_what_is_not_supported_is_named(
    gateway, address: str, headers: dict[str, str], status: int, text: bytes
) -> None:
    request = urllib.request.Request(gateway.url + address, data=b"\n" * 9, headers=headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    assert refused.value.status == status
    assert text in refused.value.read()


def test_a_connection_outlives_an_error_with_an_unread_body(gateway) -> None:
    body = b"x" * 300_000
    head = b"POST /?no_such_setting=1&query=SELECT+1 HTTP/1.1\r\nHost: localhost\r\n"
    head += b"Content-Length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        connection.sendall(head % len(body) + body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400")
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"Ok." in connection.recv(65536)


def test_wrong_credentials_are_refused(start) -> None:
    server = start(CLICKHOUSE_USER="writer", CLICKHOUSE_PASSWORD="right password")
    for user, password in (("writer", "wrong"), ("writer", ""), ("other", "right password")):
        with pytest.raises(DatabaseError) as refused:
            server.client(username=user, password=password)
        assert refused.value.code == 516
        assert "right password" not in str(refused.value)
    client = server.client(username="writer", password="right password")
    assert client.command("SELECT 1") == 1
    headers = {"X-ClickHouse-User": "writer", "X-ClickHouse-Key": "right password"}
    request = urllib.request.Request(f"{server.url}/?query=SELECT+1", headers=headers)
    assert urllib.request.urlopen(request).read() == b"1\n"


def test_without_a_password_every_password_is_accepted(gateway) -> None:
    assert gateway.client(username="default", password="whatever").command("SELECT 1") == 1
