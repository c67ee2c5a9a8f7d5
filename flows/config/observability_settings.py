"""Settings of metrics, traces and log lines. Nothing here shows a password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import unquote, urlsplit

from augmill.policies.errors import PolicyError
from augmill.tasks.sanitize.redact import redact

LogFormat = Literal["text", "json"]

_METRICS = "a folder that exists, or the http:// or https:// address of a Prometheus pushgateway"


@dataclass(frozen=True)
class PushGateway:
    """Where to push metrics; user and password are not shown."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Traces:
    """Where OpenTelemetry's own variables send traces; `parent`: the traceparent of our caller."""

    endpoint: str
    protocol: str
    parent: str


@dataclass(frozen=True)
class ObservabilitySettings:
    """`metrics`: a folder of node_exporter's textfile collector, or a pushgateway; `traces`: an OTLP endpoint;
    `log_format`: how log lines look on standard error. None: not at all."""

    metrics: Path | PushGateway | None = None
    traces: Traces | None = None
    log_format: LogFormat | None = None


def observability_of(environment: Mapping[str, str]) -> ObservabilitySettings:
    """The settings of metrics, traces and logs. Raises PolicyError naming the variable that holds a bad value."""
    return ObservabilitySettings(
        metrics=_metrics(environment.get("AUGMILL_METRICS")),
        traces=_traces(environment),
        log_format=_log_format(environment.get("AUGMILL_LOG_FORMAT")),
    )


def _metrics(text: str | None) -> Path | PushGateway | None:
    if text is None:
        return None
    if "://" not in text:
        folder = Path(text).expanduser().absolute()
        if not folder.is_dir():
            raise _refusal("AUGMILL_METRICS", text, _METRICS)
        return folder
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        raise _refusal("AUGMILL_METRICS", redact(text), _METRICS)
    host = parts.netloc.rpartition("@")[2]
    url = f"{parts.scheme}://{host}{parts.path}".rstrip("/")
    return PushGateway(url, unquote(parts.username or ""), unquote(parts.password or ""))


def _traces(environment: Mapping[str, str]) -> Traces | None:
    """The variables are OpenTelemetry's; its exporter reads them again, and more of them."""
    endpoint = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if endpoint is None or off or environment.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return None
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    return Traces(redact(endpoint), protocol or "http/protobuf", environment.get("TRACEPARENT", ""))


def _log_format(text: str | None) -> LogFormat | None:
    if text is None:
        return None
    if text not in get_args(LogFormat):
        raise _refusal("AUGMILL_LOG_FORMAT", text, f"one of {', '.join(get_args(LogFormat))}")
    return cast(LogFormat, text)


def _refusal(name: str, received: str, rule: str) -> PolicyError:
    return PolicyError(
        f"{name} must be {rule}; it is {received!r}.", f"Set {name} in the environment or .env, or unset it."
    )
