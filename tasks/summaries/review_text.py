"""The answer of `augmill ci`, on a terminal or as the Markdown of one comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from augmill.tasks.documents.text_format import size_text
from augmill.tasks.summaries.policy_review_text import sections
from augmill.tasks.summaries.sections import TextSection, block, escaped, for_terminal

MARKER = "<!-- augmill ci -->"
"""The first line of the comment, which shows nothing and by which it is found again to be written over."""
MOST_BYTES = 60_000
"""A comment on GitHub holds 65,536 characters."""
MOST_LISTED = 40
PASSES, REMARKS, FAILS, DELETED = "✅", "⚠️", "❌", "🗑️"
TO = " \u2192 "
WORDS = {2: "the policy is wrong", 3: "would not pass", 4: "could not be judged"}
HEADS = ("", "policy", "because", "training rows", "label consistency", "new bytes", "CPU time")

Document = Mapping[str, Any]


def headline(document: Document) -> str:
    """The outcome in one sentence."""
    touched, wrong = document["policies"], [review for review in document["policies"] if review["exit_code"]]
    of = f"of {document['policies_there']:,}"
    if not touched:
        return f"augmill: this change touches no policy {of}."
    count_text = "1 policy" if len(touched) == 1 else f"{len(touched)} policies"
    if not wrong:
        return f"augmill: this change touches {count_text} {of}; a run of each would pass."
    return f"augmill: this change touches {count_text} {of}; {len(wrong)} would not pass or cannot be judged."


def text(document: Document, *, width: int = 110) -> str:
    """The answer for a terminal."""
    parts = [TextSection("Compared", lines=[_compared(document)]), _summary(document, signs=False)]
    for review in document["policies"]:
        outer = TextSection(
            f"== {review['dataset']}: {outcome(review)[1]}",
            lines=[f"{review['path']} is touched by", *review["because"]],
        )
        parts += [outer, *(section for section in sections(review) if not section.folded)]
    return for_terminal(headline(document), [part for part in parts if part.rows or part.lines], width=width)


def markdown(document: Document) -> str:
    """The answer as Markdown of at most MOST_BYTES: policies that fail first, then as many more as there is room for.

    Where room is short, a policy loses its folded sections first, then all but one line.
    """
    sign = FAILS if document["exit_code"] else PASSES
    parts = [MARKER, f"### {sign} {escaped(headline(document))}"]
    if document["policies"]:
        parts.append(block(_summary(document, signs=True)))
    last = f"<sub>{escaped(_foot(document))}</sub>"
    room = MOST_BYTES - sum(_size(part) for part in (*parts, last))
    ordered = sorted(document["policies"], key=lambda review: -review["exit_code"])
    for number, review in enumerate(ordered):
        best_form = next((form for form in _forms(review) if _size(form) + 200 <= room), None)
        if best_form is None:
            parts.append(f"{len(ordered) - number} policies more have no room here; `--json` tells all of them.")
            break
        parts.append(best_form)
        room -= _size(best_form)
    return "\n\n".join([*parts, last]) + "\n"


def outcome(review: Document) -> tuple[str, str]:
    """A sign and words for what became of one policy."""
    if review["kind"] == "deleted":
        return DELETED, "deleted"
    if review["exit_code"]:
        return FAILS, WORDS.get(review["exit_code"], "failed")
    if review["lint"] or review["notes"] or any(check["doubt"] for check in _checks(review)):
        return REMARKS, "would pass, with remarks"
    return PASSES, "would pass"


def consistency(review: Document) -> str:
    """The forecast of the label-consistency rate over all steps."""
    rate_check = next((check for check in _checks(review) if check["name"] == "label_consistency_rate"), None)
    if rate_check is None or rate_check["observed"] is None:
        return "-"
    return f"{rate_check['observed']:.1%}"


def _checks(review: Document) -> Sequence[Document]:
    return review["canary"]["checks"] if review["canary"] else ()


def _compared(document: Document) -> str:
    open_files = document["uncommitted"]
    files = "1 file that is" if open_files == 1 else f"{open_files:,} files that are"
    more = f", with {files} not committed" if open_files else ""
    return f"{document['head'][:12]} compared with {document['base'][:12]}, where it left {document['rev']}{more}"


def _summary(document: Document, *, signs: bool) -> TextSection:
    rows = [_line(review, signs=signs) for review in document["policies"][:MOST_LISTED]]
    omitted = len(document["policies"]) - len(rows)
    return TextSection("Policies", HEADS, rows, [f"and {omitted:,} more"] if omitted > 0 else [])


def _line(review: Document, *, signs: bool) -> list[str]:
    sign, words = outcome(review)
    because = review["because"][0] if review["because"] else ""
    more = f" and {len(review['because']) - 1} more" if len(review["because"]) > 1 else ""
    return [
        sign if signs else words,
        review["dataset"],
        f"{because}{more}",
        _rows(review),
        consistency(review),
        _change(review, _new_bytes, size_text),
        _change(review, _seconds, lambda value: f"{value:,.1f} s"),
    ]


def _rows(review: Document) -> str:
    return _change(review, _training, lambda count: f"{count:,.0f}")


def _change(review: Document, figure: Any, formatted: Any) -> str:
    """A figure of the plan, preceded by that of the base where the two differ."""
    now = figure(review["plan"]) if review["plan"] else None
    was = figure(review["base"]) if review["base"] else None
    if now is None:
        return "-"
    return (
        formatted(now) if was is None or formatted(was) == formatted(now) else f"{formatted(was)}{TO}{formatted(now)}"
    )


def _training(plan: Document) -> float | None:
    train = (plan.get("rows") or {}).get("after", {}).get("train")
    return None if train is None else sum(count for labels in train.values() for count in labels.values())


def _new_bytes(plan: Document) -> float | None:
    files = plan.get("files")
    return sum(files["new_bytes"].values()) if files else None


def _seconds(plan: Document) -> float | None:
    """Only of what is extrapolated: the other stages were really run, one plan on what the other had read."""
    seconds = plan.get("cpu_seconds")
    return sum(seconds.get(stage, 0.0) for stage in ("augment", "verify")) if seconds else None


def _forms(review: Document) -> Iterator[str]:
    """A policy in full, without what is folded, and in a line."""
    sign, words = outcome(review)
    because = "".join(f"\n- {escaped(reason)}" for reason in review["because"])
    head = f"#### {sign} {escaped(review['dataset'])}: {words}\n\n{escaped(review['path'])} is touched by\n{because}"
    all_sections = list(sections(review))
    for selection in (all_sections, [section for section in all_sections if not section.folded], []):
        yield "\n\n".join([head, *map(block, selection)])


def _foot(document: Document) -> str:
    return (
        f"{_compared(document)}. Counts are exact,"
        " bytes and CPU time of new rows are extrapolated, checks and gates judged a sample in a lake"
        f" that is gone. Nothing was published. {document['seconds']:.0f} s."
    )


def _size(part: str) -> int:
    return len(part.encode()) + 2
