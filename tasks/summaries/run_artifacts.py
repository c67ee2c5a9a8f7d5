"""What is pinned to the page of a run in Prefect's UI: what became of it in words, tables of classes and checks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from augmill.policies.names import natural_sort_key
from augmill.tasks.documents.figure_text import figure_text, rounded
from augmill.tasks.summaries.run_text import ORIGINS, mlflow_link
from augmill.tasks.summaries.sections import escaped
from augmill.tasks.telemetry.dataset_event import DatasetEvent

Pin = tuple[str, str, str, str]
"""Name, kind (markdown or table), content, description."""


def pinned(happening: DatasetEvent) -> Iterator[Pin]:
    """The artifacts of a run that has ended; names are those of the dataset's latest run, whatever became of it."""
    facts = happening.facts
    if happening.kind == "run.failed":
        yield "outcome", "markdown", _failure(happening.dataset, facts), "What became of the run"
        checks = (facts.get("report") or {}).get("checks", ())
    else:
        yield "outcome", "markdown", _success(facts), "What became of the run"
        yield "links", "markdown", _links(facts), "Where its version and its lineage are"
        yield "classes", "table", json.dumps(classes(facts)), "Training rows by class"
        checks = facts.get("checks", ())
    if checks:
        yield "checks", "table", json.dumps(verdicts(checks)), "What was checked, and what came out"


def classes(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Training rows of every class: real ones, what was added by origin, and their sum."""
    train = document.get("rows", {}).get("by_split_origin_label", {}).get("train", {})
    labels = sorted({label for counts in train.values() for label in counts}, key=natural_sort_key)
    table = []
    for label in labels:
        counts = {origin: int(train[origin].get(label, 0)) for origin in ORIGINS if origin in train}
        table.append({"class": escaped(str(label)), **counts, "all": sum(counts.values())})
    return table


def verdicts(checks: Any) -> list[dict[str, str]]:
    """One line per check: verdict, name, figure, target."""
    return [
        {
            "verdict": "ok" if check.get("success") else str(check.get("on_failure") or "fail"),
            "check": str(check.get("name", "")).replace("_", " "),
            "figure": escaped(figure_text(check)),
            "target": "" if check.get("target") is None else escaped(rounded(check["target"], 4)),
        }
        for check in checks
    ]


def _success(document: Mapping[str, Any]) -> str:
    name = f"{document['dataset']}@{document['version']}"
    if document.get("skipped"):
        return f"**{name} is up to date**: neither source nor policy has changed, nothing was published."
    rows = document.get("rows", {})
    counted = [f"{rows[key]:,} {key}" for key in (*ORIGINS, "quarantined", "dropped") if rows.get(key)]
    parent = document.get("parent_version")
    after = f" after {document['dataset']}@{parent}" if parent is not None else ", the first version"
    return f"**{name} published**{after}: {', '.join(counted)} rows."


def _links(document: Mapping[str, Any]) -> str:
    lines = []
    if document.get("mlflow"):
        link = mlflow_link(document["mlflow"])
        lines.append(f"* MLflow: [{link}]({link})" if link.startswith(("http://", "https://")) else f"* MLflow: {link}")
    places = {"Table": document.get("table_uri"), "Report": document.get("report")}
    lines += [f"* {what}: `{place}`" for what, place in places.items() if place]
    return "\n".join(lines) + "\n"


def _failure(dataset: str, facts: Mapping[str, Any]) -> str:
    remedy = f"\n\nRemedy: {escaped(str(facts['remedy']))}" if facts.get("remedy") else ""
    return (
        f"**{dataset}: nothing was published.** {facts.get('kind')}: {escaped(str(facts.get('cause', '')))}{remedy}\n"
    )
