"""Record: one document about a run, for MLflow, for the terminal and for `--json` output."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from augmill.policies.errors import StorageError
from augmill.tasks.cards.bundle import bundle
from augmill.tasks.documents.service_levels import measure
from augmill.tasks.documents.version_document import RunLink, VersionDocument
from augmill.tasks.html_pages.rejections_html import page
from augmill.tasks.lineage.spool import SUFFIX, Sent, record_or_spool, send
from augmill.tasks.pages import data_card
from augmill.tasks.pages.before_after import before_after
from augmill.tasks.pages.data_card import page_folder
from augmill.tasks.pages.rejections_page import REJECTIONS, REJECTIONS_JSON, rejections
from augmill.tasks.pages.validation_page import report
from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import ChildShard
from augmill.tasks.runs.manifest import published
from augmill.tasks.runs.request import RunRequest, record_name
from augmill.tasks.runs.run import Run
from augmill.tasks.sanitize.redact import redact
from augmill.tasks.stages.check import CheckResult
from augmill.tasks.stages.publish import Version
from augmill.tasks.storage import json_objects
from augmill.tasks.storage.store import Store
from augmill.tasks.telemetry.spans import current, span
from augmill.tasks.versions import lineage_pages
from augmill.tasks.versions.versions import Lake

REPORT = "validation_report.html"


def record(run: Run, version: Version, checked: CheckResult) -> dict[str, Any]:
    """Send what earlier runs could not, then this version; returns the document of `augmill run --json`."""
    with span("record", stage="record"), run.deadlines.within("record"):
        return record_version(run, version, checked)


def record_version(run: Run, version: Version, checked: CheckResult) -> dict[str, Any]:
    """Send the record unless this version has one; returns the document of `augmill run --json`."""
    document = document_of(run, version, checked)
    document["latency"] = latency(run.ctx, checked.scored.children)
    marker = record_name(version.number)
    objects = run.ctx.objects
    if not (version.skipped and objects.exists(marker)):
        pages, addresses = write_pages(run, version.number, checked)
        document |= addresses
        artifacts = bundle(cast(VersionDocument, document)) | pages
        outcome = record_or_spool(objects.sub("spool"), cast(VersionDocument, document), run.tracking_uri, artifacts)
        document["mlflow"] = _link(run.tracking_uri, outcome.link, outcome.fault)
        objects.write(marker, json.dumps(document, sort_keys=True, default=str).encode())
        record_sent(objects, outcome.earlier)
    else:
        document["mlflow"] = json_objects.document(objects, marker)["mlflow"]
    return document


def write_pages(run: Run, version: int, checked: CheckResult) -> tuple[dict[str, bytes], dict[str, str]]:
    """Write the version's pages into the lake; returns them by name, for MLflow, and their addresses."""
    ctx, folder = run.ctx, page_folder(version)
    fitted, scored, verdicts = checked.fitted, checked.scored, checked.judged
    published_version = published(ctx.table, ctx.objects, version)
    if published_version is None:
        raise StorageError(f"{ctx.table.uri} lost version {version}", "Look who removed its log, then run again.")
    before_after_files = before_after(ctx, fitted, scored.children)
    pictures = {name: content for name, content in before_after_files.items() if name.endswith(".svg")}
    rejections_document, thumbnails = rejections(ctx, fitted, scored, verdicts, checked.figures, version)
    pages = {REPORT: report(run, checked, version), REJECTIONS: page(rejections_document, thumbnails)}
    lake_only = {REJECTIONS_JSON: json.dumps(rejections_document, sort_keys=True, default=str).encode()}
    for name, content in (pages | lake_only).items():
        ctx.objects.write(f"{folder}/{name}", content)
    addresses = {
        "report": ctx.objects.url(f"{folder}/{REPORT}"),
        "rejections": ctx.objects.url(f"{folder}/{REJECTIONS}"),
        **data_card.write_card(ctx.table, ctx.objects, published_version, pictures),
        "lineage": ctx.objects.url(f"{folder}/{lineage_pages.PAGE}"),
    }
    # Last, because it links to the pages that exist.
    lineage = lineage_pages.write_page(Lake(Store(ctx.lake)), ctx.policy.dataset, int(time.time() * 1000), version)
    return data_card.artifacts(ctx.table, published_version, pictures) | before_after_files | pages | {
        lineage_pages.PAGE: lineage
    }, addresses


def send_spooled(objects: Store, tracking_uri: str) -> None:
    """Send spooled records of earlier versions, which could not be sent then; does nothing if there are none."""
    spool = objects.sub("spool")
    if any(entry.name.endswith(SUFFIX) for entry in spool.list()):
        record_sent(objects, send(spool, tracking_uri))


def record_sent(objects: Store, sent: Sent) -> None:
    """Write the MLflow links of records that left the spool into the documents of their versions."""
    for entry, link in sent.links.items():
        name = record_name(int(entry.partition("-")[0]))
        if not objects.exists(name):  # the run that spooled it was killed; its rerun writes the document
            continue
        document = json_objects.document(objects, name)
        objects.write(name, json.dumps({**document, "mlflow": link}, sort_keys=True).encode())


def _link(tracking_uri: str, link: RunLink | None, fault: StorageError | None) -> dict[str, Any]:
    if link is not None:
        return dict(link)
    waiting = {"tracking_uri": redact(tracking_uri), "experiment_id": None, "run_id": None}
    return {**waiting, "spooled": fault.cause if fault else "the record waits in the spool"}


def document_of(run: Run, version: Version, checked: CheckResult) -> dict[str, Any]:
    """Everything worth knowing about the version and the run that made it, as JSON-able values."""
    manifest = version.manifest
    parent = published(run.ctx.table, run.ctx.objects, version.parent) if version.parent is not None else None
    ended = time.time()
    document: dict[str, Any] = {
        **manifest.figures,
        "checks": [*manifest.figures["checks"], *checked.clocked],
        "dataset": manifest.dataset,
        "version": version.number,
        "parent_version": version.parent,
        "parent_mlflow_run_id": _parent_run(run.request, version.parent),
        "table_uri": run.ctx.table.uri,
        "skipped": version.skipped,
        "policy": manifest.policy,
        "policy_name": manifest.policy_name,
        "policy_text": manifest.policy_text,
        "parent_policy": parent.manifest.policy if parent else None,
        "parent_policy_text": parent.manifest.policy_text if parent else None,
        "policy_hash": manifest.policy_hash,
        "version_digest": hash_of(sorted(file.sha256 for file in manifest.data_files)),
        "columns": manifest.types,
        "suite_text": manifest.suite_text,
        "git_commit": manifest.git_commit,
        "channel": run.ctx.policy.publish.channel,
        "announced": version.announced,
        "prefect_run_url": run.prefect_url,
        "run_id": run.run_id,
        "trace_id": current().trace_id or None,
        "fingerprint": manifest.fingerprint,
        "inputs": manifest.inputs,
        "production": manifest.production.get("objects", []),
        "stages": run.stages,
        "started_unix": run.started,
        "ended_unix": ended,
        "seconds": round(ended - run.started, 3),
        "usage": {"cpu_seconds": run.cpu_seconds, **_prices(run.ctx)},
        "storage": {
            "real_bytes": sum(file.bytes for file in manifest.data_files if file.origin == "real"),
            "total_bytes": sum(file.bytes for file in manifest.data_files),
            "new_bytes": version.new_bytes,
        },
    }
    document["slis"] = measure(cast(VersionDocument, document))
    return document


def _prices(ctx: Context) -> dict[str, Any]:
    budgets = ctx.policy.gates.budgets
    if budgets is None or budgets.price_per_cpu_hour is None:
        return {}
    return {"price_per_cpu_hour": budgets.price_per_cpu_hour, "currency": budgets.currency}


def latency(ctx: Context, children: Sequence[ChildShard]) -> list[dict[str, Any]]:
    """CPU milliseconds per child of each step's chain: quantiles over its shards, weighted by their rows."""
    latencies = []
    for step in ctx.policy.steps:
        step_shards = [shard for shard in children if shard.step == step.name and shard.rows]
        if step_shards:
            each_ms = np.repeat([1e3 * s.cpu_seconds / s.rows for s in step_shards], [s.rows for s in step_shards])
            p50, p95, p99 = (round(float(value), 4) for value in np.percentile(each_ms, [50, 95, 99]))
            use = "+".join(transform.use for transform in step.transforms)
            latencies.append({"use": use, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99})
    return latencies


def _parent_run(request: RunRequest, parent: int | None) -> str | None:
    if parent is None or not request.ctx.objects.exists(record_name(parent)):
        return None
    link = json_objects.document(request.ctx.objects, record_name(parent)).get("mlflow") or {}
    run_id = link.get("run_id")
    return str(run_id) if run_id else None
