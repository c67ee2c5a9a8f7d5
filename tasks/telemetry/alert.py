"""Alerts of dataset events, as plain values: one sentence, the severity, and the key it is grouped by.

The same content goes to Prefect's events, to a webhook and into a mail. It is bounded and redacted, and holds no
value of any row: a data error gives its figures, a bug its place in the code without its message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.sanitize.redact import redact_text
from augmill.tasks.telemetry.dataset_event import DatasetEvent, stopped

Severity = Literal["page", "ticket", "info"]

HOUR = 3600
QUIET_SECONDS: Mapping[str, int] = {
    "check.failed": 6 * HOUR,
    "run.failed": HOUR,
    "channel.rolled_back": HOUR,
    "channel.promoted": HOUR,
    "budget.burning": 24 * HOUR,
}
"""Kinds that people are told of, and how long the same one is not told again."""

LONGEST_TEXT = 500
MOST_NAMED = 5
_CHANGING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{16,64}\b|\d+")


@dataclass(frozen=True)
class Alert:
    """`group`: the same key for alerts of which a person needs one; `facts`: figures for machines."""

    kind: str
    dataset: str
    run_id: str
    at: str
    severity: Severity
    title: str
    text: str
    group: str
    facts: Mapping[str, Any]


def alert_of(happening: DatasetEvent) -> Alert | None:
    """The alert of an event; None where the event calls for no alert.

    A run that failed its checks gives an alert about the checks, a run that a person stopped gives none.
    """
    if happening.kind not in QUIET_SECONDS or stopped(happening) or happening.facts.get("kind") == "DataError":
        return None
    severity, sentence, cause = _WORDS[happening.kind](happening)
    text = redact_text(f"{sentence} Run {happening.run_id}." if happening.run_id != "none" else sentence)
    return Alert(
        kind=happening.kind,
        dataset=happening.dataset,
        run_id=happening.run_id,
        at=datetime.fromtimestamp(happening.at, UTC).isoformat(timespec="seconds"),
        severity=severity,
        title=_cut(redact_text(f"augmill {happening.dataset}: {_TITLES[happening.kind]}"), 120),
        text=_cut(text, LONGEST_TEXT),
        group=f"{happening.kind}:{hash_of(cause)[:16]}",
        facts=bounded(happening),
    )


def bounded(happening: DatasetEvent) -> dict[str, Any]:
    """The facts of an event that may leave the machine: figures and names, no tables, no ids, no rows."""
    facts = happening.facts
    if happening.kind == "run.failed":
        safe_facts = {key: facts[key] for key in ("kind", "exit_code", "where") if key in facts}
        has_plain_cause = facts["kind"] in ("PolicyError", "StorageError")
        return safe_facts | ({"cause": _cut(facts["cause"], LONGEST_TEXT)} if has_plain_cause else {})
    if happening.kind in ("run.published", "run.unchanged"):
        rows = facts.get("rows", {})
        counts = {
            name: rows[name] for name in ("real", "augmented", "synthetic", "quarantined", "dropped") if name in rows
        }
        names = ("version", "parent_version", "channel", "table_uri", "seconds", "report", "git_commit")
        return {name: facts[name] for name in names if name in facts} | {"rows": counts}
    return {key: value for key, value in facts.items() if key not in ("policy",)}


_TITLES = {
    "check.failed": "a check failed",
    "run.failed": "a run failed",
    "channel.rolled_back": "a channel was rolled back",
    "channel.promoted": "a channel was promoted",
    "budget.burning": "an error budget burns",
}


def _check(happening: DatasetEvent) -> tuple[Severity, str, object]:
    facts, name = happening.facts, happening.dataset
    failed = "; ".join(_check_text(check) for check in facts["checks"][:MOST_NAMED])
    more = f"; and {facts['failed'] - MOST_NAMED} more" if facts["failed"] > MOST_NAMED else ""
    rows = f" {facts['quarantined']} of {facts['rows']} rows failed." if {"quarantined", "rows"} <= facts.keys() else ""
    cause = [name, sorted(check["name"] for check in facts["checks"])]
    what = f" {failed}{more}." if failed else rows or " The data did not pass; `augmill run` says what to do."
    if facts["version"] is None:
        return "page", f"{name}: nothing was published.{what}", cause
    stay = f" {', '.join(facts['channels_that_stay'])} still names it." if facts.get("channels_that_stay") else ""
    blocking = any(check["on_failure"] == "fail" for check in facts["checks"])
    return "page" if blocking else "ticket", f"{name}@{facts['version']}:{what}{stay}", [*cause, facts["version"]]


def _check_text(check: Mapping[str, Any]) -> str:
    figure = check["observed"]
    observed_text = "" if figure is None else f" is {figure:.6g}" if not isinstance(figure, bool) else f" is {figure}"
    return f"{check['name']}{observed_text}, wanted {check['target']}"


def _run(happening: DatasetEvent) -> tuple[Severity, str, object]:
    facts, name = happening.facts, happening.dataset
    if facts["kind"] == "StorageError":
        # One outage fails the runs of many datasets: its words without what differs between them are one group.
        return "page", f"{name}: {facts['cause']}", _CHANGING.sub("#", facts["cause"].replace(name, "*"))
    if facts["kind"] == "PolicyError":
        return "ticket", f"{name}: {facts['cause']}", [name, facts["cause"]]
    where = ", ".join(facts.get("where", ())) or "an unknown place"
    return "page", f"{name}: {facts['kind']} in {where}; the log has the traceback.", [name, facts["kind"], where]


def _rolled_back(happening: DatasetEvent) -> tuple[Severity, str, object]:
    facts = happening.facts
    channel = f"{happening.dataset}@{facts['channel']}"
    why = f" because {facts['why']}" if facts.get("why") else ""
    sentence = f"{channel} went back from version {facts['version_before']} to {facts['version']}{why} ({facts['by']})."
    return "page" if why else "info", sentence, [channel, facts["version_before"], facts["version"], happening.at]


def _promoted(happening: DatasetEvent) -> tuple[Severity, str, object]:
    facts = happening.facts
    channel = f"{happening.dataset}@{facts['channel']}"
    return (
        "info",
        f"{channel} is version {facts['version']} ({facts['by']}).",
        [channel, facts["version"], happening.at],
    )


def _budget(happening: DatasetEvent) -> tuple[Severity, str, object]:
    facts, name = happening.facts, happening.dataset
    rate = "although none is allowed" if facts["rate"] is None else f"at {facts['rate']:.3g} times the allowed rate"
    runs = f"the last {facts['runs']} runs" if facts["runs"] > 1 else "the last run"
    sentence = f"{name}: the error budget of {facts['name']} (target {facts['target']:g}) burns {rate} over {runs}."
    return "ticket", sentence, [name, facts["name"]]


_WORDS: Mapping[str, Callable[[DatasetEvent], tuple[Severity, str, object]]] = {
    "check.failed": _check,
    "run.failed": _run,
    "channel.rolled_back": _rolled_back,
    "channel.promoted": _promoted,
    "budget.burning": _budget,
}


def _cut(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
