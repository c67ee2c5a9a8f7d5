"""Series as Prometheus reads them, in its text format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from augmill.tasks.telemetry.metric_catalogue import BY_NAME, COUNTER, METRICS
from augmill.tasks.telemetry.series import Series

if TYPE_CHECKING:
    from prometheus_client.core import Metric
    from prometheus_client.registry import CollectorRegistry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Collector:
    """Series as metrics of `prometheus_client`, in the order of the catalogue."""

    def __init__(self, series: Iterable[Series]) -> None:
        self.by_name: dict[str, list[Series]] = {}
        for sample in series:
            self.by_name.setdefault(sample.name, []).append(sample)

    def collect(self) -> Iterator[Metric]:
        """One family per metric."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for metric in METRICS:
            if metric.name in self.by_name:
                kind = CounterMetricFamily if metric.kind == COUNTER else GaugeMetricFamily
                family = kind(metric.name, metric.help, labels=metric.labels)
                for sample in self.by_name[metric.name]:
                    family.add_metric(sample.labels, sample.value)
                yield family


def registry_of(series: Iterable[Series]) -> CollectorRegistry:
    """A registry of these series alone."""
    from prometheus_client.registry import CollectorRegistry

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(series))
    return registry


def text_of(series: Sequence[Series]) -> bytes:
    """The text that is scraped, or written for node_exporter. Raises KeyError for a series of no known metric."""
    from prometheus_client.exposition import generate_latest

    for sample in series:
        BY_NAME[sample.name]
    return bytes(generate_latest(registry_of(series)))
