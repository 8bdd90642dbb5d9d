"""Production and its branch deployments on the sandbox's servers, and what a test asks of them."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.servers import free_ports, server

from polygon_assets.bootstrap import create_stream_tables
from polygon_assets.defs.rollups.assets import ROLLUPS
from polygon_assets.defs.rollups.rebuild import rebuild_session
from polygon_assets.env import Names
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.sessions import session

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SYSTEMS = ("snowflake", "clickhouse", "kafka", "ecs")


@contextmanager
def serve(folder: Path, *systems: str) -> Generator[dict[str, str], None, None]:
    """Run servers until the block ends; yields the variables that point to them."""
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(server(name, folder / name)) for name in systems or SYSTEMS
        }
        yield _variables(ports)


def _variables(ports: dict[str, int]) -> dict[str, str]:
    health = free_ports(2)
    every = {
        "snowflake": {"SNOWFLAKE_PORT": str(ports.get("snowflake"))},
        "clickhouse": {"CLICKHOUSE_URL": f"http://127.0.0.1:{ports.get('clickhouse')}"},
        "kafka": {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports.get('kafka')}"},
        "ecs": {
            "ECS_ENDPOINT_URL": f"http://127.0.0.1:{ports.get('ecs')}",
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests",
            "STREAM_PRODUCER_HEALTH_PORT": str(health),
            "STREAM_SINK_HEALTH_PORT": str(health + 1),
        },
    }
    return {name: value for system in ports for name, value in every[system].items()}


@contextmanager
def deployed_as(names: Names, variables: dict[str, str]) -> Iterator[None]:
    """The environment of a deployment, for the code of the block."""
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name.startswith("DAGSTER_CLOUD_"):
                environment.delenv(name)
        for name, value in variables.items():
            environment.setenv(name, value)
        environment.setenv("POLYGON_DEPLOYMENT", names.deployment.value)
        if names.is_branch:
            environment.setenv("DAGSTER_CLOUD_PULL_REQUEST_ID", str(names.pull_request))
        yield


BAR_COLUMNS = [
    *("session_date", "symbol", "bar_start", "open", "high", "low", "close"),
    *("vwap", "volume", "kafka_partition", "kafka_offset", "received_at"),
]


def store_session(store: ClickHouse, day: date, seconds: int = 120, *, final: bool = True) -> None:
    """Second bars of two symbols from a session's open on; rolled up where it is final."""
    opened = session(day).open_at
    rows = [
        (
            *(day, symbol, opened + timedelta(seconds=at)),
            *(price, price + 1, price - 1, price + at / 1000),
            *(price, 100 + at),
            *(partition, at, opened + timedelta(seconds=at + 1)),
        )
        for partition, (symbol, price) in enumerate({"AAPL": 44.0, "IBM": 92.5}.items())
        for at in range(seconds)
    ]
    with store.client() as client:
        client.insert(f"{store.ticks}.bars_1s", rows, column_names=BAR_COLUMNS)
    if final:
        for rollup in ROLLUPS:
            rebuild_session(store, rollup, day)


def stream_tables_of_production(store: ClickHouse, *days: date) -> None:
    """The databases of production, with final sessions."""
    create_stream_tables(store)
    for day in days:
        store_session(store, day)


Content = dict[str, tuple[int, int]]
"""Table -> rows and checksum, over every column."""


def content(store: ClickHouse, days: list[date] | None = None) -> Content:
    """What the stream's databases hold, of these sessions only or of all."""
    listed = store.query(
        "SELECT database, name, partition_key = 'session_date' FROM system.tables "
        "WHERE database IN ({ticks_name:String}, {rollups_name:String}) "
        "AND engine LIKE '%MergeTree' AND name != 'schema_migrations'",
        {"ticks_name": store.ticks, "rollups_name": store.rollups},
    )
    found: Content = {}
    for database, table, by_session in listed:
        some = " WHERE session_date IN {days:Array(Date)}" if days is not None else ""
        if some and not (by_session or table == "rebuilds"):
            continue
        short = "ticks" if database == store.ticks else "rollups"
        [(rows, checksum)] = store.query(
            f"SELECT count(), sum(cityHash64(*)) FROM {database}.{table}{some}",
            {"days": days} if some else {},
        )
        found[f"{short}.{table}"] = (int(rows), int(checksum or 0))
    return found


def metadata_of(result: Any, op: str) -> dict[str, Any]:
    """Metadata of an op's output."""
    for event in result.all_node_events:
        if event.is_successful_output and event.node_name == op:
            return {name: one.value for name, one in event.step_output_data.metadata.items()}
    raise AssertionError(f"{op} gave no output")
