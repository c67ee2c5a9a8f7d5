"""The form of a dashboard: rows of panels in, Grafana's JSON out. What is not said is Grafana's default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
GOOD, WARN, BAD = "green", "orange", "red"
UIDS = {"augmill-executive": "Executive", "augmill-on-call": "On call", "augmill-debug": "Debug"}

DATASETS = 'dataset=~"$dataset"'
"""Matches what is chosen at the top of the page."""

Json = dict[str, Any]
Steps = Sequence[tuple[float | None, str]]
"""Colours from which value on; the first from the lowest."""

YES_NO: Steps = ((None, BAD), (1, GOOD))
ANY_IS_BAD: Steps = ((None, GOOD), (1, BAD))


@dataclass(frozen=True)
class Panel:
    """What is shown: queries with what their series are called, how, in which unit, and what it means."""

    title: str
    description: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    kind: str = "timeseries"
    steps: Steps = ((None, "blue"),)
    words: dict[str, str] | None = None
    maximum: float | None = None


def board(uid: str, description: str, since: str, rows: Sequence[tuple[str, int, Sequence[Panel]]]) -> Json:
    """A dashboard of rows: a heading, a height, and panels side by side."""
    panels: list[Json] = []
    top = 0
    for heading, height, row_panels in rows:
        panels.append(_heading(len(panels) + 1, heading, top))
        top += 1
        width = WIDTH // len(row_panels)
        for number, panel in enumerate(row_panels):
            place = {"h": height, "w": width, "x": number * width, "y": top}
            panels.append(_panel(len(panels) + 1, panel, place))
        top += height
    return {
        "uid": uid,
        "title": f"augmill: {UIDS[uid]}",
        "description": description,
        "tags": ["augmill"],
        "schemaVersion": 38,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "utc",
        "refresh": "1m",
        "time": {"from": since, "to": "now"},
        "templating": {"list": [_source(), _dataset()]},
        "annotations": {"list": []},
        "links": [_link(other) for other in UIDS if other != uid],
        "panels": panels,
    }


def _heading(number: int, title: str, top: int) -> Json:
    place = {"h": 1, "w": WIDTH, "x": 0, "y": top}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def _panel(number: int, panel: Panel, place: Json) -> Json:
    defaults: Json = {
        "unit": panel.unit,
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": value, "color": colour} for value, colour in panel.steps],
        },
        "noValue": "not measured",
    }
    if panel.maximum is not None:
        defaults |= {"min": 0, "max": panel.maximum}
    if panel.words:
        words = {value: {"text": text, "index": index} for index, (value, text) in enumerate(panel.words.items())}
        defaults["mappings"] = [{"type": "value", "options": words}]
    document: Json = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [_target(letter, panel, query) for letter, query in zip("ABCDEF", panel.queries, strict=False)],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(panel.kind),
    }
    if panel.kind == "table":  # the labels are what is to be read, and the figure is always 1
        hidden = {"excludeByName": {"Time": True, "Value": True, "__name__": True, "alertstate": True, "job": True}}
        document["transformations"] = [{"id": "organize", "options": hidden}]
    return document


def _target(letter: str, panel: Panel, query: tuple[str, str]) -> Json:
    over_time = panel.kind in ("timeseries", "state-timeline")
    return {
        "refId": letter,
        "datasource": SOURCE,
        "expr": query[0],
        "legendFormat": query[1],
        "range": over_time,
        "instant": not over_time,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _options(kind: str) -> Json:
    reduced = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return {
        "timeseries": {
            "legend": {
                "displayMode": "table",
                "placement": "bottom",
                "calcs": ["lastNotNull", "max"],
                "showLegend": True,
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "stat": reduced | {"colorMode": "background", "graphMode": "none", "textMode": "auto", "orientation": "auto"},
        "bargauge": reduced | {"displayMode": "basic", "orientation": "horizontal", "showUnfilled": True},
        "state-timeline": {"showValue": "never", "mergeValues": True, "rowHeight": 0.8},
        "table": {"showHeader": True, "cellHeight": "sm"},
    }[kind]


def _source() -> Json:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "hide": 0,
        "options": [],
    }


def _dataset() -> Json:
    values = "label_values(augmill_exported_timestamp_seconds, dataset)"
    return {
        "name": "dataset",
        "label": "Dataset",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": values, "refId": "dataset"},
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "options": [],
    }


def _link(uid: str) -> Json:
    return {
        "title": UIDS[uid],
        "type": "link",
        "url": f"/d/{uid}",
        "includeVars": True,
        "keepTime": False,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "tags": [],
        "asDropdown": False,
    }


def newest(metric: str, by: str, match: str = "") -> str:
    """A metric of datasets as the source says that was written last."""
    matched = f"{DATASETS}, {match}" if match else DATASETS
    return f"max by ({by}) ({metric}{{{matched}}} and on (dataset, job, instance) dataset:exported:newest)"
