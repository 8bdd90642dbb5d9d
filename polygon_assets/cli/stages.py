"""The demo's stages after the sandbox is up: batch, stream, rollups, checks."""

import time
from dataclasses import dataclass, field
from datetime import timedelta

import dagster as dg

from polygon_assets.bootstrap import STEPS, bootstrap
from polygon_assets.cli.board import Board, Stage
from polygon_assets.cli.demo import Options, StageFailedError
from polygon_assets.cli.latency import StreamFacts, stream_facts
from polygon_assets.cli.outcomes import CheckOutcome, RunOutcome
from polygon_assets.cli.runs import Runner
from polygon_assets.cli.tables import TableFacts, table_facts
from polygon_assets.definitions import defs
from polygon_assets.defs.dashboards.assets import LAYER as DASHBOARDS
from polygon_assets.defs.dashboards.sensors import DASHBOARDS_JOB
from polygon_assets.defs.marts.assets import bridge_models
from polygon_assets.defs.platform.freshness import NAME as SESSION_FRESHNESS
from polygon_assets.defs.ticks.reports import stream_complete
from polygon_assets.defs.ticks.sensors import kafka_lag, market_hours
from polygon_assets.env import deployment_names
from polygon_assets.partitions import SessionWindow
from polygon_assets.resources.assemble import resources
from polygon_assets.resources.ecs import PRODUCER
from polygon_assets.resources.platform import Platform, platform
from polygon_assets.sandbox.layout import SandboxLayout
from polygon_assets.sandbox.market import SimulatedMarket
from polygon_assets.sessions import session

BATCH_LAYERS = ("raw", "staging", "intermediate", "marts", "snapshots")
EVENING = timedelta(hours=4)
"""After the close: late enough for the session to be due."""

LOOK_SECONDS = 0.3
STREAM_START_SECONDS = 60.0
DRAIN_SECONDS = 120.0


@dataclass
class Report:
    """What the demo did, for the summary."""

    options: Options
    layout: SandboxLayout
    systems: Platform
    tables: list[TableFacts] = field(default_factory=list[TableFacts])
    stream: StreamFacts | None = None
    checks: dict[tuple[str, str], CheckOutcome] = field(
        default_factory=dict[tuple[str, str], CheckOutcome]
    )
    never_run: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    @property
    def failed_checks(self) -> list[CheckOutcome]:
        """Checks that failed with ERROR."""
        return [one for one in self.checks.values() if one.is_error]

    @property
    def succeeded(self) -> bool:
        """Whether every check ran, and no ERROR check failed."""
        return not self.failed_checks and not self.never_run


class Demo:
    """Runs the stages in order; each raises StageFailedError with the reason."""

    def __init__(self, layout: SandboxLayout, options: Options, board: Board) -> None:
        self.names = deployment_names()
        self.systems = platform(self.names)
        self.report = Report(options, layout, self.systems)
        self.options = options
        self.board = board
        self.market = SimulatedMarket(layout)
        self.instance = dg.DagsterInstance.get()
        self.runner = Runner(defs, self.instance)
        self.resources = resources(self.names)
        self.window = SessionWindow(options.sessions[0], options.sessions[-1])
        self.streamed = options.sessions[-1]

    def run(self) -> Report:
        """Run every stage."""
        self.runner.clear_interrupted_runs()
        self.market.end()
        self._bootstrap()
        self._batch()
        self._stream()
        self._rollups()
        if self.options.bi:
            self._dashboards()
        self._checks()
        self.market.end()
        self.report.tables = table_facts(self.names)
        return self.report

    def _bootstrap(self) -> None:
        with self.board.stage("bootstrap", STEPS) as stage:
            done: list[str] = []

            def step(system: str) -> None:
                done.append(system)
                stage.update(len(done), note=system)

            bootstrap(self.names, step)
            stage.finish("schemas, tables, topics, services")

    def _batch(self) -> None:
        keys = [
            key
            for key in self._asset_keys()
            if key.path[0] in BATCH_LAYERS and key not in bridge_models.keys
        ]
        with self.board.stage("batch", self._work(keys)) as stage:
            stage.update(0, note="connector → Airbyte → Snowflake → dbt")
            outcome = self.runner.assets(keys, self.window, stage.update)
            self._require("batch", outcome)
            stage.finish(f"{len(self.options.sessions)} sessions, {len(keys)} tables")

    def _stream(self) -> None:
        before = self._produced()
        self.market.start(self.streamed, self.options.speed)
        with self.board.stage("stream", 1) as stage:
            stage.update(0, note="waiting for the producer")
            self._tick(market_hours, "stream")
            self._tick(kafka_lag, "stream")
            self._wait_for_subscriber()
            replay = self.market.replay()
            while replay.state == "running":
                replay = self.market.replay()
                stage.update(replay.events_sent, replay.events_total, "second bars sent")
                time.sleep(LOOK_SECONDS)
            self._drain(stage, before + replay.events_sent)
            self._tick(market_hours, "stream")
            self._wait_for_the_producer()
            self._tick(kafka_lag, "stream")
            self._tick(stream_complete, "stream")
            replay = self.market.replay()
            self.report.stream = stream_facts(
                self.systems.clickhouse, self.names.bars_topic, self.streamed, replay
            )
            stage.finish(f"{replay.events_sent:,} second bars of {self.streamed}")

    def _rollups(self) -> None:
        keys = [
            key
            for key in self._asset_keys()
            if key.path[0] == "reconcile"
            or key.path[:2] == ["clickhouse", "rollups"]
            or key in bridge_models.keys
        ]
        window = SessionWindow(self.streamed, self.streamed)
        with self.board.stage("rollups", self._work(keys)) as stage:
            stage.update(0, note="session rollups, reconciliation")
            outcome = self.runner.assets(keys, window, stage.update)
            self._require("rollups", outcome)
            stage.finish(f"{len(keys)} tables of {self.streamed}")

    def _dashboards(self) -> None:
        """Push every dashboard to Superset, and run its charts."""
        keys = [key for key in self._asset_keys() if key.path[0] == DASHBOARDS]
        with self.board.stage("dashboards", self._work(keys)) as stage:
            stage.update(0, note="charts, pictures")
            outcome = self.runner.job(DASHBOARDS_JOB, {}, stage.update)
            self._require("dashboards", outcome)
            stage.finish(f"{len(keys)} dashboards in Superset")

    def _checks(self) -> None:
        """Run what has not run yet, on the evening of the streamed session."""
        self.market.set_clock(session(self.streamed).close_at + EVENING)
        every = {
            (key.asset_key.to_user_string(), key.name): key
            for key in defs.resolve_asset_graph().asset_check_keys
            if self.options.bi or key.asset_key.path[0] != DASHBOARDS
        }
        missing = [key for name, key in every.items() if name not in self.report.checks]
        with self.board.stage("checks", len(every)) as stage:
            ready = len(self.report.checks)
            stage.update(ready, note="streaming and freshness")
            outcome = self.runner.checks(missing, lambda done: stage.update(ready + done))
            self._require("checks", outcome)
            stage.finish(f"{len(self.report.checks)} checks")
        self.report.never_run = [
            f"{asset} {name}" for asset, name in every if (asset, name) not in self.report.checks
        ]

    def _tick(self, sensor: dg.SensorDefinition, stage: str) -> None:
        """One tick of a sensor, and the runs that it asks for."""
        context = dg.build_sensor_context(
            instance=self.instance,
            resources={name: self.resources[name] for name in sensor.required_resource_keys},
            repository_def=defs.get_repository_def(),
        )
        found = sensor(context)
        requests = found.run_requests if isinstance(found, dg.SensorResult) else [found]
        for event in found.asset_events if isinstance(found, dg.SensorResult) else []:
            self.instance.report_runless_asset_event(event)
        for request in requests or []:
            if isinstance(request, dg.RunRequest):
                name = request.job_name or str(sensor.job_name)
                outcome = self.runner.job(name, request.run_config)
                self._require(stage, outcome)

    def _wait_for_subscriber(self) -> None:
        deadline = time.monotonic() + STREAM_START_SECONDS
        while self.market.replay().state == "armed":
            if time.monotonic() > deadline:
                raise StageFailedError(
                    "stream: the producer did not subscribe within "
                    f"{STREAM_START_SECONDS:.0f} s: see {self.report.layout.data('ecs')}/logs."
                )
            time.sleep(LOOK_SECONDS)

    def _wait_for_the_producer(self) -> None:
        """The sink is stopped when the producer is gone, and with it its last messages."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.systems.stream_services.stopping(PRODUCER) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)

    def _produced(self) -> int:
        """Messages ever written to the topic of the second bars."""
        return sum(self.systems.kafka.end_offsets(self.names.bars_topic).values())

    def _drain(self, stage: Stage, expected: int) -> None:
        """Wait until every event that was sent is in Kafka, and from there in ClickHouse."""
        stage.update(self.market.replay().events_sent, note="the sink catches up")
        deadline = time.monotonic() + DRAIN_SECONDS
        while (missing := expected - self._produced()) > 0 or self._lag() > 0:
            if time.monotonic() > deadline:
                raise StageFailedError(
                    f"stream: after {DRAIN_SECONDS:.0f} s {max(missing, 0)} events have not "
                    f"reached Kafka and the sink is {self._lag()} messages behind: "
                    f"see {self.report.layout.data('ecs')}/logs."
                )
            time.sleep(LOOK_SECONDS)

    def _lag(self) -> int:
        return sum(self.systems.kafka.lag().values())

    def _require(self, stage: str, outcome: RunOutcome) -> None:
        self.report.checks |= outcome.checks
        broken = [f"check {one.name} of {one.asset}: {one.description}" for one in outcome.errors]
        if broken:
            raise StageFailedError(f"{stage}: {'; '.join(broken)}")
        if not outcome.success:
            raise StageFailedError(f"{stage}: {'; '.join(outcome.failures[:3])}")

    def _asset_keys(self) -> list[dg.AssetKey]:
        return sorted(defs.resolve_asset_graph().materializable_asset_keys)

    def _work(self, keys: list[dg.AssetKey]) -> int:
        """Materializations and checks that a run of these assets makes."""
        graph = defs.resolve_asset_graph()
        checks = [key for key in graph.asset_check_keys if key.asset_key in keys]
        return len(keys) + len([key for key in checks if key.name != SESSION_FRESHNESS])
