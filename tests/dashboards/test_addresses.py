"""How the dashboards' server is told to reach the databases."""

from urllib.parse import parse_qs, urlsplit

import pytest

from polygon_assets.defs.dashboards.addresses import clickhouse_uri, database_addresses
from polygon_assets.env import PROD
from polygon_assets.preflight import MissingCredentialError


@pytest.fixture(autouse=True)
def _production(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CLICKHOUSE_URL": "https://abc.clickhouse.cloud",
        "CLICKHOUSE_USER": "dagster",
        "CLICKHOUSE_PASSWORD": "p@ss/w:rd",
        "SNOWFLAKE_ACCOUNT": "myorg-myaccount",
        "SNOWFLAKE_USER": "DAGSTER",
        "SNOWFLAKE_PASSWORD": "",
        "SNOWFLAKE_WAREHOUSE": "TRANSFORMING",
        "DASHBOARDS_SNOWFLAKE_USER": "DASHBOARDS",
        "DASHBOARDS_SNOWFLAKE_PASSWORD": "token",
        "DASHBOARDS_SNOWFLAKE_ROLE": "READER",
    }.items():
        monkeypatch.setenv(name, value)


def test_passwords_are_apart_from_the_addresses() -> None:
    found = database_addresses(PROD)
    assert found["clickhouse"].password == "p@ss/w:rd"
    assert found["snowflake"].password == "token"
    for one in found.values():
        assert urlsplit(one.uri).password == "XXXXXXXXXX"
        assert one.password not in repr(one)


def test_clickhouse_cloud() -> None:
    uri = urlsplit(database_addresses(PROD)["clickhouse"].uri)
    assert (uri.scheme, uri.username, uri.hostname, uri.port) == (
        *("clickhousedb", "dagster"),
        *("abc.clickhouse.cloud", 8443),
    )
    assert (uri.path, uri.query) == ("/rollups", "secure=true")


def test_a_user_of_the_dashboards_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARDS_CLICKHOUSE_USER", "reader")
    monkeypatch.setenv("DASHBOARDS_CLICKHOUSE_PASSWORD", "other")
    monkeypatch.setenv("DASHBOARDS_CLICKHOUSE_URL", "http://clickhouse.internal:8124/")
    found = database_addresses(PROD)["clickhouse"]
    assert found.uri == "clickhousedb://reader:XXXXXXXXXX@clickhouse.internal:8124/rollups"
    assert found.password == "other"


def test_snowflake() -> None:
    uri = urlsplit(database_addresses(PROD)["snowflake"].uri)
    assert (uri.username, uri.hostname, uri.port) == (
        *("DASHBOARDS", "myorg-myaccount.snowflakecomputing.com"),
        443,
    )
    assert uri.path == "/POLYGON/MARTS"
    options = {"account": ["myorg-myaccount"], "warehouse": ["TRANSFORMING"], "role": ["READER"]}
    assert parse_qs(uri.query) == options


def test_a_private_key_alone_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARDS_SNOWFLAKE_USER", "")
    with pytest.raises(MissingCredentialError, match="set DASHBOARDS_SNOWFLAKE_USER and"):
        database_addresses(PROD)


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("http://127.0.0.1:18102", "clickhousedb://default@127.0.0.1:18102/x"),
        ("http://user:secret@host/path?a=b", "clickhousedb://default@host:8123/x"),
    ],
)
def test_what_else_an_address_holds_is_left_out(url: str, uri: str) -> None:
    assert clickhouse_uri(url, "default", "", "x").uri == uri
