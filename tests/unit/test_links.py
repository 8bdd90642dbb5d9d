"""Links of the metadata: to the right place, without a secret, and only where one is known."""

import base64
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from polygon_assets.links import clickhouse_link, dbt_docs_link, topic_link
from polygon_assets.resources.clickhouse import ClickHouse

DAYS = date(2005, 2, 28), date(2005, 3, 1)


def link(url: str, user: str = "default") -> tuple[str, dict[str, Any], str]:
    """Address, parameters and SQL of the link to a rollup."""
    tables = ClickHouse(
        url=url, user=user, password="hidden", ticks="ticks_pr_1", rollups="rollups_pr_1"
    )
    found = clickhouse_link(tables, "{rollups}.bars_1m", "session_date", *DAYS)["clickhouse"].value
    parts = urlsplit(found)
    sql = base64.b64decode(parts.fragment).decode()
    assert "hidden" not in found + sql
    return f"{parts.scheme}://{parts.netloc}{parts.path}", parse_qs(parts.query), sql


def test_the_rows_of_the_sessions_in_clickhouse() -> None:
    address, parameters, sql = link("https://abc.clickhouse.cloud:8443", "a&b")
    assert address == "https://abc.clickhouse.cloud:8443/play"
    assert parameters == {"user": ["a&b"]}
    assert sql == (
        "SELECT * FROM rollups_pr_1.bars_1m\n"
        "WHERE session_date BETWEEN '2005-02-28' AND '2005-03-01'\nLIMIT 1000"
    )


@pytest.mark.parametrize("rest", ["", "/", "/path?password=hidden"])
def test_no_password_of_the_address_is_shown(rest: str) -> None:
    address, parameters, _ = link(f"http://someone:hidden@127.0.0.1:8123{rest}")
    assert (address, parameters) == ("http://127.0.0.1:8123/play", {"user": ["default"]})


def test_a_topic_has_its_name_and_a_page_where_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINK_KAFKA_TOPIC", raising=False)
    assert topic_link("pr_1.stocks.luld") == {"topic": "pr_1.stocks.luld"}
    monkeypatch.setenv("LINK_KAFKA_TOPIC", "https://kafka.example.com/topics/{topic}/overview")
    found = topic_link("a/b")
    assert found["kafka"].value == "https://kafka.example.com/topics/a%2Fb/overview"


def test_dbt_docs_where_they_are_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINK_DBT_DOCS", raising=False)
    assert dbt_docs_link("model.p.bars") == {}
    monkeypatch.setenv("LINK_DBT_DOCS", "https://dbt.example.com/")
    found = {name: dbt_docs_link(name)["dbt_docs"].value for name in ("model.p.bars", "seed.p.one")}
    assert found == {
        "model.p.bars": "https://dbt.example.com/#!/model/model.p.bars",
        "seed.p.one": "https://dbt.example.com/#!/seed/seed.p.one",
    }
