"""The validation report of a run: one page that shows which rows failed which checks, from the run's objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from augmill.tasks.documents.report_document import QuarantinedRow, ValidationDocument
from augmill.tasks.html_pages.validation_html import render
from augmill.tasks.pages.before_after import small_picture
from augmill.tasks.pages.rejections_page import REJECTIONS, children
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.check import NO_CLASS, CheckResult
from augmill.tasks.stages.split import RealRows
from augmill.tasks.verifiers.calibration import CONTRADICTED

MAX_SHOWN = 60
SCOPE = "Every child's label against the classes its features allow, by models that never saw its parents."
NOT_JUDGED = f"Labels are {NO_CLASS}."


def write_refusal_page(run: Run, checked: CheckResult) -> str:
    """Write the report of a run that publishes nothing; returns its address."""
    name = f"reports/{run.request.run_key}.html"
    run.ctx.objects.write(name, report(run, checked, None))
    return run.ctx.objects.url(name)


def report(run: Run, checked: CheckResult, version: int | None) -> bytes:
    """The self-contained page; `version` is None if nothing was published."""
    ctx = run.ctx
    real, fitted, scored, verdicts = checked.real, checked.fitted, checked.scored, checked.judged
    figures = checked.figures
    pictures: dict[str, bytes] = {}
    contradicted = children(ctx, fitted, scored, verdicts, CONTRADICTED, MAX_SHOWN, pictures)
    after = figures["rows"]["by_split_origin_label"]
    document: ValidationDocument = {
        "dataset": ctx.policy.dataset,
        "version": version,
        "policy": run.request.loaded.path.name,
        "policy_hash": run.request.loaded.content_hash,
        "before": {split: {"real": origins.get("real", {})} for split, origins in after.items()},
        "after": after,
        "checks": verdicts.answers,
        "semantic": {
            "scope": SCOPE if scored.verifier else NOT_JUDGED,
            "alpha": verdicts.verifier.get("alpha", ctx.policy.checks.label_consistency.alpha),
            "accuracy": verdicts.verifier.get("accuracy"),
            "noise_floor": verdicts.verifier.get("noise_floor", []),
            "rates": verdicts.rates,  # type: ignore[typeddict-item]
        },
        "dropped": figures["rows"]["dropped"],
        "quarantined": real.lost,
        "quarantined_rows": list(_quarantined(ctx, real, pictures)),
        "unfamiliar": sum(rate["unfamiliar"] for rate in verdicts.rates),
        "rejected": sum(rate["contradicted"] for rate in verdicts.rates) - len(verdicts.overruled),
        "rejected_children": [child for child in contradicted if "reason" not in child],
        "overruled_children": [child for child in contradicted if "reason" in child],
    }
    if version is not None:
        document["rejections"] = REJECTIONS
    return render(document, pictures).encode()


def _quarantined(ctx: Context, real: RealRows, pictures: dict[str, bytes]) -> Iterator[QuarantinedRow]:
    remaining = MAX_SHOWN
    for shard in real.valid:
        if not shard.quarantined or not remaining:
            continue
        for row in ctx.work.read_table(f"{shard.name}.quarantine.parquet").slice(0, remaining).to_pylist():
            remaining -= 1
            name = f"{row['object']}:{row['row']}"
            picture = small_picture(ctx, row["payload"]) if row["payload"] else None
            if picture:
                pictures[name] = picture
            yield {
                "sample_id": name,
                "reasons": row["reasons"],
                "source": f"{row['object']} row {row['row']}",
                "values": _content(row["content"]),
            }


def _content(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {"text": text}
    return content if isinstance(content, dict) else {"text": text}
