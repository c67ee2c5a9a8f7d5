"""The run as an MLflow trace: a root span and one span per stage, with the times from the document.

Spans are built whole and sent in two calls. MLflow's tracer would do it too, but through a global tracking URI
and a background queue; the ids come from the record's key, so sending twice changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from augmill.tasks.documents.version_document import StageDocument, VersionDocument
from augmill.tasks.lineage.payload import PREFIX, record_key

if TYPE_CHECKING:
    from mlflow.entities import Span, TraceInfo


def log_trace(tracking_uri: str, experiment_id: str, run_id: str, document: VersionDocument) -> str | None:
    """Send the trace and tie it to the run. Returns its id; null when the document has no stages."""
    if not document.get("stages"):
        return None
    from mlflow.tracing.client import TracingClient

    trace_id = _trace_id(document)
    client = TracingClient(tracking_uri)
    client.start_trace(_info(document, trace_id, experiment_id, run_id))
    client.log_spans(experiment_id, _spans(document, trace_id))
    return trace_id


def bounds(document: VersionDocument) -> tuple[float, float]:
    """Start and end of the run in Unix seconds, from the document or else from its stages."""
    stages = document.get("stages", [])
    start = document.get("started_unix", min((stage["started_unix"] for stage in stages), default=0.0))
    end = document.get("ended_unix", max((stage["started_unix"] + stage["seconds"] for stage in stages), default=start))
    return start, max(start, end)


def _trace_id(document: VersionDocument) -> str:
    return "tr-" + record_key(document)


def _info(document: VersionDocument, trace_id: str, experiment_id: str, run_id: str) -> TraceInfo:
    from mlflow.entities import TraceInfo
    from mlflow.entities.trace_location import TraceLocation
    from mlflow.entities.trace_state import TraceState
    from mlflow.tracing.constant import TRACE_SCHEMA_VERSION, TRACE_SCHEMA_VERSION_KEY

    start, end = bounds(document)
    name = f"{document['dataset']}@{document['version']}"
    return TraceInfo(
        trace_id=trace_id,
        trace_location=TraceLocation.from_experiment_id(experiment_id),
        request_time=int(start * 1e3),
        execution_duration=int((end - start) * 1e3),
        state=TraceState.OK,
        request_preview=json.dumps(_question(document)),
        response_preview=json.dumps(_answer(document)),
        trace_metadata={"mlflow.sourceRun": run_id, TRACE_SCHEMA_VERSION_KEY: str(TRACE_SCHEMA_VERSION)},
        tags={"mlflow.traceName": name, "mlflow.trace.spansLocation": "TRACKING_STORE", **_elsewhere(document)},
    )


def _elsewhere(document: VersionDocument) -> dict[str, str]:
    """The run's trace in OpenTelemetry, which has an id before there is a record whose key could be one."""
    trace_id = document.get("trace_id")
    return {PREFIX + "otel_trace_id": trace_id} if trace_id else {}


def _spans(document: VersionDocument, trace_id: str) -> list[Span]:
    start, end = bounds(document)
    root = _span(document, trace_id, "run", (start, end), {"inputs": _question(document), "outputs": _answer(document)})
    return [root, *(_stage_span(document, trace_id, number, stage) for number, stage in enumerate(document["stages"]))]


def _stage_span(document: VersionDocument, trace_id: str, number: int, stage: StageDocument) -> Span:
    times = (stage["started_unix"], stage["started_unix"] + stage["seconds"])
    figures = {"outputs": stage["figures"]} if stage.get("figures") else {}
    return _span(document, trace_id, stage["name"], times, figures, number)


def _span(
    document: VersionDocument,
    trace_id: str,
    name: str,
    times: tuple[float, float],
    content: dict[str, Any],
    number: int | None = None,
) -> Span:
    from mlflow.entities import Span
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    def context(position: int | None) -> SpanContext:
        word = hashlib.sha256(f"{trace_id}/{position}".encode()).digest()[:8]
        return SpanContext(
            trace_id=int(record_key(document), 16),
            span_id=int.from_bytes(word, "big") | 1,
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        )

    attributes = {
        "mlflow.traceRequestId": json.dumps(trace_id),
        "mlflow.spanType": json.dumps("CHAIN" if number is None else "TASK"),
        **{"mlflow.span" + key.capitalize(): json.dumps(value, default=str) for key, value in content.items()},
    }
    return Span(
        ReadableSpan(
            name=name,
            context=context(number),
            parent=None if number is None else context(None),
            attributes=attributes,
            start_time=int(times[0] * 1e9),
            end_time=int(times[1] * 1e9),
            status=Status(StatusCode.OK),
        )
    )


def _question(document: VersionDocument) -> dict[str, Any]:
    return {"dataset": document["dataset"], "policy_hash": document.get("policy_hash")}


def _answer(document: VersionDocument) -> dict[str, Any]:
    rows = {name: count for name, count in document.get("rows", {}).items() if isinstance(count, int)}
    return {"version": document["version"], "rows": rows}
