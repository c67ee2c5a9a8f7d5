"""What `augmill ci` has to say of one policy, in the order in which a reviewer asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from augmill.tasks.documents.figure_text import figure_text
from augmill.tasks.stats.intervals import wilson
from augmill.tasks.summaries.plan_text import (
    cost_lines,
    cut,
    finding_line,
    quarantine_section,
    rows_section,
    steps_rows,
    table,
)
from augmill.tasks.summaries.sections import TextSection

MOST_DIFF_LINES = 120
MOST_CLASSES = 15
CHECK_HEADS = ("", "check", "figure", "target", "on a sample")

Document = Mapping[str, Any]


def sections(review: Document) -> list[TextSection]:
    """The parts that have anything to say."""
    plan, canary = review["plan"], review["canary"]
    candidates = [
        TextSection("What would end a run", lines=[*_refusals(review), *_failed(review)]),
        TextSection("Remarks", lines=[*review["notes"], *_remarks(review)]),
        TextSection("Lint", lines=[finding_line(finding) for finding in review["lint"]]),
        *(_plan_sections(review, plan) if plan else ()),
        *(_forecast(canary) if canary else ()),
        _gates(review),
        _all_checks(review),
        TextSection("Policy", diff=cut(review["policy_diff"], MOST_DIFF_LINES), folded=review["kind"] == "deleted"),
        TextSection("Suite", diff=cut(review["suite_diff"], MOST_DIFF_LINES), folded=True),
    ]
    return [section for section in candidates if section.rows or section.lines or section.diff]


def _refusals(review: Document) -> Iterator[str]:
    canary = review["canary"] or {}
    ended = [canary["fault"]] if canary.get("fault") and not canary["fault"]["sample_too_small"] else []
    for fault in (*review["faults"], *ended):
        where = f"the canary ended in {canary['stage']}: " if fault in ended else ""
        yield f"{where}{fault['cause'].rstrip('.')}. Remedy: {fault['remedy']}"


def _failed(review: Document) -> Iterator[str]:
    for check in [*_checks(review), *review["gates"]]:
        if _fails(check):
            yield f"{_name(check)}: {_observed(check)}, wanted {check['target']}"


def _remarks(review: Document) -> Iterator[str]:
    canary = review["canary"]
    if not canary:
        return
    fault = canary["fault"]
    if fault and fault["sample_too_small"]:
        yield f"The sample is too small for {canary['stage']}, which all rows pass: {fault['cause']}"
    for check in canary["checks"]:
        if check["doubt"] and check["on_failure"] == "fail":
            yield f"{_name(check)}: {_observed(check)}, wanted {check['target']}; no failure, {check['doubt']}"
    if canary["sample"] and canary["sample"]["classes_left"]:
        yield f"{canary['sample']['classes_left']:,} of the rarest classes and splits are not in the sample."


def _plan_sections(review: Document, plan: Document) -> Iterator[TextSection]:
    """Rows, children, quarantine and cost; rows beside those of the base, or else of the current version."""
    before = (review["base"] or {}).get("rows") or {}
    rows = {"before": before.get("after") or plan["rows"]["before"], "after": plan["rows"]["after"]}
    yield _training(rows, "at the base" if review["base"] else "published")
    base_counts = {step["name"]: sum(step["planned"].values()) for step in (review["base"] or {}).get("steps") or ()}
    lines = [[*step, f"{base_counts[step[0]]:,}" if step[0] in base_counts else "-"] for step in steps_rows(plan)]
    if base_counts:
        yield table("New rows", ("step", "transforms", "planned", "at the base"), lines)
    else:
        yield table("New rows", ("step", "transforms", "planned"), [line[:-1] for line in lines])
    yield quarantine_section(plan)
    yield TextSection("Cost", lines=list(cost_lines(plan)))
    yield replace(rows_section({**plan, "rows": rows}), folded=True)
    if plan["current_version"] is not None:
        yield TextSection("Beside the version that is published", lines=plan["changes"]["reasons"], folded=True)


def _training(rows: Mapping[str, Any], base_name: str) -> TextSection:
    """Training rows by class; of very many classes only those that change, and only some of those."""
    train = {when: {"train": counts["train"]} for when, counts in rows.items() if "train" in counts}
    section = rows_section({"rows": {"before": {}, "after": {}} | train})
    listed = [row[1:] for row in section.rows]
    if len(listed) > MOST_CLASSES:
        listed = [row for row in listed[:-1] if any("->" in cell for cell in row)][:MOST_CLASSES] + listed[-1:]
    heading = "Training rows, before checks drop any"
    legend = f": {base_name} -> with this change" if any("->" in cell for row in listed for cell in row) else ""
    return TextSection(f"{heading}{legend}", section.headers[1:], listed, section.lines)


def _forecast(canary: Document) -> Iterator[TextSection]:
    """Label consistency per step on the sample, beside that of the published version's children."""
    sample, verifier = canary["sample"], canary["verifier"]
    published_steps = {step["name"]: step for step in canary["before"]}
    rows = [
        [
            step["name"],
            f"{step['judged']:,}",
            _rate(step, exact=bool(sample and sample["whole"])),
            _share(step["unfamiliar"], step["judged"]),
            f"{step['dropped']:,}",
            _rate(published_steps[step["name"]], exact=True) if step["name"] in published_steps else "-",
        ]
        for step in canary["steps"]
    ]
    sample_text = f"{sample['rows']:,} of {sample['of']:,} rows" if sample else "no row"
    scope = "all rows, so exact" if sample and sample["whole"] else f"a sample of {sample_text}"
    lines = []
    if verifier.get("accuracy") is not None:
        lines.append(f"verifier on held-out real rows: {verifier['accuracy']:.3f} (guessing is 0)")
    heads = ("step", "judged", "consistent", "unfamiliar", "dropped", "as published")
    width = len(heads) if published_steps else len(heads) - 1
    cells = [row[:width] for row in rows]
    yield TextSection(f"Label consistency, forecast on {scope}", heads[:width], cells, lines if rows else [])
    yield _by_class(canary)


def _by_class(canary: Document) -> TextSection:
    exact = bool(canary["sample"] and canary["sample"]["whole"])
    rows = [
        [rate["step"], rate["transform"], str(rate["label"]), f"{rate['judged']:,}", _rate(rate, exact=exact)]
        for rate in canary["rates"]
    ]
    section = table("Label consistency by class", ("step", "transform", "class", "judged", "consistent"), rows)
    return TextSection(section.heading, section.headers, section.rows, section.lines, folded=True)


def _gates(review: Document) -> TextSection:
    gates = [*(check for check in _checks(review) if check["layer"] == "gates"), *review["gates"]]
    return _check_table("Gates", gates)


def _all_checks(review: Document) -> TextSection:
    checks = [check for check in _checks(review) if check["layer"] != "gates"]
    passed = sum(check["success"] for check in checks)
    return replace(_check_table(f"Checks: {passed} of {len(checks)} hold", checks), folded=True)


def _check_table(heading: str, checks: Sequence[Document]) -> TextSection:
    rows = [_row(check) for check in checks]
    width = len(CHECK_HEADS) if any(row[-1] for row in rows) else len(CHECK_HEADS) - 1
    return TextSection(heading, CHECK_HEADS[:width], [row[:width] for row in rows])


def _checks(review: Document) -> Sequence[Document]:
    return review["canary"]["checks"] if review["canary"] else ()


def _row(check: Document) -> list[str]:
    word = "holds" if check["success"] else "FAILS" if _fails(check) else check["on_failure"]
    word = "too few" if check.get("doubt") else "warns" if word == "warn" else "drops rows" if word == "drop" else word
    return [word, _name(check), _observed(check), str(check["target"]), check.get("doubt") or ""]


def _fails(check: Document) -> bool:
    return not check["success"] and check["on_failure"] == "fail" and not check.get("doubt")


def _name(check: Document) -> str:
    return str(check["name"]).replace("_", " ")


def _observed(check: Document) -> str:
    return str(check["error"]) if check.get("error") else figure_text(check)


def _rate(step: Document, *, exact: bool) -> str:
    """The share of consistent children; for a sample, with the confidence interval of the share over all rows."""
    judged = step["judged"]
    if not judged:
        return "not judged"
    low, high = wilson(judged - step["contradicted"], judged)
    interval_text = "" if exact else f" ({low:.1%} to {high:.1%})"
    return f"{1.0 - step['contradicted'] / judged:.1%}{interval_text}"


def _share(count: int, of: int) -> str:
    return f"{count / of:.1%}" if of else "-"
