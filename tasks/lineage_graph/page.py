"""The lineage page: the history of a dataset as a graph to walk through, as tables, and version by version.

One file that loads nothing. Its script only moves what is there: without it, graph, tables and details all show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from augmill.policies.names import natural_sort_key
from augmill.tasks.cards.policy_diff import coloured
from augmill.tasks.documents.mlflow_view import run_url
from augmill.tasks.documents.text_format import plain, size_text, value_text
from augmill.tasks.html_pages.elements import Markup, escape, page, table
from augmill.tasks.lineage_graph.dataset_history import History, VersionRecord
from augmill.tasks.lineage_graph.drawing import svg
from augmill.tasks.lineage_graph.graph import day, graph

FULL = 20
"""The newest versions, whose classes and checks are listed one by one; of older ones, totals and what failed."""
MAX_CLASSES = 50
_BESIDE = {
    "validation_report.html": "checks, and the rows that failed them",
    "data_card.html": "data card, with pictures",
    "rejections.html": "rows that the verifier doubts",
    "lineage.html": "this page as it was then",
}
_HINT = (
    "Drag, or turn the wheel, to move; ctrl and wheel, or + and -, to zoom; arrow keys go from box to box, "
    "Enter opens one."
)
_FRAMED = "In this frame links to other pages do not open: follow those of the run's description, or save this page."


def html(history: History, version: int | None = None, reports: str | None = None) -> bytes:
    """The page. `version` is shown first, by default the newest; `reports` leads to the versions' pages, if known."""
    chapters = history["chapters"]
    newest = chapters[-1]["version"]
    first = newest if version is None else version
    title = f"Lineage of {history['dataset']}"
    description = f"{title}: {len(chapters)} versions, the newest on top. The tables below say the same."
    body = [
        '<a class="skip" href="#versions">Skip the graph</a>',
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{escape(_lead(history))}</p>',
        '<div id="explorer"><div>',
        _tools(chapters),
        f'<div id="stage">{svg(graph(history), description, first)}</div>',
        f'<p class="hint">{escape(_HINT)}</p><p class="framed-only">{escape(_FRAMED)}</p></div>',
        '<div id="details" role="region" aria-label="Details" aria-live="polite" tabindex="0">',
        *(_details(history, chapter, reports, newest) for chapter in reversed(chapters)),
        "</div></div>",
        '<h2 id="versions">Versions</h2>',
        table(("version", "published", "raw objects", "policy", *_ORIGINS, "checks", "now"), _versions(history)),
        "<h2>What happened</h2>",
        table(("when (UTC)", "version", "what", "by"), _events(history)),
        f"<p>{_ASK}</p>",
    ]
    folder = Path(__file__).parent
    return page(title, body, (folder / "page.css").read_text("utf-8"), (folder / "page.js").read_text("utf-8"))


_ORIGINS = ("real", "augmented", "synthetic")
_ASK = (
    "Every row names its parents (<code>augmill_parent_ids</code>), the step that made it (<code>augmill_step</code>) "
    "and the raw object and row it came from (<code>augmill_source</code>); <code>augmill explain</code> tells of one."
)


def _lead(history: History) -> str:
    folded = f" {history['folded']:,} older versions are left out." if history["folded"] else ""
    owner = f" Owner: {history['owner']}." if history["owner"] else ""
    return f"{history['description']}{owner} {history['table_uri']}, as of {day(history['at_ms'])} UTC.{folded}".strip()


def _tools(chapters: list[VersionRecord]) -> str:
    options = "".join(f'<option value="v{c["version"]}">version {c["version"]}</option>' for c in reversed(chapters))
    return (
        f'<div class="tools"><select aria-label="Go to version">{options}</select>'
        '<button value="in" aria-label="Zoom in">+</button><button value="out" aria-label="Zoom out">−</button>'
        '<button value="fit" aria-label="Fit the width">Fit</button></div>'
    )


def _link(version: int, words: str | None = None) -> Markup:
    return Markup(f'<a href="#d{version}">{escape(words or version)}</a>')


def channels_now(history: History) -> dict[str, int]:
    """Where each channel points, by its last move."""
    return {move["channel"]: move["version"] for move in history["moves"]}


def _versions(history: History) -> Iterator[list[Any]]:
    for chapter in reversed(history["chapters"]):
        inputs, rows, checks = chapter.get("inputs"), chapter.get("rows", {}), chapter.get("checks", [])
        read = None if inputs is None else f"{inputs['objects']:,}, {inputs['new_objects']:,} new"
        policy = None if inputs is None else _policy_words(chapter)
        passed = f"{sum(check['success'] for check in checks)} of {len(checks)} passed" if checks else None
        counts = [rows.get(origin) for origin in _ORIGINS]
        now = _now(history, chapter)
        yield [_link(chapter["version"]), day(chapter["at_ms"]), read, policy, *counts, passed, now]


def _policy_words(chapter: VersionRecord) -> str:
    if chapter["before"] is None:
        return "first"
    changes = len(chapter["policy_changes"])
    return f"{changes} changed" if changes else "as before"


def _now(history: History, chapter: VersionRecord) -> str:
    version, tombstone = chapter["version"], chapter.get("gone")
    words = [f"{name}" for name, at in sorted(channels_now(history).items()) if at == version]
    words += ["pinned"] if chapter.get("pinned") is not None else []
    words += [f"{tombstone['reason']}"] if tombstone else []
    words += (
        ["breach"]
        if any(measurement["breaches"] for measurement in history["measured"] if measurement["version"] == version)
        else []
    )
    return ", ".join(words)


def events(history: History) -> list[tuple[int, int, str, str]]:
    """What happened, oldest first: when, to which version, what, and who did it."""
    happened = [(c["at_ms"], c["version"], "published", c.get("run_id", "")) for c in history["chapters"]]
    for move in history["moves"]:
        why = f": {move['why']}" if move["why"] else ""
        happened.append(
            (move["at_ms"], move["version"], f"{move['channel']} points here, {move['reason']}{why}", move["by"])
        )
    for measurement in history["measured"]:
        figures = "; ".join(measurement["breaches"]) or ", ".join(
            f"{c['name']} {value_text(c.get('observed'))}" for c in measurement["checks"]
        )
        words = f"breach: {figures}" if measurement["breaches"] else f"{measurement['kind']}: {figures}"
        happened.append((measurement["at_ms"], measurement["version"], words, measurement["by"]))
    for chapter in history["chapters"]:
        tombstone = chapter.get("gone")
        if tombstone:
            happened.append((tombstone["at_ms"], chapter["version"], _REMOVED[tombstone["reason"]], tombstone["by"]))
        for proof in chapter.get("forgotten", []):
            words = f"published without {proof['rows']:,} rows that were to be forgotten (entry {proof['entry']})"
            happened.append((chapter["at_ms"], chapter["version"], words, proof["by"]))
    return sorted(happened)


_REMOVED = {
    "vacuumed": "vacuumed: its files were removed to free space",
    "purged": "purged: it held rows that were to be forgotten, and what it was made from is told no more",
}


def _events(history: History) -> Iterator[list[Any]]:
    for at_ms, version, what, by in reversed(events(history)):
        yield [day(at_ms), _link(version), what, by]


def _details(history: History, chapter: VersionRecord, reports: str | None, newest: int) -> str:
    version = chapter["version"]
    full = version > newest - FULL
    parts = [f"<h2>{escape(history['dataset'])}@{version}</h2>", table(("what", "value"), _facts(history, chapter))]
    if "inputs" in chapter:
        pages = [] if reports is None else list(_pages(chapter, reports))
        parts += [f'<ul class="out-pages">{"".join(pages)}</ul>'] if pages else []
        parts += [*_policy(chapter), *_raw(chapter), *_rows(chapter, full), *_steps(chapter), *_checks(chapter, full)]
    own_events = [(day(at), what, by) for at, about, what, by in events(history) if about == version]
    parts += [f'<h3 id="d{version}-events">What happened to it</h3>', table(("when (UTC)", "what", "by"), own_events)]
    return f'<section id="d{version}">{"".join(parts)}</section>'


def _facts(history: History, chapter: VersionRecord) -> list[tuple[str, Any]]:
    parent, link = chapter.get("parent"), chapter.get("mlflow")
    facts: list[tuple[str, Any]] = [
        ("published (UTC)", day(chapter["at_ms"])),
        ("now", _now(history, chapter)),
        ("parent version", None if parent is None else _link(parent, f"{history['dataset']}@{parent}")),
        ("run", chapter.get("run_id")),
        ("MLflow run", _mlflow(link) if link else None),
        ("git commit", chapter.get("git_commit")),
        ("pinned", chapter.get("pinned") or None),
    ]
    return [(name, value) for name, value in facts if value]


def _mlflow(link: Any) -> Markup:
    url = run_url(link)
    run = escape(link["run_id"])
    return Markup(f'<a class="out" href="{escape(url)}">{run}</a>') if url else run


def _pages(chapter: VersionRecord, reports: str) -> Iterator[str]:
    for name, words in _BESIDE.items():
        if name in chapter.get("pages", []):
            address = escape(f"{reports}{chapter['version']:08d}/{name}")
            if reports.startswith("s3://"):  # no browser follows it
                yield f"<li>{words}: <code>{address}</code></li>"
            else:
                yield f'<li><a class="out" href="{address}">{words}</a></li>'


def _policy(chapter: VersionRecord) -> Iterator[str]:
    yield f'<h3 id="d{chapter["version"]}-policy">Policy</h3>'
    before, changes = chapter["before"], chapter["policy_changes"]
    if before is None:
        yield f"<p>{escape(chapter['policy_name'])}: the first there is.</p>"
    elif not changes:
        yield f"<p>{escape(chapter['policy_name'])} asks for the same as at version {before}.</p>"
    else:
        yield table(("setting", f"at version {before}", "here"), [[cell or None for cell in line] for line in changes])
    if chapter["policy_diff"]:
        yield f"<details><summary>The text, line by line</summary>{coloured(chapter['policy_diff'])}</details>"


def _raw(chapter: VersionRecord) -> Iterator[str]:
    inputs = chapter["inputs"]
    yield f'<h3 id="d{chapter["version"]}-raw">Raw objects</h3>'
    words = f"{inputs['objects']:,} read, {size_text(inputs['bytes'])}: {inputs['new_objects']:,} new"
    words += f", of them {inputs['changed']:,} under a name that was known" if inputs["changed"] else ""
    words += f"; {inputs['removed']:,} of before are gone" if inputs["removed"] else ""
    yield f"<p>{escape(words)}.</p>"
    if inputs["new"]:
        lines = [[item["uri"], item["rows"], size_text(item["bytes"]), item["sha256"]] for item in inputs["new"]]
        yield table(("new object", "rows", "size", "sha256"), lines)
    more = inputs["new_objects"] - len(inputs["new"])
    if more > 0:
        yield f"<p>And {more:,} more; all are in version.json of the MLflow run.</p>"


def _rows(chapter: VersionRecord, full: bool) -> Iterator[str]:
    yield f'<h3 id="d{chapter["version"]}-rows">Rows</h3>'
    counts = chapter["rows"].get("by_split_origin_label", {})
    groups = [(split, origin) for split, origins in counts.items() for origin in origins]
    labels = sorted({label for split, origin in groups for label in counts[split][origin]}, key=natural_sort_key)
    heads = ("class", *(f"{split} {origin}" for split, origin in groups))
    lines = [[label or None, *(counts[s][o].get(label, 0) for s, o in groups)] for label in labels]
    total = ["all", *(sum(counts[split][origin].values()) for split, origin in groups)]
    listed = lines[:MAX_CLASSES] if full and len(lines) > 1 else []
    yield table(heads, [*listed, total])
    if len(lines) > len(listed) > 0:
        yield f"<p>And {len(lines) - len(listed):,} more classes.</p>"
    excluded = {name: chapter["rows"].get(name) for name in ("quarantined", "dropped")}
    yield f"<p>{escape(', '.join(f'{count:,} {name}' for name, count in excluded.items() if count is not None))}</p>"


def _steps(chapter: VersionRecord) -> Iterator[str]:
    yield f'<h3 id="d{chapter["version"]}-steps">Steps</h3>'
    figures = ("planned", "made", "dropped", "published")
    lines = [
        [step["name"], ", ".join(step.get("use", [])), *(step.get(key) for key in figures)] for step in chapter["steps"]
    ]
    yield table(("step", "transforms", *figures), lines) if lines else "<p>None: the rows are all real.</p>"


def _checks(chapter: VersionRecord, full: bool) -> Iterator[str]:
    checks = chapter["checks"]
    yield f'<h3 id="d{chapter["version"]}-checks">Checks</h3>'
    yield f"<p>{sum(check['success'] for check in checks)} of {len(checks)} passed.</p>"
    listed = [check for check in checks if full or not check["success"]]
    if listed:
        yield table(("check", "result", "figure", "target"), [_check(check) for check in listed])


def _check(check: Mapping[str, Any]) -> list[Any]:
    result = "passed" if check["success"] else "not passed"
    mood = "good" if check["success"] else "bad"
    observed = "could not be judged" if check.get("error") else value_text(check.get("observed"))
    target = None if check.get("target") is None else value_text(check["target"])
    return [plain(check["name"]), Markup(f'<span class="{mood}">{result}</span>'), observed, target]
