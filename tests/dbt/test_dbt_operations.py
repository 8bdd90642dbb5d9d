"""What dbt does around the models: query tags, the snapshot, the mart after the reconciliation."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dbt_warehouse import PROJECT, WITHOUT_VIEWS, Warehouse, warehouse
from real_market_data import bars_between

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("dbt_operations"),
    pytest.mark.timeout(1200),
]

FRIDAY, TUESDAY, WEDNESDAY = "2005-02-18", "2005-02-22", "2005-02-23"
RUN = "0b1c-of-dagster"
GONE = "STREAMED"
"""A symbol that only the stream knows."""

NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
SNAPSHOT = ("build", "--select", "+snap_security", *NO_UNIT_TESTS)
WITHOUT_TESTS = ("--exclude-resource-type", "test")
LATER = (*WITHOUT_TESTS, *WITHOUT_VIEWS)
BRIDGE = ("build", "--select", "tag:after_reconciliation", *NO_UNIT_TESTS)

Rows = list[tuple[Any, ...]]


def ticker(session: str, symbol: str, name: str, version: int = 0) -> dict[str, Any]:
    """A row of a session's snapshot of tickers."""
    return {
        "SESSION_DATE": session,
        "TICKER": symbol,
        "ACTIVE": True,
        "NAME": name,
        "TYPE": "CS",
        "PRIMARY_EXCHANGE": "XNAS",
        "COMPOSITE_FIGI": f"FIGI-{symbol}",
        "_AIRBYTE_RAW_ID": f"{session}-{symbol}-{version}",
        "_AIRBYTE_EXTRACTED_AT": f"2013-03-0{2 + version}T00:00:00Z",
    }


@dataclass
class Done:
    """Statuses and rows after each step."""

    statuses: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    versions: dict[str, Rows] = field(default_factory=dict[str, Rows])
    before_reconciliation: Rows = field(default_factory=Rows)
    reconciled: Rows = field(default_factory=Rows)
    reconciled_again: Rows = field(default_factory=Rows)
    tags: Rows = field(default_factory=Rows)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    with warehouse(tmp_path_factory.mktemp("dbt")) as wh:
        yield steps(wh)


def steps(wh: Warehouse) -> Done:
    found = Done()
    cursor = wh.connection.cursor()

    def snapshot(name: str, session: str, *options: str) -> None:
        found.statuses[name] = wh.run_dbt(*SNAPSHOT, *options, window=(session, session))
        found.versions[name] = versions()

    def versions() -> Rows:
        return wh.query(
            "select symbol, name, valid_from, valid_before from SNAPSHOTS.snap_security "
            "order by symbol, valid_from"
        )

    wh.insert("DAILY_BARS", [bar.as_raw() for bar in bars_between(FRIDAY, WEDNESDAY)])
    wh.insert("TICKERS", [ticker(FRIDAY, "AAPL", "Apple"), ticker(FRIDAY, "IBM", "IBM")])
    snapshot("first", FRIDAY, *WITHOUT_TESTS)
    wh.insert("TICKERS", [ticker(TUESDAY, "AAPL", "Apple Inc."), ticker(TUESDAY, "IBM", "IBM")])
    snapshot("changed", TUESDAY, *LATER)
    snapshot("again", TUESDAY, *LATER)
    snapshot("older", FRIDAY, *LATER)
    wh.insert("TICKERS", [ticker(TUESDAY, "AAPL", "Apple, corrected", version=1)])
    snapshot("corrected", TUESDAY, *LATER)
    wh.insert("TICKERS", [ticker(WEDNESDAY, s, n) for s, n in (("AAPL", "Apple, corrected"),)])
    snapshot("next", WEDNESDAY)

    part = ("build", "--select", "+fct_daily_bars", *NO_UNIT_TESTS)
    found.statuses["part"] = wh.run_dbt(*part, window=(FRIDAY, WEDNESDAY))
    found.statuses["not reconciled"] = wh.run_dbt(*BRIDGE, window=(FRIDAY, FRIDAY))
    found.before_reconciliation = wh.rows("fct_stream_reconciliation")
    reconcile(wh)
    found.statuses["bridge"] = wh.run_dbt(
        *BRIDGE, window=(FRIDAY, TUESDAY), variables={"dagster_run_id": RUN}
    )
    found.reconciled = wh.rows("fct_stream_reconciliation")
    wh.run_dbt(*BRIDGE, window=(TUESDAY, TUESDAY))
    found.reconciled_again = wh.rows("fct_stream_reconciliation")
    found.tags = wh.query(
        "select query_tag, query_type, query_text from "
        "table(information_schema.query_history(result_limit => 10000)) "
        f"where query_tag like '%{RUN}%' order by start_time"
    )
    cursor.close()
    return found


def reconcile(wh: Warehouse) -> None:
    """The table that Dagster's asset makes, with two sessions."""
    from polygon_assets.defs.reconcile.assets import CREATE

    wh.query("create schema if not exists RECONCILE")
    wh.query(CREATE.replace("{database}", "POLYGON_LOCAL"))
    rows = [
        (FRIDAY, "AAPL", "ok", 0.001, 0.0, 0.0, -0.002, 0.8),
        (FRIDAY, "IBM", "outside_bands", 0.05, 0.0, 0.0, 0.0, 0.8),
        (FRIDAY, GONE, "only_stream", *[None] * 5),
        (TUESDAY, "MSFT", "only_official", *[None] * 5),
    ]
    for row in rows:
        values = ", ".join("null" if one is None else repr(one) for one in row)
        wh.query(f"insert into RECONCILE.DAILY_BARS values ({values})")


def test_every_step_builds_and_passes(done: Done) -> None:
    bad = {
        step: {node: one for node, one in statuses.items() if one not in ("success", "pass")}
        for step, statuses in done.statuses.items()
    }
    assert {step: nodes for step, nodes in bad.items() if nodes} == {}


def test_a_change_is_valid_from_the_session_that_showed_it(done: Done) -> None:
    friday, tuesday, open_end = date(2005, 2, 18), date(2005, 2, 22), date(9999, 12, 31)
    assert done.versions["first"] == [
        ("AAPL", "Apple", friday, open_end),
        ("GOOG", None, friday, open_end),  # has bars only
        ("IBM", "IBM", friday, open_end),
        ("MSFT", None, friday, open_end),
    ]
    assert done.versions["changed"] == [
        ("AAPL", "Apple", friday, tuesday),
        ("AAPL", "Apple Inc.", tuesday, open_end),
        *done.versions["first"][1:],
    ]


@pytest.mark.parametrize("step", ["again", "older", "corrected"])
def test_the_same_or_an_older_session_adds_no_rows(done: Done, step: str) -> None:
    assert done.versions[step] == done.versions["changed"]


def test_a_correction_counts_from_the_next_session(done: Done) -> None:
    current = [row for row in done.versions["next"] if row[0] == "AAPL"]
    assert [row[1] for row in current] == ["Apple", "Apple Inc.", "Apple, corrected"]
    assert current[-1][2] == date(2005, 2, 23)


def test_a_part_of_the_models_is_tested_without_the_others(done: Done) -> None:
    """A test that compares a model which is not built with one that is waits for its own model."""
    part = done.statuses["part"]
    assert set(part.values()) <= {"success", "pass", "no-op"}
    assert "same_rows_per_session_fct_daily_bars_ref_stg_daily_bars_" in part
    assert "same_rows_per_session_fct_daily_adjusted_ref_fct_daily_bars_" not in part


@pytest.mark.usefixtures("builds")
def test_what_a_test_compares_a_model_with_is_made_before_it() -> None:
    """Otherwise a run of the model alone would leave its test out."""
    manifest = json.loads((PROJECT / "target" / "manifest.json").read_text())
    nodes: dict[str, dict[str, Any]] = manifest["nodes"]

    def above(node: str) -> set[str]:
        parents = set(nodes[node]["depends_on"].get("nodes", [])) & nodes.keys()
        return parents.union(*(above(parent) for parent in parents))

    assert {
        node["name"]: missing
        for node in nodes.values()
        if node["resource_type"] == "test" and (own := node["attached_node"])
        if (missing := set(node["depends_on"]["nodes"]) & nodes.keys() - above(own) - {own})
    } == {}


def test_without_a_reconciliation_the_mart_is_empty(done: Done) -> None:
    assert done.before_reconciliation == []


def test_a_row_per_reconciled_symbol_with_official_figures(done: Done) -> None:
    rows = {(str(row[0]), row[1]): row[2:] for row in done.reconciled}
    assert len(done.reconciled) == len(rows) == 4
    official = {(bar.session, bar.symbol): bar for bar in bars_between(FRIDAY, TUESDAY)}
    security, *compared, close, volume = rows[FRIDAY, "AAPL"]
    assert compared == ["ok", 0.001, 0.0, 0.0, -0.002, 0.8]
    bar = official[FRIDAY, "AAPL"].as_raw()
    assert (close, volume) == (bar["C"], bar["V"])
    assert security is not None
    assert rows[FRIDAY, GONE][:2] == (None, "only_stream")
    assert rows[FRIDAY, GONE][7:9] == (None, None)
    assert rows[TUESDAY, "MSFT"][1] == "only_official"
    assert rows[TUESDAY, "MSFT"][7] == official[TUESDAY, "MSFT"].as_raw()["C"]


def test_a_session_again_changes_nothing(done: Done) -> None:
    assert done.reconciled_again == done.reconciled


def test_every_statement_of_a_model_and_of_a_test_is_tagged(done: Done) -> None:
    tags = [json.loads(tag) for tag, *_ in done.tags]
    assert {tag["app"] for tag in tags} == {"polygon-assets"}
    assert {tag["deployment"] for tag in tags} == {"local"}
    assert {tag["run_id"] for tag in tags} == {RUN}
    assert {tag["asset"] for tag in tags} == {"marts/market/fct_stream_reconciliation"}
    assert len({tag["invocation_id"] for tag in tags}) == 1
    by_kind: dict[str, set[str]] = {}
    for tag, (_, kind, _) in zip(tags, done.tags, strict=True):
        by_kind.setdefault(tag["node"].split(".")[0], set()).add(kind)
    assert {"SELECT", "DELETE", "INSERT", "CREATE_TABLE_AS_SELECT"} <= by_kind["model"]
    assert "SELECT" in by_kind["test"]


@pytest.mark.usefixtures("builds")
def test_facts_are_clustered_by_session_and_nothing_else_is() -> None:
    manifest = json.loads((PROJECT / "target" / "manifest.json").read_text())
    models = {
        node["name"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] == "marts"
    }
    with_sessions = {
        name
        for name, node in models.items()
        if name.startswith("fct_") and "session_date" in node["columns"]
    }
    clustered = {name for name, node in models.items() if node["config"].get("cluster_by")}
    assert clustered == with_sessions
    assert {tuple(models[name]["config"]["cluster_by"]) for name in clustered} == {
        ("session_date",)
    }


@pytest.mark.usefixtures("builds")
def test_layers_have_their_kind_of_table_and_warehouse() -> None:
    manifest = json.loads(Path(PROJECT / "target" / "manifest.json").read_text())
    found = {
        (node["fqn"][1], node["config"].get("transient"), node["config"].get("snowflake_warehouse"))
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
    }
    assert found == {
        ("staging", None, None),
        ("intermediate", True, "SANDBOX"),
        ("marts", False, "SANDBOX"),
    }
