"""Metrics in Prometheus' text format, made when they are asked for."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
PREFIX = "polygon_stream_"

Metrics = Callable[[], Iterable[Metric]]


class _Once(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def render(metrics: Iterable[Metric]) -> bytes:
    """The text of these metrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(list(metrics)))
    return generate_latest(registry)


def counter(name: str, text: str, value: float) -> Metric:
    """A number that only grows during one run of the program."""
    return CounterMetricFamily(PREFIX + name, text, value=value)


def gauge(name: str, text: str, value: float | None) -> Metric:
    """A number that goes up and down; without a sample where it is not known."""
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def labelled(kind: type[Any], name: str, text: str, label: str, values: Mapping[str, float]) -> Any:
    """A family with one sample for each value of a label.

    Args:
        kind: ``CounterMetricFamily`` or ``GaugeMetricFamily``.
        name: Without the prefix.
        text: What it means.
        label: Name of the label.
        values: Sample by value of the label.
    """
    family = kind(PREFIX + name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def gauges_of(report: Callable[[], tuple[bool, Mapping[str, Any]]]) -> Metrics:
    """Every number among the facts of /healthz, as gauges; and ``healthy``."""

    def metrics() -> Iterable[Metric]:
        healthy, facts = report()
        yield gauge("healthy", "1 when /healthz says 200.", float(healthy))
        for name, value in facts.items():
            if isinstance(value, int | float):
                yield gauge(name, f"{name} of /healthz.", value)

    return metrics
