"""What names and labels a PromQL expression uses, and which exist: C's catalogue, our recording rules, named others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from augmill.tasks.telemetry.metric_catalogue import METRICS
from tests.infra.monitoring import load

SCRAPED = frozenset({"job", "instance"})
"""Labels that scraping puts on every series."""

OTHERS: Mapping[str, frozenset[str]] = {
    "up": frozenset(),
    "ALERTS": frozenset({"alertname", "alertstate", "severity", "dataset", "service_level", "component"}),
    "node_time_seconds": frozenset(),
    "node_textfile_scrape_error": frozenset(),
    "push_time_seconds": frozenset({"dataset"}),
    "push_failure_time_seconds": frozenset({"dataset"}),
    "prometheus_rule_evaluation_failures_total": frozenset({"rule_group"}),
    "prometheus_notifications_errors_total": frozenset({"alertmanager"}),
    "alertmanager_notifications_failed_total": frozenset({"integration"}),
    "scrape_duration_seconds": frozenset(),
}
"""Metrics of Prometheus, Alertmanager, the push gateway and the node exporter that we read, and their labels."""

KEYWORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset"}
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"\{([^}]*)\}")
_NAME = re.compile(r"(?<![\w:.])([A-Za-z_][\w:]*)(?!\s*\()(?![\w:])")
_LABEL_REPLACE = re.compile(r'label_replace\(.*?, "(\w+)"')


def rules(*files: str) -> Iterator[dict[str, Any]]:
    for file in files or ("recording.rules.yml", "alerting.rules.yml"):
        for group in load(file)["groups"]:
            yield from group["rules"]


def uses(expression: str) -> tuple[set[str], set[str]]:
    """The names of metrics in an expression, and of labels that it matches, groups or joins by."""
    labels = set(_LABEL_REPLACE.findall(expression))
    bare = re.sub(r'"[^"]*"', '""', expression)
    for listed in _LABELS.findall(bare):
        labels |= {name.strip() for name in listed.split(",") if name.strip()}
    for selector in _SELECTOR.findall(bare):
        labels |= set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
    bare = _SELECTOR.sub("", _LABELS.sub("", bare))
    bare = re.sub(r"\[[^\]]*\]|\boffset\s+\w+|(?<![\w:.])\d[\w.]*", "", bare)
    return {name for name in _NAME.findall(bare) if name not in KEYWORDS and name not in ("inf", "nan")}, labels


def known() -> dict[str, frozenset[str]]:
    """Every metric that exists, with the labels it can have; a recorded one has those of what it is made from."""
    found = {metric.name: frozenset(metric.labels) | SCRAPED for metric in METRICS}
    found |= {name: labels | SCRAPED for name, labels in OTHERS.items()}
    for rule in rules("recording.rules.yml"):
        names, _ = uses(rule["expr"])
        replaced = frozenset(_LABEL_REPLACE.findall(rule["expr"]))
        found[rule["record"]] = replaced.union(*(found.get(name, frozenset()) for name in names))
    return found


def faults(expression: str, exists: Mapping[str, frozenset[str]]) -> list[str]:
    """What an expression uses and nothing has."""
    names, labels = uses(expression)
    unknown = sorted(names - exists.keys())
    possible = frozenset().union(*(exists.get(name, frozenset()) for name in names))
    possible |= set(_LABEL_REPLACE.findall(expression))
    return [f"no metric {name}" for name in unknown] + [f"no label {name}" for name in sorted(labels - possible)]
