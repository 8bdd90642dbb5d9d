"""What one tick of each sensor takes: with the systems that it asks, and of it by itself.

    uv run python tests/bench/sensor_ticks.py [--ticks 20]

The sandbox's servers run; nothing is to be done, as at most ticks. Milliseconds of wall time, the
median; what was spent inside the resources' calls is theirs, the rest is the sensor's own.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sensors"))

import dagster as dg
from rich.console import Console
from rich.table import Table
from sensors_support import Outside, serve_all

from polygon_assets.defs.rollups.live import create_rollups
from polygon_assets.env import Deployment, Names
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.ecs import StreamServices
from polygon_assets.resources.kafka import Kafka
from polygon_assets.resources.polygon import Polygon

CALLS: dict[type[Any], tuple[str, ...]] = {
    Polygon: ("now",),
    ClickHouse: ("query",),
    Kafka: ("stream_progress", "lag", "message_count", "end_offsets"),
    StreamServices: ("services", "desired_counts", "stopping"),
}
SENSORS = ("market_hours", "kafka_lag", "stream_progress", "stream_complete", "late_corrections")
MOMENTS = {"at night": "2005-03-01T03:00:00-05:00", "in the session": "2005-02-28T11:00:00-05:00"}


class Clock:
    """How long the outside took, and how often it was asked."""

    def __init__(self) -> None:
        self.seconds, self.calls, self.depth = 0.0, 0, 0

    def watch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same method, on the clock; a call inside of another counts once."""

        @wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            self.depth += 1
            began = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.depth -= 1
                if not self.depth:
                    self.seconds += time.perf_counter() - began
                    self.calls += 1

        return timed


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=20)
    ticks = parser.parse_args().ticks
    clock = Clock()
    for kind, names in CALLS.items():
        for name in names:
            setattr(kind, name, clock.watch(getattr(kind, name)))
    from polygon_assets.definitions import defs

    repository = defs.get_repository_def()
    table = Table("sensor", "when", "ms a tick", "calls", "ms of them", "ms of its own")
    with (
        tempfile.TemporaryDirectory(prefix="sensors-") as folder,
        serve_all(Path(folder)) as servers,
        Outside.deploy(servers, Names(Deployment.LOCAL, "_bench")) as outside,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        create_rollups(outside.clickhouse)
        for when, moment in MOMENTS.items():
            outside.clock(moment)
            for name in SENSORS:
                found = measured(repository, instance, outside, clock, name, ticks)
                table.add_row(name, when, *found)
    Console(width=110).print(table)
    return 0


def measured(
    repository: Any,
    instance: dg.DagsterInstance,
    outside: Outside,
    clock: Clock,
    name: str,
    ticks: int,
) -> list[str]:
    """The row of one sensor: the median of its ticks, after one that is not counted."""
    sensor = repository.get_sensor_def(name)
    rows: list[tuple[float, float, int]] = []
    for _ in range(ticks + 1):
        clock.seconds, clock.calls = 0.0, 0
        context = dg.build_sensor_context(
            instance=instance,
            repository_def=repository,
            resources=outside.resources(*sensor.required_resource_keys),
        )
        with context:
            began = time.perf_counter()
            sensor.evaluate_tick(context)
            took = time.perf_counter() - began
        rows.append((took, clock.seconds, clock.calls))
    whole = statistics.median(row[0] for row in rows[1:])
    asked = statistics.median(row[1] for row in rows[1:])
    own = statistics.median(row[0] - row[1] for row in rows[1:])
    figures = [f"{1000 * one:.1f}" for one in (whole, asked, own)]
    return [figures[0], str(rows[-1][2]), figures[1], figures[2]]


if __name__ == "__main__":
    sys.exit(main())
