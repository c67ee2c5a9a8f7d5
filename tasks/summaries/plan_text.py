"""A plan to read: on a terminal, or as Markdown for a comment on a pull request. One content, two forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from augmill.policies.names import natural_sort_key
from augmill.policies.schema import SPLITS
from augmill.tasks.documents.text_format import size_text
from augmill.tasks.summaries.sections import TextSection, escaped, for_markdown, for_terminal

MAX_LINES = 60
MAX_FILES = 3
MAX_DIFF_LINES = 300  # a comment on GitHub holds 65,536 characters
ORIGINS = ("real", "augmented", "synthetic")
ALL = "all"
ORDER: tuple[str, ...] = SPLITS

Document = Mapping[str, Any]
Rows = Mapping[str, Mapping[str, Mapping[str, int]]]
"""Counts by split, origin and class."""


def text(document: Document, *, width: int = 110) -> str:
    """The plan for a terminal, `width` columns wide."""
    return for_terminal(headline(document), sections(document), width=width)


def markdown(document: Document) -> str:
    """The plan as GitHub's Markdown: tables, the longer parts folded."""
    sign = ":white_check_mark:" if document["exit_code"] == 0 else ":x:"
    return for_markdown(f"{sign} {escaped(headline(document))}", sections(document))


def headline(document: Document) -> str:
    """The outcome in one sentence."""
    name, current = document["dataset"], document["current_version"]
    errors = sum(finding["severity"] == "error" for finding in document["lint"])
    if errors:
        return f"{name}: a run would be refused, lint finds {errors} error{'s' * (errors != 1)}."
    if document["faults"]:
        return f"{name}: a run would end without publishing anything."
    if document["up_to_date"]:
        rest = ["only send the record of this version"] if document["unrecorded"] else []
        rest += [f"point {document['announces']} at it"] if document.get("announces") else []
        return f"{name}@{current} is up to date: a run would {' and '.join(rest) or 'do nothing'}."
    if document["next_version"] is None:
        return f"{name}@{current} holds these rows already: a run would publish nothing."
    after = f", after {name}@{current}" if current is not None else ""
    return f"{name}: a run would publish {name}@{document['next_version']}{after}."


def sections(document: Document) -> list[TextSection]:
    """What there is to say, in the order of interest; empty sections are left out."""
    changes, cost = document["changes"], list(cost_lines(document))
    because = [] if document["up_to_date"] else changes["reasons"]
    refusals = [f"{fault['cause'].rstrip('.')}. Remedy: {fault['remedy']}" for fault in document["faults"]]
    shards = list(_reuse(document.get("reuse", {})))
    candidates = [
        TextSection("Why it would fail", lines=refusals),
        TextSection("Lint", lines=[finding_line(finding) for finding in document["lint"]]),
        TextSection("Because", lines=because),
        TextSection("Source", lines=[document["ignored"]] if document.get("ignored") else []),
        rows_section(document),
        table("Children", ("step", "transforms", "planned"), list(steps_rows(document))),
        table(
            "Columns",
            ("column", "change", "type", "then"),
            [column_row(column) for column in document.get("columns", ())],
        ),
        quarantine_section(document),
        TextSection("Gates, which a run judges before it publishes", lines=_gates(document)),
        TextSection("Cost", lines=cost),
        TextSection("Shards", ("stage", "new", "rows", "reused", "rows"), shards, folded=True),
        TextSection("Policy", diff=cut(changes.get("policy_diff", "")), folded=True),
        TextSection("Suite", diff=cut(changes.get("suite_diff", "")), folded=True),
    ]
    return [section for section in candidates if section.rows or section.lines or section.diff]


def _gates(document: Document) -> list[str]:
    """What will be judged of the version as a whole; a plan does not know the answers."""
    names = [name.replace("_", " ") for name in document.get("gates", ())]
    return [", ".join(names)] if names and not document["up_to_date"] else []


def table(heading: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> TextSection:
    """A table of at most MAX_LINES lines that says what it leaves out."""
    omitted = len(rows) - MAX_LINES
    more = [f"... and {omitted:,} more, see --json"] if omitted > 0 else []
    return TextSection(heading, headers, rows[:MAX_LINES], more)


def cut(diff: str, most: int = MAX_DIFF_LINES) -> str:
    """A diff of at most so many lines that says what it leaves out."""
    lines = diff.splitlines()
    omitted = len(lines) - most
    return "\n".join([*lines[:most], f"... {omitted:,} more lines"]) if omitted > 0 else diff


def finding_line(finding: Mapping[str, Any]) -> str:
    """A finding of lint in one line."""
    place = f"{finding['file']}:{finding['line']}: {finding['rule']} {finding['severity']}"
    return f"{place}: {finding['message']} {finding['remedy']}".rstrip()


def rows_section(document: Document) -> TextSection:
    """Rows per split, class and origin: now and then. Of very many classes only the sums."""
    before, after = document["rows"]["before"], document["rows"]["after"]
    origins = [name for name in ORIGINS if any(name in split for rows in (before, after) for split in rows.values())]
    lines = [
        [split, label or "-", *(_pair(pair, bool(before)) for pair in _pairs(before, after, split, label, origins))]
        for split in sorted({*before, *after}, key=ORDER.index)
        for label in _labels(before, after, split)
    ]
    many = len(lines) > MAX_LINES
    heading = "Rows" if before == after else "Rows, before checks drop any" + (": now -> then" if before else "")
    listed = [line for line in lines if line[1] == ALL] if many else lines
    note = ["sums of many classes; --json has every class"] if many else []
    return TextSection(heading, ["split", "class", *origins, ALL], listed, note)


def _labels(before: Rows, after: Rows, split: str) -> list[str]:
    """The classes of a split, and a line for their sum."""
    labels = {label for rows in (before, after) for counts in rows.get(split, {}).values() for label in counts}
    ordered = sorted(labels, key=natural_sort_key)
    return [*ordered, ALL] if len(labels) > 1 else ordered


def _pairs(before: Rows, after: Rows, split: str, label: str, origins: Sequence[str]) -> list[tuple[int, int]]:
    """Now and then, per origin and for all together."""
    was, now = before.get(split, {}), after.get(split, {})
    pairs = [(_count(was, origin, label), _count(now, origin, label)) for origin in origins]
    return [*pairs, (sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs))]


def _count(rows: Mapping[str, Mapping[str, int]], origin: str, label: str) -> int:
    counts = rows.get(origin, {})
    return sum(counts.values()) if label == ALL else counts.get(label, 0)


def _pair(pair: tuple[int, int], compared: bool) -> str:
    was, now = pair
    return f"{was:,} -> {now:,}" if compared and was != now else f"{now:,}"


def steps_rows(document: Document) -> Iterator[list[str]]:
    """Step, transforms, children."""
    for step in document.get("steps", ()):
        yield [step["name"], " + ".join(step["use"]), f"{sum(step['planned'].values()):,}"]


def column_row(column: Mapping[str, Any]) -> list[str]:
    """A column that came, went or changed."""
    files = column.get("files", [])
    more = f" and {len(files) - MAX_FILES:,} more" if len(files) > MAX_FILES else ""
    change = f"missing from {', '.join(files[:MAX_FILES])}{more}" if files else column["change"]
    return [column["column"], change, " -> ".join(filter(None, (column["before"], column["now"]))), column["says"]]


def quarantine_section(document: Document) -> TextSection:
    """Rows that would not be published, by reason; empty where there are none."""
    quarantine = document.get("quarantine")
    if not quarantine or not quarantine["rows"]:
        return TextSection("Quarantine")
    rows = [[reason, f"{count:,}"] for reason, count in quarantine["reasons"].items()]
    rows += [[reason, f"{count:,}"] for reason, count in quarantine["refused"].items()]
    limit = f"up to {quarantine['budget']:.2%} may be"
    share = f"{quarantine['rows']:,} of {quarantine['of']:,} rows ({quarantine['share']:.2%}; {limit})"
    return table(f"Quarantine: {share}", ("reason", "rows"), rows)


def cost_lines(document: Document) -> Iterator[str]:
    """Bytes, files and CPU time."""
    files = document.get("files")
    if not files:
        return
    new = files["new_bytes"]
    yield (
        f"new in the table: about {size_text(sum(new.values()))} (real rows {size_text(new['real'])}, "
        f"children about {size_text(new['children'])}); in the work store about {size_text(document['work_bytes'])}"
    )
    counts = f"{files['kept']:,} kept by reference, {files['added']:,} added, {files['removed']:,} removed"
    yield f"files of the version: {counts}"
    seconds = document["cpu_seconds"]
    stage_text = ", ".join(f"{stage} {value:.1f}" for stage, value in seconds.items())
    yield f"CPU time without checks and publishing: about {sum(seconds.values()):,.1f} s ({stage_text})"


def _reuse(reuse: Mapping[str, Any]) -> Iterator[list[str]]:
    for stage, counts in reuse.items():
        yield [stage, *(f"{counts[kind][what]:,}" for kind in ("new", "reused") for what in ("shards", "rows"))]
