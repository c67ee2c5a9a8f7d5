"""The data card: what a version is, what is in it, what was checked, what it is not good for, and how to read it.

One content, two forms: Markdown as Hugging Face reads it (`README.md`, with the files' layout in its head), HTML for
the artifact viewer. Nothing in it depends on when or how fast the version was made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from augmill.policies.names import natural_sort_key
from augmill.tasks.cards import charts as pictures
from augmill.tasks.cards.file_layout import Layout
from augmill.tasks.cards.hugging_face import front_matter
from augmill.tasks.cards.limitations import limits
from augmill.tasks.cards.read_snippets import beside, snippets
from augmill.tasks.documents.mlflow_view import TRAINING
from augmill.tasks.documents.text_format import fenced, plain, shortened, size_text, value_text
from augmill.tasks.documents.version_document import CheckDocument, SliDocument, VersionDocument
from augmill.tasks.html_pages.elements import LONGEST, Markup, escape, inline, page, table
from augmill.tasks.rows.provenance import MEANINGS
from augmill.tasks.sanitize.control_characters import escape_controls

MAX_INPUTS = 10
LINKED_ARTIFACTS = {
    "raw inputs": ["raw_objects.html"],
    "policy": ["policy.yaml"],
    "what changed in it": ["policy_diff.html"],
    "checks": ["validation_report.html"],
    "picture": ["before_after.svg", "class_balance.svg"],
    "lineage": ["lineage.html"],
    "data card": ["data_card.html"],
    "doubted rows": ["rejections.html"],
}
"""Link text to artifact names; the first artifact that exists is linked."""

BALANCE, ORIGINS = "class_balance.svg", "origin_shares.svg"
CAPTIONS = {
    BALANCE: "Training rows per class, before and after",
    ORIGINS: "Real and made rows of each split",
    "before_after.svg": "Parents and their children",
}


@dataclass(frozen=True)
class Section:
    """A part of the card: a heading, then pictures, a table, sentences or code."""

    heading: str
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    lines: Sequence[str] = ()
    code: str = ""
    language: str = ""
    pictures: Sequence[str] = ()


def plots(document: VersionDocument) -> dict[str, bytes]:
    """The pictures that every card shows, as SVG files to lie beside it."""
    return {BALANCE: pictures.balance(document), ORIGINS: pictures.origins(document)}


def readme(document: VersionDocument, layout: Layout, picture_names: Sequence[str]) -> bytes:
    """The card as a Hugging Face dataset card; `picture_names` names the pictures that lie beside it."""
    return f"{front_matter(document, layout)}\n{markdown(document, layout, picture_names)}".encode()


def markdown(document: VersionDocument, layout: Layout | None = None, picture_names: Sequence[str] = ()) -> str:
    """The card as Markdown."""
    parts = [f"# {_title(document)}", _plain(_description(document))]
    for section in sections(document, layout, picture_names):
        parts.append(f"## {section.heading}")
        parts += [f"![{CAPTIONS[name]}]({name})" for name in section.pictures]
        if section.rows:
            parts.append(_markdown_table(section.headers, section.rows))
        if section.lines:
            parts.append("\n".join(f"- {_plain(line)}" for line in section.lines))
        if section.code:
            parts.append(fenced(section.code, section.language))
    return "\n\n".join(part for part in parts if part) + "\n"


def html(document: VersionDocument, plots_by_name: Mapping[str, bytes] | None = None) -> bytes:
    """The card as one self-contained HTML page; `plots_by_name` holds the pictures by name."""
    plots_by_name = plots_by_name or {}
    body = [f"<h1>{escape(_title(document))}</h1>", f'<p class="lead">{escape(_description(document))}</p>']
    for section in sections(document, picture_names=list(plots_by_name)):
        body.append(f"<h2>{escape(section.heading)}</h2>")
        body += [f'<div class="scroll">{inline(plots_by_name[name])}</div>' for name in section.pictures]
        if section.rows:
            body.append(table(section.headers, [[_coloured(value) for value in row] for row in section.rows]))
        if section.lines:
            body.append("<ul>" + "".join(f"<li>{escape(line)}</li>" for line in section.lines) + "</ul>")
        if section.code:
            body.append(f"<pre>{escape(section.code)}</pre>")
    return page(_title(document), body)


def note(document: VersionDocument, experiment_id: str, run_id: str, parent: str | None, files: Collection[str]) -> str:
    """The few lines of Markdown that stand at the top of the MLflow run page: counts, and links to all that is near.

    `run_id` is the run's own, `parent` that of the parent version, `files` the names of its artifacts.
    """
    # First, because MLflow folds the text away after some three lines.
    lines = [_links(document, f"#/experiments/{experiment_id}/runs", run_id, parent, files), ""]
    lines += [_plain(_description(document)), ""]
    rows = document.get("rows", {})
    lines.append(", ".join(f"**{value_text(n)}** {name}" for name, n in rows.items() if isinstance(n, int)))
    failed = [check["name"] for check in document.get("checks", []) if not check["success"]]
    if document.get("checks"):
        lines.append(f"\nChecks: {'not passed: ' + _plain(', '.join(failed)) if failed else 'all passed'}.")
    lines.append(f"\nTable: {_plain(document['table_uri'])}, version {document['version']}.")
    if document.get("prefect_run_url"):
        lines.append(f"\nPrefect run: <{document['prefect_run_url']}>.")
    return "\n".join(lines).strip()


def _links(document: VersionDocument, runs: str, run_id: str, parent: str | None, files: Collection[str]) -> str:
    """Links to the parent's run, and to the artifacts that people look for."""
    version = document.get("parent_version")
    places = [(f"parent {document['dataset']}@{version}", parent)] if parent and version is not None else []
    for words, names in LINKED_ARTIFACTS.items():
        places += [(words, f"{run_id}/artifactPath/{name}") for name in names if name in files][:1]
    links = [f"[{words}]({runs}/{place}?{TRAINING})" for words, place in places]
    return f"Go to: {' · '.join(links)}" if links else ""


def experiment_note(document: VersionDocument) -> str:
    """What stands above the list of a dataset's versions, as Markdown."""
    owner = str(document.get("policy", {}).get("owner") or "")
    lines = [_plain(_description(document)), f"Owner: {_plain(owner)}" if owner else ""]
    return "\n\n".join(line for line in lines if line)


def sections(
    document: VersionDocument, layout: Layout | None = None, picture_names: Sequence[str] = ()
) -> list[Section]:
    """Every part of the card that this document has something to say about; `layout` where it lies beside files."""
    read_snippets = beside(layout) if layout is not None and not layout.prefix else snippets(document)
    candidates = [
        Section("Facts", ("what", "value"), _facts(document)),
        Section("Rows per class and origin", *_counts(document), pictures=_if_available(picture_names, BALANCE)),
        Section("Real and made rows", *_shares(document), pictures=_if_available(picture_names, ORIGINS)),
        Section("Where rows come from", *_inputs(document), lines=_more_inputs(document)),
        Section("How rows were made", *_steps(document), pictures=_if_available(picture_names, "before_after.svg")),
        Section("Why labels hold", ("step", "transform", "because"), _reasons(document)),
        Section("Checks", ("check", "result", "observed", "target", "detail"), _checks(document)),
        Section("Service levels", ("level", "result", "observed", "target", "unit"), _levels(document)),
        Section("Known limits", lines=list(limits(document))),
        Section("Columns", ("column", "what it says"), _columns(document)),
        *(Section(f"Read it with {tool}", code=code, language=language) for tool, language, code in read_snippets),
        Section("Policy", code=document.get("policy_text", ""), language="yaml"),
    ]
    return [section for section in candidates if section.rows or section.lines or section.code]


def _if_available(available: Sequence[str], name: str) -> list[str]:
    return [name] if name in available else []


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
        ("licence", policy.get("license")),
        ("language", ", ".join(policy.get("language") or ()) or None),
        ("policy hash", document.get("policy_hash")),
        ("git commit", document.get("git_commit")),
        ("made on", value_text(document["fingerprint"]) if document.get("fingerprint") else None),
        ("raw objects read", value_text(len(document["inputs"])) if document.get("inputs") else None),
    ]
    return [(name, value) for name, value in facts if value not in (None, "")]


def _counts(document: VersionDocument) -> tuple[Sequence[str], list[list[Any]]]:
    counts = pictures.by_split(document)
    groups = [(split, origin) for split, origins in counts.items() for origin in origins]
    labels = sorted({label for split, origin in groups for label in counts[split][origin]}, key=natural_sort_key)
    lines: list[list[Any]] = []
    for label in labels:
        cells = [counts[split][origin].get(label, 0) for split, origin in groups]
        lines.append([label, *cells, sum(cells)])
    if len(lines) > 1:
        lines.append(["all", *(sum(line[i + 1] for line in lines) for i in range(len(groups) + 1))])
    return ["class", *(f"{split} {origin}" for split, origin in groups), "all"], lines


def _shares(document: VersionDocument) -> tuple[Sequence[str], list[list[Any]]]:
    """Rows of each split by origin, with their share of the split."""
    counts = pictures.by_split(document)
    lines = []
    for split, origins in counts.items():
        total = sum(sum(labels.values()) for labels in origins.values())
        for origin, labels in origins.items():
            rows = sum(labels.values())
            lines.append([split, origin, rows, f"{rows / total:.1%}" if total else None])
    return ["split", "origin", "rows", "share"], lines


def _inputs(document: VersionDocument) -> tuple[Sequence[str], list[list[Any]]]:
    objects = document.get("inputs", [])[:MAX_INPUTS]
    lines = [[item["uri"], size_text(item.get("bytes")), item.get("sha256", "")] for item in objects]
    return ["raw object", "size", "sha256"], lines


def _more_inputs(document: VersionDocument) -> list[str]:
    objects = document.get("inputs", [])
    more = len(objects) - MAX_INPUTS
    size = size_text(sum(item.get("bytes", 0) for item in objects))
    sentence = f"And {more:,} more raw objects, {size} in all; the column augmill_source names the one of each row."
    return [sentence] if more > 0 else []


def _reasons(document: VersionDocument) -> list[list[Any]]:
    """Why each transform keeps the label, as the policy has it."""
    return [
        [step["name"], use["use"], use.get("invariance") or "(the policy does not say)"]
        for step in document.get("policy", {}).get("steps", [])
        for use in step["transforms"]
    ]


def _columns(document: VersionDocument) -> list[list[Any]]:
    label = document.get("policy", {}).get("label")
    own = [
        [name, f"{kind}{', the label' if name == label else ''}"] for name, kind in document.get("columns", {}).items()
    ]
    return own + [[name, words] for name, words in MEANINGS.items()] if own else []


def _steps(document: VersionDocument) -> tuple[Sequence[str], list[list[Any]]]:
    lines = [
        [step["name"], ", ".join(step.get("use", [])), *(step.get(key) for key in _STEP_FIGURES)]
        for step in document.get("steps", [])
    ]
    return ["step", "transforms", *_STEP_FIGURES], lines


_STEP_FIGURES = ("planned", "made", "dropped", "published", "judged", "contradicted", "unfamiliar")


def _checks(document: VersionDocument) -> list[tuple[str, ...]]:
    return [
        (plain(check["name"]), _verdict(check), _observed_text(check), _target(check.get("target")), _detail(check))
        for check in document.get("checks", [])
    ]


def _verdict(check: CheckDocument) -> str:
    return "passed" if check["success"] else "not passed"


def _observed_text(check: CheckDocument) -> str:
    return "could not be judged" if check.get("error") else value_text(check.get("observed"))


def _detail(check: CheckDocument) -> str:
    low, high = check.get("interval") or (None, None)
    between = "" if low is None else f"between {value_text(low)} and {value_text(high)}"
    return check.get("detail", "") or check.get("error", "") or between


def _target(value: Any) -> str:
    return "" if value is None else value_text(value)


def _levels(document: VersionDocument) -> list[tuple[str, ...]]:
    return [
        (
            level["name"],
            _level_verdict(level),
            value_text(level["observed"]),
            _target(level["target"]),
            level["unit"],
        )
        for level in document.get("slis", [])
    ]


def _level_verdict(level: SliDocument) -> str:
    if level["observed"] is None:
        return "not measured"
    return {True: "met", False: "missed", None: "no target"}[level["ok"]]


_GOOD, _BAD = ("passed", "met"), ("not passed", "missed")


def _coloured(value: Any) -> Any:
    if value in _GOOD or value in _BAD:
        return Markup(f'<span class="{"good" if value in _GOOD else "bad"}">{escape(value)}</span>')
    return Markup('<span class="none">not measured</span>') if value == "not measured" else value


def _markdown_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [headers, ["---"] * len(headers)]
    lines += [["" if value is None else _plain(shortened(value_text(value), LONGEST)) for value in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Text from the data that must not become markup: no tags, table cells, links or images."""
    quiet = escape_controls(text).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
    for mark in "|[]`*_":
        quiet = quiet.replace(mark, "\\" + mark)
    return quiet
