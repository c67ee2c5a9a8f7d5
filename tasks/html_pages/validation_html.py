"""The validation report: one self-contained page that says what was checked, what failed, and which rows they are.

Nothing is loaded from anywhere, everything from the data is escaped, pictures are inlined. Every id links to the
place on the page where the row's values or picture are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from augmill.policies.names import natural_sort_key
from augmill.tasks.documents.figure_text import detail_text, figure_text, rounded
from augmill.tasks.documents.report_document import CheckReport, Counts, SemanticReport, ValidationDocument
from augmill.tasks.documents.text_format import UNLABELLED, plain
from augmill.tasks.html_pages import elements
from augmill.tasks.html_pages.children import overruled, rejected
from augmill.tasks.html_pages.elements import Markup, escape
from augmill.tasks.html_pages.row_cards import STYLE, failing, link, quarantined

_ORIGINS = ("real", "augmented", "synthetic")


def render(document: ValidationDocument, pictures: Mapping[str, bytes] | None = None) -> str:
    """The page. `pictures` maps sample ids to PNG bytes; rows without one show their values."""
    pictures = pictures or {}
    title = f"{document['dataset']} validation"
    parts = [STYLE, *_head(document), *_classes(document), *_checks(document), *_semantic(document)]
    parts += [*rejected(document, pictures), *overruled(document, pictures)]
    parts += [*quarantined(document, pictures), *failing(document, pictures)]
    return elements.page(title, parts).decode()


def _head(document: ValidationDocument) -> Iterator[str]:
    version = document.get("version")
    name = document["dataset"] if version is None else f"{document['dataset']}@{version}"
    yield f"<h1>Validation of {escape(name)}</h1>"
    facts = [document.get("policy", ""), f"policy hash {document['policy_hash']}" if "policy_hash" in document else ""]
    yield f'<p class="lead">{escape(" · ".join(fact for fact in facts if fact))}</p>'
    kind, words, more = _verdict(document)
    yield f'<p class="verdict"><span class="{kind}">{escape(words)}</span> {escape(more)}</p>'


def _verdict(document: ValidationDocument) -> tuple[str, str, str]:
    """CSS class, outcome and reason. A check whose `on_failure` is drop or warn has not failed the run."""
    checks, published = document.get("checks", []), document.get("version") is not None
    outcome = "Published." if published else "Nothing was published."
    if not checks:
        return "none", outcome, "No check was made."
    failed = [check for check in checks if not check["success"]]
    if not failed:
        summary = "The check holds." if len(checks) == 1 else f"All {len(checks):,} checks hold."
        return "good" if published else "none", outcome, summary
    if not published:
        blocking = [check for check in failed if check.get("on_failure", "fail") == "fail"] or failed
        return "bad", outcome, f"{_checks_in_words(len(blocking))} failed: {_names(blocking)}."
    passed_count = len(checks) - len(failed)
    dropped = document.get("dropped", 0)
    if dropped:
        outcome = f"Published; {dropped:,} {'child was' if dropped == 1 else 'children were'} dropped."
    rest = f" The other {_checks_in_words(passed_count)} hold{'s' * (passed_count == 1)}." if passed_count else ""
    return "warn", outcome, f"Short of the target: {_names(failed)}.{rest}"


def _names(checks: Sequence[CheckReport]) -> str:
    return ", ".join(dict.fromkeys(plain(check["name"]) for check in checks))


def _checks_in_words(count: int) -> str:
    return f"{count:,} check{'s' * (count != 1)}"


def _classes(document: ValidationDocument) -> Iterator[str]:
    before, after = _by_class(document.get("before", {})), _by_class(document.get("after", {}))
    labels = sorted({*before, *after}, key=natural_sort_key)
    if not labels:
        return
    yield "<h2>Training rows per class</h2>"
    total = sum(sum(counts.values()) for counts in after.values())
    most = max((sum(after.get(label, {}).values()) for label in labels), default=0)
    origins = [origin for origin in _ORIGINS if origin != "real" and any(origin in counts for counts in after.values())]
    rows = []
    for label in labels:
        now, then = after.get(label, {}), sum(before.get(label, {}).values())
        count = sum(now.values())
        share = f"{count / total:.1%}" if total else None
        rows.append(
            [
                label or UNLABELLED,
                then,
                *(now.get(origin, 0) for origin in origins),
                count,
                share,
                _bars(now, most),
            ]
        )
    yield elements.table(["class", "before", *(f"+ {origin}" for origin in origins), "after", "share", ""], rows)
    rest = {split: _total(counts) for split, counts in document.get("after", {}).items() if split != "train"}
    if rest:
        held_out = ", ".join(f"{split} {count:,}" for split, count in sorted(rest.items()))
        yield f'<p class="tag">Held out, real rows only: {escape(held_out)}.</p>'


def _bars(counts: Mapping[str, int], most: int) -> Markup:
    spans = [
        f'<span class="bar" style="width:{9 * counts.get(origin, 0) / most:.2f}rem;'
        f'background:{elements.ORIGIN_COLOURS[origin]}" title="{origin} {counts.get(origin, 0):,}"></span>'
        for origin in _ORIGINS
        if most and counts.get(origin)
    ]
    return Markup("".join(spans))


def _checks(document: ValidationDocument) -> Iterator[str]:
    checks = document.get("checks", [])
    if not checks:
        return
    yield "<h2>Checks</h2>"
    layers = dict.fromkeys(check.get("layer", "") for check in checks)
    rows = [_check_row(check) for layer in layers for check in checks if check.get("layer", "") == layer]
    yield elements.table(["", "layer", "check", "figure", "target", "judged", "failed", "rows"], rows)


def _check_row(check: CheckReport) -> list[Any]:
    failure_word = {"warn": "warns", "drop": "rows dropped"}.get(check.get("on_failure", ""), "fails")
    word, kind = ("holds", "good") if check["success"] else (failure_word, "bad" if failure_word == "fails" else "warn")
    name = f"<b>{escape(plain(check['name']))}</b><br>"
    text = check.get("error") or check.get("description", "")
    kind_of_text = "bad" if check.get("error") else "tag"
    links = [link(row["sample_id"]) for row in check.get("failing", [])[:5]]
    more = max(0, check.get("failed", 0) - len(links)) if links else 0
    row_links = Markup("<br>".join(links) + (f'<br><span class="tag">and {more:,} more</span>' if more else ""))
    return [
        Markup(f'<span class="{kind}">{word}</span>'),
        check.get("layer", ""),
        Markup(f'{name}<span class="{kind_of_text}">{escape(text)}</span>{_details(check)}'),
        figure_text(check, 6),
        _figure(check.get("target")),
        check.get("judged"),
        check.get("failed"),
        row_links,
    ]


def _details(check: CheckReport) -> str:
    """The parts of a figure, a line each."""
    lines = "<br>".join(escape(detail_text(detail)) for detail in check.get("details", []))
    return f'<br><span class="tag">{lines}</span>' if lines else ""


def _semantic(document: ValidationDocument) -> Iterator[str]:
    semantic = document.get("semantic")
    if not semantic:
        return
    yield "<h2>Labels: children beside held-out real rows</h2>"
    yield f'<p class="tag">{escape(_how_well(semantic))}</p>'
    rates = sorted(
        semantic.get("rates", []), key=lambda rate: (rate["step"], rate["transform"], natural_sort_key(rate["label"]))
    )
    if rates:
        heads = ["step", "transform", "class", "judged", "consistency", "unfamiliar", "too few", "dropped"]
        yield elements.table([*heads, "real: consistency", "real: unfamiliar"], [_rate_row(rate) for rate in rates])
    if rates and document.get("rejections"):
        name = escape(document["rejections"])
        count = document.get("rejected", 0) + document.get("unfamiliar", 0)
        yield (
            f'<p>The {count:,} contradicted and unfamiliar rows, worst first: <a href="{name}">{name}</a>, beside this '
            "page.</p>"
        )
    floor = sorted(semantic.get("noise_floor", []), key=lambda row: natural_sort_key(row["label"]))
    if floor:
        yield "<h2>What the verifier can see: held-out real rows</h2>"
        yield (
            '<p class="tag">Caught is the share of real rows of other classes that the verifier contradicts when '
            "they are given this label. With few rows, alpha cannot go below 1 / (rows + 1).</p>"
        )
        heads = ["class", "rows", "reached alpha", "contradicted", "unfamiliar", "caught", ""]
        yield elements.table(heads, [_floor_row(row) for row in floor])


def _how_well(semantic: SemanticReport) -> str:
    parts = [semantic.get("scope", "")]
    if semantic.get("accuracy") is not None:
        parts.append(f"On held-out real rows the verifier scores {_figure(semantic['accuracy'])} (guessing is 0).")
    if "alpha" in semantic:
        parts.append(f"Asked alpha: {semantic['alpha']:g}.")
    return " ".join(part for part in parts if part)


def _rate_row(rate: Mapping[str, Any]) -> list[Any]:
    floor = rate.get("noise_floor") or {}
    real = None if floor.get("contradicted_rate") is None else 1.0 - floor["contradicted_rate"]
    return [
        *(rate[key] for key in ("step", "transform", "label")),
        rate.get("judged"),
        _percent(rate.get("label_consistency_rate")),
        _percent(rate.get("unfamiliar_share")),
        rate.get("too_few"),
        rate.get("rejected"),
        _percent(real),
        _percent(floor.get("unfamiliar_rate")),
    ]


def _floor_row(row: Mapping[str, Any]) -> list[Any]:
    alpha = float(f"{row['reached_alpha']:.3g}")
    shares = [_percent(row[key]) for key in ("contradicted_rate", "unfamiliar_rate", "catch_rate")]
    note = Markup('<span class="bad">too few rows to judge</span>') if row["too_few"] else ""
    return [row["label"], row["rows"], alpha, *shares, note]


def _by_class(counts: Counts) -> dict[str, dict[str, int]]:
    counts_by_class: dict[str, dict[str, int]] = {}
    for origin, labels in counts.get("train", {}).items():
        for label, rows in labels.items():
            counts_by_class.setdefault(label, {})[origin] = rows
    return counts_by_class


def _total(counts: Mapping[str, Mapping[str, int]]) -> int:
    return sum(rows for labels in counts.values() for rows in labels.values())


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"


def _figure(value: Any) -> str:
    return rounded(value, 6)
