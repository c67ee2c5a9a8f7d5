"""The shape of the JSON document behind the validation report. A figure that was not measured is null, never zero."""

from __future__ import annotations

from typing import Any, Required, TypedDict

Counts = dict[str, dict[str, dict[str, int]]]
"""Rows by split, then origin, then label (as text)."""


class FailingRow(TypedDict, total=False):
    """A row a check named, with the values that were judged."""

    sample_id: Required[str]
    values: dict[str, Any]


class Detail(TypedDict, total=False):
    """A part of a figure: what it is about (`of`), the figure, its interval, and a word for it, such as helped."""

    of: Required[str]
    observed: Required[float | int | None]
    interval: list[float] | None
    word: str


class CheckReport(TypedDict, total=False):
    """One check. `layer` is where it belongs: schema, structural, semantic, distributional, custom or gates.

    `interval` is where the figure of a gate may truly be; `too_few` that there were too few rows to judge; `clocked`
    that the figure depends on how fast the run was, not on its rows.
    """

    name: Required[str]
    success: Required[bool]
    layer: str
    description: str
    observed: Any
    target: Any
    judged: int
    failed: int
    error: str
    on_failure: str
    failing: list[FailingRow]
    interval: list[float] | None
    too_few: bool
    clocked: bool
    details: list[Detail]


class FloorReport(TypedDict):
    """Figures of held-out real rows of one class, from `Verifier.noise_floor`."""

    label: str
    rows: int
    reached_alpha: float
    contradicted_rate: float | None
    unfamiliar_rate: float | None
    catch_rate: float | None
    too_few: bool


class RateReport(TypedDict, total=False):
    """Outcomes of children of one step, transform and class, from `outcome_counts.rates`."""

    step: Required[str]
    transform: Required[str]
    label: Required[str]
    judged: int
    contradicted: int
    unfamiliar: int
    too_few: int
    rejected: int
    label_consistency_rate: float | None
    unfamiliar_share: float | None
    noise_floor: FloorReport | None


class SemanticReport(TypedDict, total=False):
    """What the verifier judged, in one sentence (`scope`), and how well it can."""

    scope: str
    alpha: float
    accuracy: float | None
    noise_floor: list[FloorReport]
    rates: list[RateReport]


class QuarantinedRow(TypedDict, total=False):
    """A raw row that failed the schema, or could not be read."""

    sample_id: Required[str]
    reasons: list[str]
    source: str
    values: dict[str, Any]


class RejectedChild(TypedDict, total=False):
    """A child whose label the verifier contradicts, or that it finds unfamiliar (`outcome`). `parents` maps parent ids
    to their values; `reason` is a person's, where it was overruled; what is not `published` is in quarantine."""

    sample_id: Required[str]
    outcome: str
    published: bool
    step: str
    transform: str
    label: str
    predicted: str
    prediction_set: list[str]
    nonconformity: float
    threshold: float
    p_value: float
    distance: float
    distance_threshold: float
    ops: str
    values: dict[str, Any]
    parents: dict[str, dict[str, Any]]
    reason: str


class ValidationDocument(TypedDict, total=False):
    """One run. `version` is null where nothing was published. Lists of rows may be cut; the counts beside them
    are not. `rejections` names the page of rejections that lies beside the report."""

    dataset: Required[str]
    version: int | None
    policy: str
    policy_hash: str
    before: Counts
    after: Counts
    checks: list[CheckReport]
    semantic: SemanticReport
    dropped: int
    quarantined: int
    quarantined_rows: list[QuarantinedRow]
    unfamiliar: int
    rejected: int
    rejected_children: list[RejectedChild]
    overruled_children: list[RejectedChild]
    rejections: str


class RejectionsDocument(TypedDict, total=False):
    """What the verifier thought of a version's children. Lists are worst first and may be cut; counts are not.

    `judged` are those it could judge; `too_few` those of classes with too few real rows; `not_judged` says why none
    could be."""

    dataset: Required[str]
    version: Required[int]
    children: int
    judged: int
    too_few: int
    contradicted: int
    overruled: int
    unfamiliar: int
    alpha: float | None
    noise_floor: list[FloorReport]
    not_judged: str
    contradicted_children: list[RejectedChild]
    overruled_children: list[RejectedChild]
    unfamiliar_children: list[RejectedChild]
