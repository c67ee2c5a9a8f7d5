"""The shape of the plain JSON document that describes one finished run; everything in this folder reads only it.

Times are Unix seconds, sizes bytes. A figure that was not measured is absent or null, never zero. Only
`dataset`, `version` and `table_uri` must be there: a record with less is poor, not broken.
"""

from __future__ import annotations

from typing import Any, Required, TypedDict


class InputDocument(TypedDict, total=False):
    """One object that was read. `sha256` of its bytes; `etag` and `version_id` where the store has them."""

    name: Required[str]
    uri: Required[str]
    sha256: str
    bytes: int
    rows: int
    etag: str | None
    version_id: str | None


class CheckDocument(TypedDict, total=False):
    """One check, its figure and its target. `detail` is one sentence; `on_failure` what was done; `interval` where
    the figure may truly be."""

    name: Required[str]
    success: Required[bool]
    observed: Any
    target: Any
    on_failure: str
    detail: str
    error: str
    interval: list[float] | None


class SliDocument(TypedDict):
    """One service level. `observed` null is "not measured"; `ok` is null without a figure or a target."""

    name: str
    observed: float | None
    target: float | None
    ok: bool | None
    unit: str


class StageDocument(TypedDict, total=False):
    """One stage of the run, for the trace. `figures` become the span's attributes."""

    name: Required[str]
    started_unix: Required[float]
    seconds: Required[float]
    figures: dict[str, Any]


class StepDocument(TypedDict, total=False):
    """What one step of the policy did: children planned, made, dropped by checks and published."""

    name: Required[str]
    use: list[str]
    planned: int
    made: int
    dropped: int
    published: int
    judged: int
    contradicted: int
    unfamiliar: int


class LatencyDocument(TypedDict):
    """How long one transform takes per child."""

    use: str
    p50_ms: float
    p95_ms: float
    p99_ms: float


class StorageDocument(TypedDict, total=False):
    """Bytes of the version's files: `real_bytes` of real rows, `total_bytes` of all, `new_bytes` this run wrote."""

    real_bytes: int
    total_bytes: int
    new_bytes: int


class UsageDocument(TypedDict, total=False):
    """What the run cost: CPU seconds of all its processes, bytes read and written, money per CPU hour."""

    cpu_seconds: float
    bytes_read: int
    bytes_written: int
    price_per_cpu_hour: float
    currency: str


Counts = dict[str, dict[str, dict[str, int]]]
"""Rows by split, then origin, then label (as text)."""


class RowsDocument(TypedDict, total=False):
    """Rows of the published version by origin; `quarantined` failed the schema, `dropped` a check."""

    real: int
    augmented: int
    synthetic: int
    quarantined: int
    dropped: int
    by_split_origin_label: Counts


class VersionDocument(TypedDict, total=False):
    """One published version. `version_digest` is a hash of its files; `policy` is nested, as loaded;
    `columns` are the user's columns and their Arrow types; `rates` how the verifier found the children of each step
    and class, `verifier` how it found real rows; `trace_id` of the OpenTelemetry trace; `published_on` a day such
    as 2026-11-21."""

    dataset: Required[str]
    version: Required[int]
    table_uri: Required[str]
    version_digest: str
    parent_version: int | None
    parent_mlflow_run_id: str | None
    policy: dict[str, Any]
    parent_policy: dict[str, Any] | None
    policy_text: str
    parent_policy_text: str | None
    policy_hash: str
    git_commit: str | None
    channel: str | None
    prefect_run_url: str | None
    run_id: str
    trace_id: str | None
    fingerprint: dict[str, Any] | str
    source_uri: str
    columns: dict[str, str]
    inputs: list[InputDocument]
    production: list[InputDocument]
    rows: RowsDocument
    checks: list[CheckDocument]
    slis: list[SliDocument]
    stages: list[StageDocument]
    steps: list[StepDocument]
    latency: list[LatencyDocument]
    rates: list[dict[str, Any]]
    verifier: dict[str, Any]
    overruled: dict[str, str]
    quarantine: dict[str, dict[str, int]]
    not_judged: str
    published_on: str
    storage: StorageDocument
    usage: UsageDocument
    started_unix: float
    ended_unix: float


class RunLink(TypedDict):
    """Where the MLflow run of a version is."""

    tracking_uri: str
    experiment_id: str
    run_id: str
