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


def sections(one: Document) -> list[TextSection]:
    """The parts that have anything to say."""
    plan, canary = one["plan"], one["canary"]
    found = [
        TextSection("What would end a run", lines=[*_refusals(one), *_failed(one)]),
        TextSection("Remarks", lines=[*one["notes"], *_doubts(one)]),
        TextSection("Lint", lines=[finding_line(finding) for finding in one["lint"]]),
        *(_planned(one, plan) if plan else ()),
        *(_forecast(canary) if canary else ()),
        _gates(one),
        _all_checks(one),
        TextSection("Policy", diff=cut(one["policy_diff"], MOST_DIFF_LINES), folded=one["kind"] == "deleted"),
        TextSection("Suite", diff=cut(one["suite_diff"], MOST_DIFF_LINES), folded=True),
    ]
    return [section for section in found if section.rows or section.lines or section.diff]


def _refusals(one: Document) -> Iterator[str]:
    canary = one["canary"] or {}
    ended = [canary["fault"]] if canary.get("fault") and not canary["fault"]["sample_too_small"] else []
    for fault in (*one["faults"], *ended):
        where = f"the canary ended in {canary['stage']}: " if fault in ended else ""
        yield f"{where}{fault['cause'].rstrip('.')}. Remedy: {fault['remedy']}"


def _failed(one: Document) -> Iterator[str]:
    for check in [*_checks(one), *one["gates"]]:
        if _fails(check):
            yield f"{_name(check)}: {_observed(check)}, wanted {check['target']}"


def _doubts(one: Document) -> Iterator[str]:
    canary = one["canary"]
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


def _planned(one: Document, plan: Document) -> Iterator[TextSection]:
    """Rows, children, quarantine and cost; rows beside those of the base, or else of the current version."""
    before = (one["base"] or {}).get("rows") or {}
    rows = {"before": before.get("after") or plan["rows"]["before"], "after": plan["rows"]["after"]}
    yield _training(rows, "at the base" if one["base"] else "published")
    was = {step["name"]: sum(step["planned"].values()) for step in (one["base"] or {}).get("steps") or ()}
    lines = [[*step, f"{was[step[0]]:,}" if step[0] in was else "-"] for step in steps_rows(plan)]
    if was:
        yield table("New rows", ("step", "transforms", "planned", "at the base"), lines)
    else:
        yield table("New rows", ("step", "transforms", "planned"), [line[:-1] for line in lines])
    yield quarantine_section(plan)
    yield TextSection("Cost", lines=list(cost_lines(plan)))
    yield replace(rows_section({**plan, "rows": rows}), folded=True)
    if plan["current_version"] is not None:
        yield TextSection("Beside the version that is published", lines=plan["changes"]["reasons"], folded=True)


def _training(rows: Mapping[str, Any], was: str) -> TextSection:
    """Training rows by class; of very many classes only those that change, and only some of those."""
    train = {when: {"train": counts["train"]} for when, counts in rows.items() if "train" in counts}
    found = rows_section({"rows": {"before": {}, "after": {}} | train})
    shown = [row[1:] for row in found.rows]
    if len(shown) > MOST_CLASSES:
        shown = [row for row in shown[:-1] if any("->" in cell for cell in row)][:MOST_CLASSES] + shown[-1:]
    heading = "Training rows, before checks drop any"
    told = f": {was} -> with this change" if any("->" in cell for row in shown for cell in row) else ""
    return TextSection(f"{heading}{told}", found.headers[1:], shown, found.lines)


def _forecast(canary: Document) -> Iterator[TextSection]:
    """Label consistency per step on the sample, beside what the published version's children reached."""
    sample, verifier = canary["sample"], canary["verifier"]
    known = {step["name"]: step for step in canary["before"]}
    rows = [
        [
            step["name"],
            f"{step['judged']:,}",
            _rate(step, whole=bool(sample and sample["whole"])),
            _share(step["unfamiliar"], step["judged"]),
            f"{step['dropped']:,}",
            _rate(known[step["name"]], whole=True) if step["name"] in known else "-",
        ]
        for step in canary["steps"]
    ]
    taken = f"{sample['rows']:,} of {sample['of']:,} rows" if sample else "no row"
    how = "all rows, so exact" if sample and sample["whole"] else f"a sample of {taken}"
    lines = []
    if verifier.get("accuracy") is not None:
        lines.append(f"verifier on held-out real rows: {verifier['accuracy']:.3f} (guessing is 0)")
    heads = ("step", "judged", "consistent", "unfamiliar", "dropped", "as published")
    width = len(heads) if known else len(heads) - 1
    shown = [row[:width] for row in rows]
    yield TextSection(f"Label consistency, forecast on {how}", heads[:width], shown, lines if rows else [])
    yield _by_class(canary)


def _by_class(canary: Document) -> TextSection:
    whole = bool(canary["sample"] and canary["sample"]["whole"])
    rows = [
        [rate["step"], rate["transform"], str(rate["label"]), f"{rate['judged']:,}", _rate(rate, whole=whole)]
        for rate in canary["rates"]
    ]
    found = table("Label consistency by class", ("step", "transform", "class", "judged", "consistent"), rows)
    return TextSection(found.heading, found.headers, found.rows, found.lines, folded=True)


def _gates(one: Document) -> TextSection:
    gates = [*(check for check in _checks(one) if check["layer"] == "gates"), *one["gates"]]
    return _check_table("Gates", gates)


def _all_checks(one: Document) -> TextSection:
    checks = [check for check in _checks(one) if check["layer"] != "gates"]
    held = sum(check["success"] for check in checks)
    return replace(_check_table(f"Checks: {held} of {len(checks)} hold", checks), folded=True)


def _check_table(heading: str, checks: Sequence[Document]) -> TextSection:
    rows = [_row(check) for check in checks]
    width = len(CHECK_HEADS) if any(row[-1] for row in rows) else len(CHECK_HEADS) - 1
    return TextSection(heading, CHECK_HEADS[:width], [row[:width] for row in rows])


def _checks(one: Document) -> Sequence[Document]:
    return one["canary"]["checks"] if one["canary"] else ()


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


def _rate(step: Document, *, whole: bool) -> str:
    """The share of consistent children and, of a sample, between what it may lie for all."""
    judged = step["judged"]
    if not judged:
        return "not judged"
    low, high = wilson(judged - step["contradicted"], judged)
    between = "" if whole else f" ({low:.1%} to {high:.1%})"
    return f"{1.0 - step['contradicted'] / judged:.1%}{between}"


def _share(count: int, of: int) -> str:
    return f"{count / of:.1%}" if of else "-"
