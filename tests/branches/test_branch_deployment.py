"""The demo of a branch deployment: cloned, worked in and dropped, with production as before.

The product's own jobs on the sandbox's Snowflake, ClickHouse, Kafka and ECS. What each step did is
printed at the end of the test run.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from branches_support import (
    QUIET,
    SYSTEMS,
    Content,
    content,
    deployed_as,
    metadata_of,
    serve,
    stream_tables_of_production,
)
from confluent_kafka import Consumer, Producer, TopicPartition
from dagster_dbt import DbtCliResource

from polygon_assets.bootstrap import create_stream_tables
from polygon_assets.cli.tables import table_facts
from polygon_assets.defs.platform import janitor as janitor_module
from polygon_assets.defs.platform.branch_jobs import (
    BranchToDrop,
    clone_deployment,
    drop_deployment,
)
from polygon_assets.defs.platform.clone import clone_stream_tables, clone_warehouse
from polygon_assets.defs.platform.inventory import find_clones
from polygon_assets.defs.platform.janitor import JanitorConfig, janitor
from polygon_assets.defs.raw import STREAM_TABLES
from polygon_assets.env import PROD, PROJECT_ROOT, Names, branch_names
from polygon_assets.publish.manifest import read_manifest, read_streams
from polygon_assets.resources.dbt import DBT, dbt
from polygon_assets.resources.ecs import PRODUCER, SINK
from polygon_assets.resources.platform import Platform, platform
from polygon_assets.sandbox.airbyte.columns import column, table_columns
from polygon_assets.stream_tasks import task_variables

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("branch_deployment"),
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("builds"),
]

FRIDAY, MONDAY = date(2005, 2, 25), date(2005, 2, 28)
FOUR_PM = {FRIDAY: 1109365200000, MONDAY: 1109624400000}
"""When the vendor stamps the session's official bar: 16:00 in New York, epoch milliseconds."""

PR_7, PR_8, PR_9 = map(branch_names, (7, 8, 9))
CHANGED = "fct_daily_bars"
BUILD = ("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


@dataclass
class Story:
    """The steps as they happened."""

    lines: list[str] = field(default_factory=list[str])
    began: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        self.lines.append(f"{time.monotonic() - self.began:6.1f} s  {text}")


@dataclass(frozen=True)
class State:
    """All that production is: every table, the topics with their ends, commits and services."""

    warehouse: dict[str, tuple[int, str]]
    stream: Content
    topics: dict[str, int]
    committed: dict[int, int]
    services: dict[str, int]

    @property
    def told(self) -> str:
        rows = sum(rows for rows, _ in self.warehouse.values())
        seconds = self.stream["ticks.bars_1s"][0]
        return (
            f"{len(self.warehouse)} Snowflake tables with {rows} rows, {len(self.stream)} "
            f"ClickHouse tables with {seconds} second bars, {len(self.topics)} topics with "
            f"{sum(self.topics.values())} messages"
        )


def state(names: Names) -> State:
    systems = platform(names)
    facts = [one for one in table_facts(names) if one.system == "snowflake"]
    return State(
        {one.name: (one.rows, one.checksum) for one in facts},
        content(systems.clickhouse),
        {
            topic.removeprefix(names.topic_prefix): systems.kafka.message_count(topic)
            for topic in systems.kafka.topics().values()
        },
        {number: one.settled for number, one in systems.kafka.progress().items()},
        systems.stream_services.desired_counts(),
    )


def make_production(systems: Platform) -> None:
    """Two small sessions in everything that production has."""
    systems.snowflake.create_schemas()
    streams = read_streams(read_manifest())
    with systems.snowflake.cursor() as cursor:
        for table in STREAM_TABLES:
            columns = table_columns(streams[table.stream]).items()
            definition = ", ".join(f"{column(name)} {kind}" for name, kind in columns)
            cursor.execute(f"CREATE TABLE {table.qualified('POLYGON')} ({definition})")
        for day, moment in FOUR_PM.items():
            cursor.execute(
                "INSERT INTO POLYGON.RAW.DAILY_BARS (TICKER, T, O, H, L, C, V, VW, N, "
                "_AIRBYTE_RAW_ID, _AIRBYTE_EXTRACTED_AT) SELECT column1, %s, column2, column2 + 1, "
                "column2 - 1, column2, 1000, column2, 10, column1 || %s, %s "
                "FROM VALUES ('AAPL', 44.9), ('IBM', 92.6), ('MSFT', 25.2)",
                [moment, str(day), "2005-03-02T00:00:00Z"],
            )
    build(dbt(PROD), "--select", f"+{CHANGED}")
    stream_tables_of_production(systems.clickhouse, FRIDAY, MONDAY)
    systems.kafka.create_topics(1)
    send(systems, 40)
    settle(systems)
    systems.stream_services.deploy(task_variables(PROD))


def build(resource: DbtCliResource, *arguments: str) -> None:
    window = {"first_session": str(FRIDAY), "last_session": str(MONDAY)}
    resource.cli([*BUILD, *arguments, "--vars", json.dumps(window)]).wait()


def send(systems: Platform, count: int) -> None:
    """Second bars of Monday's last minutes, as the vendor sends them."""
    producer = Producer({"bootstrap.servers": systems.kafka.bootstrap_servers})
    for number in range(count):
        start = FOUR_PM[MONDAY] - (count - number) * 1000
        bar = {"ev": "A", "sym": "AAPL", "v": 100, "av": 1000, "op": 44.0, "vw": 44.5}
        bar |= {"o": 44.0, "c": 44.5, "h": 45.0, "l": 43.5, "a": 44.2, "z": 50}
        bar |= {"s": start, "e": start + 1000}
        producer.produce(systems.kafka.bars_topic, json.dumps(bar), key="AAPL")
    assert producer.flush(30) == 0


def settle(systems: Platform) -> None:
    """Commit everything for production's sink."""
    group = {"group.id": systems.kafka.consumer_group}
    consumer = Consumer({"bootstrap.servers": systems.kafka.bootstrap_servers, **group})
    ends = systems.kafka.end_offsets(systems.kafka.bars_topic)
    parts = [TopicPartition(systems.kafka.bars_topic, n, at) for n, at in ends.items()]
    consumer.commit(offsets=parts, asynchronous=False)
    consumer.close()


def eventually(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def run(job: dg.JobDefinition, names: Names | None = None, **ops: dg.Config) -> Any:
    config = dg.RunConfig(ops=dict(ops), loggers=QUIET["loggers"])
    resources = {"dbt": dbt(names)} if names is not None else {}
    return job.execute_in_process(run_config=config, resources=resources)


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with serve(tmp_path_factory.mktemp("branches"), *SYSTEMS) as found:
        yield found


def test_the_life_of_branch_deployments(
    variables: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    story = Story()
    with deployed_as(PROD, variables):
        make_production(platform(PROD))
        before = state(PROD)
    story.tell(f"production: {before.told}")

    with deployed_as(PR_7, variables):
        clone(story, before)
        work(story, tmp_path)
    with deployed_as(PROD, variables):
        assert state(PROD) == before
        story.tell("production is as before, row for row")
        drop(story)
        assert state(PROD) == before
        story.tell("nothing of pull request 7 is left; production is as before, row for row")

    leak(story, variables)
    with deployed_as(PROD, variables):
        clean_up(story, monkeypatch)
        assert state(PROD) == before
        story.tell("no clone is left; production is as before, row for row")
    record_property("the life of branch deployments", "\n".join(story.lines))


def clone(story: Story, before: State) -> None:
    """The branch is a copy of production, made by its own job; the same once more."""
    done = run(clone_deployment, PR_7)
    found = state(PR_7)
    assert metadata_of(done, "clone_warehouse")["made"] is True
    # The view fct_daily_filled, for one, is not yet in production.
    assert "stg_daily_bars" in (views := metadata_of(done, "write_views")["views"])
    assert "fct_daily_filled" not in views
    assert found.warehouse == before.warehouse
    assert found.stream | before.stream == found.stream
    assert set(found.topics) == set(before.topics)
    assert set(found.topics.values()) == {0}
    assert found.services == {PRODUCER: 0, SINK: 0}
    story.tell(f"clone_deployment in pr_7: {found.told}")
    attached = metadata_of(done, "clone_stream_tables")
    story.tell(
        f"    {attached['attached_partitions']} partitions attached of sessions "
        f"{', '.join(attached['sessions'])}, nothing copied"
    )
    # The steps again, but for dbt's, which only writes views.
    systems = platform(PR_7)
    assert clone_warehouse(PR_7, systems.account, refresh=False)["made"] is False
    told = clone_stream_tables(PR_7, systems.clickhouse, sessions=5, refresh=False)
    assert (told["sessions"], told["attached_partitions"]) == (attached["sessions"], 0)
    assert systems.kafka.create_topics(1) == []
    assert state(PR_7) == found
    story.tell("the same steps in pr_7 once more: nothing is made, nothing changes")


def work(story: Story, tmp_path: Path) -> None:
    """What a pull request does: other raw rows, a changed mart, a stream of its own."""
    systems = platform(PR_7)
    systems.snowflake.query("UPDATE POLYGON_PR_7.RAW.DAILY_BARS SET C = C + 1")
    [(theirs, ours)] = systems.snowflake.query(
        "SELECT (SELECT SUM(close) FROM POLYGON.STAGING.STG_DAILY_BARS), "
        "(SELECT SUM(close) FROM POLYGON_PR_7.STAGING.STG_DAILY_BARS)"
    )
    assert ours - theirs == pytest.approx(6)
    story.tell("raw rows changed in pr_7: its views read the clone, not production")

    project = tmp_path / "dbt_polygon"
    shutil.copytree(PROJECT_ROOT / "dbt_polygon", project, ignore=shutil.ignore_patterns("target"))
    model = project / "models" / "marts" / f"{CHANGED}.sql"
    text = model.read_text()
    assert "    bars.close,\n" in text
    model.write_text(text.replace("    bars.close,\n", "    bars.close * 2 as close,\n"))
    changed = DbtCliResource(
        project_dir=str(project),
        profiles_dir=str(project),
        dbt_executable=str(DBT),
        target="branch",
    )
    build(changed, "--select", CHANGED, "--full-refresh")
    [(theirs, ours)] = systems.snowflake.query(
        f"SELECT (SELECT SUM(close) FROM POLYGON.MARTS.{CHANGED}), "
        f"(SELECT SUM(close) FROM POLYGON_PR_7.MARTS.{CHANGED})"
    )
    assert ours == pytest.approx(2 * (theirs + 6))
    story.tell(f"{CHANGED} built with another definition in pr_7: sum of closes {theirs} → {ours}")

    with pytest.raises(ValueError, match="may run 0"):
        systems.stream_services.set_desired_count(PRODUCER, 1)
    count = "SELECT count() FROM {ticks}.bars_1s"
    [(stored,)] = systems.clickhouse.query(count)
    systems.stream_services.set_desired_count(SINK, 1)
    send(systems, 30)
    eventually(lambda: systems.clickhouse.query(count) == [(stored + 30,)])
    eventually(lambda: sum(systems.kafka.lag().values()) == 0)
    story.tell("a sink that was asked for stored 30 messages of pr_7's topic; a producer: refused")


def drop(story: Story) -> None:
    """At the close of the pull request; the sink still runs."""
    [found] = find_clones(platform(PROD))
    assert found.pull_request == 7
    dropped = metadata_of(run_drop(7), "drop_everything")["dropped"]
    assert dropped == [name for _, name in found.names]
    assert {"pr_7.sink", "polygon-pr-7", "ticks_pr_7", "rollups_pr_7"} <= set(dropped)
    assert dropped[-1] == "POLYGON_PR_7"
    story.tell(f"drop_deployment in prod dropped {len(dropped)} names: {', '.join(dropped)}")
    assert find_clones(platform(PROD)) == []
    assert everything() == {"POLYGON", "ticks", "rollups", "sink", "polygon"}
    assert metadata_of(run_drop(7), "drop_everything")["dropped"] == []


def run_drop(number: int) -> Any:
    return run(drop_deployment, drop_everything=BranchToDrop(pull_request=number))


def everything() -> set[str]:
    """Names in all systems, but for production's topics, with whatever is not ours."""
    systems = platform(PROD)
    found = {row[1] for row in systems.account.query("SHOW DATABASES")}
    found |= {name for (name,) in systems.clickhouse.query("SELECT name FROM system.databases")}
    found -= {"system", "default", "information_schema", "INFORMATION_SCHEMA"}
    admin: Any = systems.kafka.admin()
    topics = {name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")}
    groups = {one.group_id for one in admin.list_consumer_groups().result().valid}
    client: Any = systems.stream_services.client()
    clusters = {arn.rpartition("/")[2] for arn in client.list_clusters()["clusterArns"]}
    tasks = client.list_tasks(cluster="polygon")["taskArns"]
    families = {
        arn.rpartition("/")[2].partition(":")[0]
        for arn in client.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
    }
    found |= {str(task) for task in tasks} | groups | clusters
    found |= families - {"polygon-producer", "polygon-sink"}
    return found | topics - set(systems.kafka.topics().values())


def leak(story: Story, variables: dict[str, str]) -> None:
    """Two more clones, of which nobody ever hears again."""
    with deployed_as(PR_8, variables):
        systems = platform(PR_8)
        clone_warehouse(PR_8, systems.account, refresh=False)
        clone_stream_tables(PR_8, systems.clickhouse, sessions=1, refresh=False)
        systems.kafka.create_topics(1)
        systems.stream_services.deploy(task_variables(PR_8))
    with deployed_as(PR_9, variables):
        clone_warehouse(PR_9, platform(PR_9).account, refresh=False)
        create_stream_tables(platform(PR_9).clickhouse)
    story.tell("leaked: a whole clone pr_8, and of pr_9 the databases")


def clean_up(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """The janitor: nothing too early, only a report in a dry run, then exactly what is due."""
    began = datetime.now(UTC)

    def sweep(after: timedelta, **config: Any) -> list[int]:
        monkeypatch.setattr(janitor_module, "clock", lambda: began + after)
        done = run(janitor, drop_leaked_clones=JanitorConfig(**config))
        told = metadata_of(done, "drop_leaked_clones")
        rows = [one.data for one in told["clones"].records]
        due = [row["pull_request"] for row in rows if row["dropped_because"]]
        assert told["clones_to_drop"] == len(due)
        dry = " (dry run)" if told["dry_run"] else ""
        reasons = [f"pr_{r['pull_request']}: {r['dropped_because'] or 'stays'}" for r in rows]
        story.tell(f"janitor after {after}{dry}: {', '.join(reasons) or 'nothing found'}")
        return due

    assert sweep(timedelta(hours=1), open_pull_requests=[9]) == []
    assert sweep(timedelta(days=1)) == []
    assert sweep(timedelta(days=1), open_pull_requests=[9], dry_run=True) == [8]
    assert [one.pull_request for one in find_clones(platform(PROD))] == [8, 9]
    assert sweep(timedelta(days=1), open_pull_requests=[9]) == [8]
    assert [one.pull_request for one in find_clones(platform(PROD))] == [9]
    # A drop that was interrupted just before its end has lost the clone's age.
    platform(PROD).account.query("DROP DATABASE POLYGON_PR_9")
    assert sweep(timedelta(hours=1)) == [9]
    assert find_clones(platform(PROD)) == []
    assert everything() == {"POLYGON", "ticks", "rollups", "sink", "polygon"}
