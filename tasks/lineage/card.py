"""The data card: what a version is, what is in it, what was checked, what it is not good for, and how to read it.

One content, two forms: Markdown for a reader of files, HTML for the artifact viewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from policies.names import natural
from tasks.lineage.document import CheckDocument, SliDocument, VersionDocument
from tasks.lineage.markup import Raw, escape, figure, page, size_text, table
from tasks.lineage.reading import snippets

FEW_ROWS = 30
"""Below this many real training rows a class is named among the limits: shares of it are noise."""


@dataclass(frozen=True)
class Section:
    """A part of the card: a heading, then a table, sentences or code."""

    heading: str
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    lines: Sequence[str] = ()
    code: str = ""
    language: str = ""


def markdown(document: VersionDocument) -> str:
    """The card as Markdown."""
    parts = [f"# {_title(document)}", _plain(_description(document))]
    for section in sections(document):
        parts.append(f"## {section.heading}")
        if section.rows:
            parts.append(_markdown_table(section.headers, section.rows))
        if section.lines:
            parts.append("\n".join(f"- {_plain(line)}" for line in section.lines))
        if section.code:
            parts.append(fenced(section.code, section.language))
    return "\n\n".join(part for part in parts if part) + "\n"


def html(document: VersionDocument) -> bytes:
    """The card as one self-contained HTML page."""
    body = [f"<h1>{escape(_title(document))}</h1>", f'<p class="lead">{escape(_description(document))}</p>']
    for section in sections(document):
        body.append(f"<h2>{escape(section.heading)}</h2>")
        if section.rows:
            body.append(table(section.headers, [[_coloured(value) for value in row] for row in section.rows]))
        if section.lines:
            body.append("<ul>" + "".join(f"<li>{escape(line)}</li>" for line in section.lines) + "</ul>")
        if section.code:
            body.append(f"<pre>{escape(section.code)}</pre>")
    return page(_title(document), body)


def note(document: VersionDocument, experiment_id: str, parent_run_id: str | None) -> str:
    """The few lines of Markdown that stand at the top of the MLflow run page."""
    lines = [_plain(_description(document)), ""]
    rows = document.get("rows", {})
    lines.append(", ".join(f"**{figure(n)}** {name}" for name, n in rows.items() if isinstance(n, int)))
    failed = [check["name"] for check in document.get("checks", []) if not check["success"]]
    if document.get("checks"):
        lines.append(f"\nChecks: {'not passed: ' + _plain(', '.join(failed)) if failed else 'all passed'}.")
    lines.append(f"\nTable: {_plain(document['table_uri'])}, version {document['version']}.")
    parent = document.get("parent_version")
    if parent is not None:
        name = f"{document['dataset']}@{parent}"
        link = f"[{name}](#/experiments/{experiment_id}/runs/{parent_run_id})" if parent_run_id else name
        lines.append(f"\nParent: {link}.")
    if document.get("prefect_run_url"):
        lines.append(f"\nPrefect run: <{document['prefect_run_url']}>.")
    lines.append("\nSee `data_card.html`, `lineage.html` and the validation report among the artifacts.")
    return "\n".join(lines).strip()


def experiment_note(document: VersionDocument) -> str:
    """What stands above the list of a dataset's versions, as Markdown."""
    owner = str(document.get("policy", {}).get("owner") or "")
    lines = [_plain(_description(document)), f"Owner: {_plain(owner)}" if owner else ""]
    return "\n\n".join(line for line in lines if line)


def sections(document: VersionDocument) -> list[Section]:
    """Every part of the card that this document has something to say about."""
    found = [
        Section("Facts", ("what", "value"), _facts(document)),
        Section("Rows per class and origin", *_counts(document)),
        Section("Steps", *_steps(document)),
        Section("Checks", ("check", "result", "observed", "target", "detail"), _checks(document)),
        Section("Service levels", ("level", "result", "observed", "target", "unit"), _levels(document)),
        Section("Known limits", lines=list(_limits(document))),
        *(Section(f"Read it with {tool}", code=code, language=language) for tool, language, code in snippets(document)),
        Section("Policy", code=document.get("policy_text", ""), language="yaml"),
    ]
    return [section for section in found if section.rows or section.lines or section.code]


def fenced(code: str, language: str) -> str:
    """A Markdown code block whose fence is longer than any inside the code."""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{language}\n{code.rstrip()}\n{fence}"


def _title(document: VersionDocument) -> str:
    return f"{document['dataset']}@{document['version']}"


def _description(document: VersionDocument) -> str:
    return str(document.get("policy", {}).get("description") or "")


def _facts(document: VersionDocument) -> list[tuple[str, Any]]:
    policy, parent = document.get("policy", {}), document.get("parent_version")
    facts = [
        ("owner", policy.get("owner")),
        ("modality", policy.get("modality")),
        ("label", policy.get("label")),
        ("table", document["table_uri"]),
        ("version", str(document["version"])),
        ("parent version", None if parent is None else str(parent)),
        ("channel", document.get("channel")),
        ("size", size_text(document["storage"].get("total_bytes")) if "storage" in document else None),
        ("policy hash", document.get("policy_hash")),
        ("git commit", document.get("git_commit")),
        ("made on", figure(document["fingerprint"]) if document.get("fingerprint") else None),
        ("raw objects read", figure(len(document["inputs"])) if document.get("inputs") else None),
    ]
    return [(name, value) for name, value in facts if value not in (None, "")]


def _counts(document: VersionDocument) -> tuple[Sequence[str], list[list[Any]]]:
    counts = document.get("rows", {}).get("by_split_origin_label", {})
    groups = [(split, origin) for split, origins in counts.items() for origin in origins]
    labels = sorted({label for split, origin in groups for label in counts[split][origin]}, key=natural)
    lines: list[list[Any]] = []
    for label in labels:
        cells = [counts[split][origin].get(label, 0) for split, origin in groups]
        lines.append([label, *cells, sum(cells)])
    if len(lines) > 1:
        lines.append(["all", *(sum(line[i + 1] for line in lines) for i in range(len(groups) + 1))])
    return ["class", *(f"{split} {origin}" for split, origin in groups), "all"], lines


def _steps(document: VersionDocument) -> tuple[Sequence[str], list[list[Any]]]:
    lines = [
        [step["name"], ", ".join(step.get("use", [])), *(step.get(key) for key in _STEP_FIGURES)]
        for step in document.get("steps", [])
    ]
    return ["step", "transforms", *_STEP_FIGURES], lines


_STEP_FIGURES = ("planned", "made", "dropped", "published", "judged", "contradicted", "unfamiliar")


def _checks(document: VersionDocument) -> list[tuple[str, ...]]:
    return [
        (check["name"], _verdict(check), figure(check.get("observed")), _target(check.get("target")), _detail(check))
        for check in document.get("checks", [])
    ]


def _verdict(check: CheckDocument) -> str:
    return "passed" if check["success"] else "not passed"


def _detail(check: CheckDocument) -> str:
    low, high = check.get("interval") or (None, None)
    between = "" if low is None else f"between {figure(low)} and {figure(high)}"
    return check.get("detail", "") or between


def _target(value: Any) -> str:
    return "" if value is None else figure(value)


def _levels(document: VersionDocument) -> list[tuple[str, ...]]:
    return [
        (level["name"], _level_verdict(level), figure(level["observed"]), _target(level["target"]), level["unit"])
        for level in document.get("slis", [])
    ]


def _level_verdict(level: SliDocument) -> str:
    if level["observed"] is None:
        return "not measured"
    return {True: "met", False: "missed", None: "no target"}[level["ok"]]


def _limits(document: VersionDocument) -> Iterator[str]:
    for check in document.get("checks", []):
        if not check["success"]:
            detail = f" {check['detail']}" if check.get("detail") else ""
            yield f"{check['name']} did not pass: {figure(check.get('observed'))}{detail}"
    train = document.get("rows", {}).get("by_split_origin_label", {}).get("train", {})
    for label, count in train.get("real", {}).items():
        if count < FEW_ROWS:
            yield f"Class {label} has {count} real training rows: its figures are uncertain."
    real = sum(sum(labels.values()) for origin, labels in train.items() if origin == "real")
    made = sum(sum(labels.values()) for origin, labels in train.items() if origin != "real")
    if made > real > 0:
        yield f"Made rows outnumber real ones in training, {made:,} to {real:,}."
    rows = document.get("rows", {})
    if rows.get("quarantined"):
        yield f"{rows['quarantined']:,} rows failed the schema: they are in quarantine, not in this version."
    if rows.get("dropped"):
        yield f"{rows['dropped']:,} made rows were dropped by checks: they are in quarantine, not in this version."
    missing = [level["name"] for level in document.get("slis", []) if level["observed"] is None]
    if missing:
        yield f"Not measured: {', '.join(missing)}."


_GOOD, _BAD = ("passed", "met"), ("not passed", "missed")


def _coloured(value: Any) -> Any:
    if value in _GOOD or value in _BAD:
        return Raw(f'<span class="{"good" if value in _GOOD else "bad"}">{escape(value)}</span>')
    return Raw('<span class="none">not measured</span>') if value == "not measured" else value


def _markdown_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [headers, ["---"] * len(headers)]
    lines += [["" if value is None else _plain(figure(value)) for value in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Text from the data that must not become markup: no tags, table cells, links or images."""
    quiet = text.replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
    for mark in "|[]`*_":
        quiet = quiet.replace(mark, "\\" + mark)
    return quiet
