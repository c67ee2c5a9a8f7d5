"""Traces through OTLP: one per run, off unless OpenTelemetry's own variables name an endpoint.

Spans are plain values until they are exported, here alone and in the background. An endpoint that is down or hangs
costs a run `FLUSH_SECONDS` and one line of the log. Nobody's global tracer is touched: what Prefect, MLflow or a
program around us trace, they trace by themselves.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from augmill.flows.config.observability_settings import Traces
from augmill.flows.settings import Settings
from augmill.flows.telemetry.logs import LOGGER, log_to
from augmill.flows.timeouts import run_with_timeout
from augmill.tasks.sanitize.redact import redact_text
from augmill.tasks.telemetry.spans import MOST_SIGNS, Scope, Span, entered, parent_of, summarize_error

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace import Span as SdkSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

FLUSH_SECONDS = 3.0
SUPPORTED_PROTOCOL = "http/protobuf"

log = logging.getLogger(f"{LOGGER}.traces")

_LOGGER_CHANGES = threading.Lock()

Link = Callable[[Mapping[str, Any]], None]


@contextmanager
def run_scope(run_id: str, dataset: str, current: Settings) -> Iterator[Link]:
    """Run the block as one run, for log lines and, where settings ask for it, as one trace.

    Call what this yields with the run's document, so that the trace says where its lineage is.
    """
    log_to(current)
    exporting = _open(current.observability.traces) if current.observability.traces else None
    if exporting is None:
        with entered(Scope(run_id, dataset)):
            yield lambda _: None
        return
    root = exporting.begin(f"run {dataset}", {"augmill.dataset": dataset, "augmill.run_id": run_id})
    try:
        with entered(exporting.scope(root, run_id, dataset)):
            yield lambda document: root.set_attributes(_lineage_attributes(document))
    except BaseException as fault:
        _fail(root, summarize_error(fault))
        raise
    finally:
        root.end()
        exporting.close()


def _lineage_attributes(document: Mapping[str, Any]) -> dict[str, str | int | bool]:
    from augmill.tasks.lineage.payload import record_key

    attributes = {
        "augmill.version": document.get("version"),
        "augmill.skipped": document.get("skipped"),
        "mlflow.run_id": (document.get("mlflow") or {}).get("run_id"),
        "mlflow.trace_id": f"tr-{record_key(document)}" if document.get("stages") else None,  # type: ignore[arg-type]
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _open(traces: Traces) -> TraceExporter | None:
    if traces.protocol != SUPPORTED_PROTOCOL:
        log.warning("no traces: augmill speaks OTLP over %s, not %s", SUPPORTED_PROTOCOL, traces.protocol)
        return None
    try:
        return TraceExporter(traces)
    except Exception as fault:  # noqa: BLE001 - whatever those variables hold, the run is worth more than its trace
        log.warning("no traces: %s", summarize_error(fault))
        return None


class TraceExporter:
    """OpenTelemetry's exporter behind its own queue, with its own variables, for one run."""

    def __init__(self, traces: Traces) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self.traces = traces
        self.recording_exporter = _FaultRecordingExporter(OTLPSpanExporter())
        self.fault_handler = _LastFaultHandler(self.recording_exporter.faults)
        self.fault_handler.take_over()
        try:
            self.processor = BatchSpanProcessor(cast("SpanExporter", self.recording_exporter))
            # The variables of the resource win over ours: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES.
            resource = Resource.create()
            if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
                resource = resource.merge(Resource({"service.name": "augmill"}))
            self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
            self.provider.add_span_processor(self.processor)
            self.tracer = self.provider.get_tracer("augmill")
        except BaseException:
            self.fault_handler.give_back()
            raise

    def keep(self, span: Span) -> None:
        """Queue a finished span."""
        self.processor.on_end(_readable(span, self.provider))

    def begin(self, name: str, attributes: Mapping[str, str]) -> SdkSpan:
        """The root span, below the span of our caller if there is one."""
        from opentelemetry.context import Context
        from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

        context = Context()
        if parent := parent_of(self.traces.parent):
            trace_id, span_id, sampled = parent
            flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
            remote = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=flags)
            context = set_span_in_context(NonRecordingSpan(remote), context)
        return self.tracer.start_span(name, context, attributes=attributes)  # type: ignore[return-value]

    def scope(self, root: SdkSpan, run_id: str, dataset: str) -> Scope:
        """The scope of the run; without a trace where it is not sampled."""
        context = root.get_span_context()
        if context is None or not context.trace_flags.sampled:
            return Scope(run_id, dataset)
        ids = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
        return Scope(run_id, dataset, **ids, keep=self.keep)

    def close(self) -> None:
        """Send what is left, for a few seconds; say so once if it, or anything before it, did not get through."""
        try:
            run_with_timeout(FLUSH_SECONDS, self._flush)
        except TimeoutError as fault:
            self.recording_exporter.faults.append(str(fault))
        if self.recording_exporter.faults:
            fault_text = redact_text(self.recording_exporter.faults[-1])
            log.warning("traces did not reach %s, or not all of them: %s", self.traces.endpoint, fault_text)

    def _flush(self) -> None:
        # Where this takes too long it goes on in its thread, and what it says then is not for the terminal either.
        try:
            self.processor.shutdown()  # type: ignore[no-untyped-call]
        finally:
            self.fault_handler.give_back()


@dataclass
class _FaultRecordingExporter:
    """An exporter whose failures are collected, to be logged at the end."""

    exporter: SpanExporter
    faults: list[str] = field(default_factory=list)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export, and record a reason if it did not work."""
        result = self.exporter.export(spans)
        if result.name != "SUCCESS" and not self.faults:
            self.faults.append("the export failed")
        return result

    def shutdown(self) -> None:
        """Shut down."""
        self.exporter.shutdown()


class _LastFaultHandler(logging.Handler):
    """Records the last warning of OpenTelemetry, which would otherwise be printed at the terminal of the run.

    While runs are traced it stands in for the handlers of that logger; the last run that ends puts them back.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.faults = faults
        self.displaced: list[logging.Handler] = []
        self.propagated = False

    def take_over(self) -> None:
        """Stand in for the handlers of OpenTelemetry's logger, beside those of other runs."""
        logger = logging.getLogger("opentelemetry")
        with _LOGGER_CHANGES:
            self.displaced = [handler for handler in logger.handlers if not isinstance(handler, _LastFaultHandler)]
            self.propagated = logger.propagate
            logger.handlers = [handler for handler in logger.handlers if handler not in self.displaced] + [self]
            logger.propagate = False

    def give_back(self) -> None:
        """Put the handlers back, or leave that to a run that still goes on."""
        logger = logging.getLogger("opentelemetry")
        with _LOGGER_CHANGES:
            if self not in logger.handlers:  # somebody has set others since
                return
            remaining = [handler for handler in logger.handlers if handler is not self]
            successor = next((handler for handler in remaining if isinstance(handler, _LastFaultHandler)), None)
            if successor is None:
                logger.handlers = self.displaced + remaining
                logger.propagate = self.propagated or logger.propagate
            else:
                logger.handlers = remaining
                successor.displaced = self.displaced + successor.displaced
                successor.propagated = self.propagated or successor.propagated

    def emit(self, record: logging.LogRecord) -> None:
        """Record the last warning."""
        self.faults[:] = [record.getMessage()[:MOST_SIGNS]]


def _readable(span: Span, provider: TracerProvider) -> ReadableSpan:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    def context(span_id: str) -> SpanContext:
        flags = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(int(span.trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=flags)

    return ReadableSpan(
        name=span.name,
        context=context(span.span_id),
        parent=context(span.parent_id),
        resource=provider.resource,
        attributes={name: value for name, value in span.attributes.items() if isinstance(value, str | int | float)},
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=InstrumentationScope("augmill"),
    )


def _fail(root: SdkSpan, text: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    root.set_status(Status(StatusCode.ERROR, text))
