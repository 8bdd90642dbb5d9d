"""How fast the asset page answers with ten years of sessions behind it.

    uv run python tests/bench/ui.py [--years 10] [--rounds 5]

A Dagster instance on disk with one materialization and one check result for each session of one
asset; Dagster's webserver with the code location; the questions that the asset's page asks, as
GraphQL, over HTTP. Milliseconds of wall time, the median, and the size of the answers.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import dagster as dg
from rich.console import Console
from rich.table import Table
from support.servers import free_ports

from polygon_assets.cli.prepare import write_dagster_config
from polygon_assets.env import PROJECT_ROOT
from polygon_assets.sessions import sessions_between

ASSET = dg.AssetKey(["marts", "market", "fct_daily_bars"])
CHECK = "bars_final"
START_SECONDS = 180.0

KEY = json.dumps({"path": ASSET.path})
QUESTIONS = {
    "partitions and their status": """
        query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            partitionKeyConnection(limit: 10000, ascending: true) { results }
            partitionStats { numMaterialized numPartitions numFailed }
            assetPartitionStatuses { ... on TimePartitionStatuses {
                ranges { status startKey endKey } } } } } }""",
    "newest 100 materializations": """
        query($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
            assetMaterializations(limit: 100) {
                timestamp partition runId metadataEntries { label } } } } }""",
    "one value of every session (the plot)": """
        query($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
            assetMaterializations(limit: 3000) { partition metadataEntries { label
                ... on IntMetadataEntry { intValue } } } } } }""",
    "checks with their last results": """
        query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            assetChecksOrError { ... on AssetChecks { checks { name blocking
                executionForLatestMaterialization { status } } } } } } }""",
    "freshness": """
        query($key: AssetKeyInput!) { assetNodes(assetKeys: [$key]) {
            freshnessStatusInfo { freshnessStatus }
            internalFreshnessPolicy { __typename } } }""",
    "definition and lineage": """
        query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            description kinds owners { __typename } groupName metadataEntries { label }
            dependencyKeys { path } dependedByKeys { path } } } }""",
    "the whole graph": """
        query { assetNodes { assetKey { path } groupName kinds dependencyKeys { path }
            partitionDefinition { description } } }""",
}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    console = Console(width=110)
    with tempfile.TemporaryDirectory(prefix="ui-") as folder:
        home = Path(folder)
        write_dagster_config(home)
        began = time.monotonic()
        sessions = remember(home, options.years)
        console.print(f"{sessions:,} sessions written in {time.monotonic() - began:.1f} s")
        with webserver(home) as url:
            table = Table("what the page asks", "ms", "slowest", "KB")
            for name, query in QUESTIONS.items():
                rounds = [ask(url, query) for _ in range(options.rounds + 1)][1:]
                times = [seconds for seconds, _ in rounds]
                figures = [1000 * statistics.median(times), 1000 * max(times)]
                size = len(rounds[0][1]) / 1000
                table.add_row(name, *(f"{one:.0f}" for one in figures), f"{size:.0f}")
    console.print(table)
    return 0


def remember(home: Path, years: int) -> int:
    """Write years of sessions into the instance; returns how many there are."""
    last = date(2026, 1, 2)
    days = sessions_between(last.replace(year=last.year - years), last)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for day in days:
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    ASSET, partition=str(day), metadata={"dagster/partition_row_count": 10_000}
                )
            )
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(asset_key=ASSET, check_name=CHECK, passed=True)
        )
    return len(days)


@contextmanager
def webserver(home: Path) -> Generator[str, None, None]:
    """Dagster's webserver with the code location, until the block ends."""
    port = free_ports(1)
    command = [sys.executable, "-W", "ignore", "-m", "dagster_webserver"]
    command += ["-h", "127.0.0.1", "-p", str(port), "-w", str(PROJECT_ROOT / "workspace.yaml")]
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    with (home / "webserver.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=PROJECT_ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}/graphql"
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((home / "webserver.log").read_text()[-2000:])
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return b"fct_daily_bars" in ask(url, QUESTIONS["the whole graph"])[1]
    except OSError:
        return False


def ask(url: str, query: str) -> tuple[float, bytes]:
    """Seconds and the answer.

    Raises:
        SystemExit: Dagster does not understand the query.
    """
    body: dict[str, Any] = {"query": query}
    if "$key" in query:
        body["variables"] = {"key": json.loads(KEY)}
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = answer.read()
    took = time.perf_counter() - began
    if "errors" in json.loads(found):
        raise SystemExit(found.decode()[:2000])
    return took, found


if __name__ == "__main__":
    sys.exit(main())
